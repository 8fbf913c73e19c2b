/**
 * The keys of our token service, as `config` reads them from COUNTERSIGN_SIGNING_KEY: the first signs, all are
 * published. So a new key can be known everywhere before it signs, and an old one until the last token that it
 * signed has expired.
 */
import type { Sign } from '../core/jws.ts'
import type { SigningKey } from '../core/signing-key.ts'

export interface Signer {
  readonly kid: string
  readonly algorithm: SigningKey['algorithm']
  readonly sign: Sign
}

/** For the import and for signing: WebCrypto reads of them what either needs. */
const parameters = {
  EdDSA: { name: 'Ed25519' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
}

/** Imports a key to sign with. `config` has judged it; one that cannot be imported is a fault of ours. */
export async function openSigner({ kid, algorithm, privateJwk }: SigningKey): Promise<Signer> {
  const jwk = JSON.parse(privateJwk.reveal())
  const key = await crypto.subtle.importKey('jwk', jwk, parameters[algorithm], false, ['sign'])
  return { kid, algorithm, sign: (data) => crypto.subtle.sign(parameters[algorithm], key, data) }
}
