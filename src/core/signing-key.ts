import type { PublicJwk } from './configuration.ts'
import type { Secret } from './redact.ts'

/** A key of our own token service: `config` reads them from COUNTERSIGN_SIGNING_KEY, `tokens` signs with the first. */
export interface SigningKey {
  /** Its own, or its RFC 7638 thumbprint. */
  readonly kid: string
  readonly algorithm: 'EdDSA' | 'ES256'
  /** The private JWK as JSON. */
  readonly privateJwk: Secret
  /** With kid, alg and use, as /.well-known/jwks.json publishes it. */
  readonly publicJwk: PublicJwk
}
