/**
 * The keys of our token service, as `config` reads them from COUNTERSIGN_SIGNING_KEY: the first signs, all are
 * published. So a new key can be known everywhere before it signs, and an old one until the last token that it
 * signed has expired.
 */
import { type CryptoKey, importJWK } from 'jose'
import type { PublicJwk } from '../core/configuration.ts'
import type { Secret } from '../core/redact.ts'

export interface SigningKey {
  readonly kid: string
  readonly algorithm: 'EdDSA' | 'ES256'
  /** The private JWK as JSON. */
  readonly privateJwk: Secret
  /** As /.well-known/jwks.json publishes it. */
  readonly publicJwk: PublicJwk
}

export interface Signer {
  readonly kid: string
  readonly algorithm: SigningKey['algorithm']
  readonly key: CryptoKey
}

/** Imports the key that signs. `keys` were judged by `config`; one that cannot be imported is a fault of ours. */
export async function openSigner({ kid, algorithm, privateJwk }: SigningKey): Promise<Signer> {
  const key = await importJWK(JSON.parse(privateJwk.reveal()), algorithm)
  if (key instanceof Uint8Array) throw new TypeError('the signing key is not asymmetric')
  return { kid, algorithm, key }
}
