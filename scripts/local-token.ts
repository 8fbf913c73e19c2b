/** JWTs as the token service issues them (RFC 9068), signed on this machine with its COUNTERSIGN_SIGNING_KEY. */
import { randomUUID } from 'node:crypto'
import { importJWK, type JWK, SignJWT } from 'jose'
import { Complaint } from './complaint.ts'

export const localTokenMinutesMax = 10

interface LocalTokenOptions {
  /** The configuration's url: issuer and audience. */
  readonly url: string
  readonly team: string
  /** As in the token: `plugipay:customer:read ...`. */
  readonly scope: string
  readonly subject?: string
  readonly minutes?: number
}

export const mintLocalToken = async (signingKey: string, options: LocalTokenOptions): Promise<string> => {
  const { url, team, scope, subject = 'local-developer', minutes = localTokenMinutesMax } = options
  const jwk = firstKey(signingKey)
  const algorithm = jwk.crv === 'Ed25519' ? 'EdDSA' : 'ES256'
  const now = Math.floor(Date.now() / 1_000)
  return new SignJWT({ team, scope, client_id: 'local', gid: `local-${randomUUID()}` })
    .setProtectedHeader({ alg: algorithm, typ: 'at+jwt', ...(jwk.kid === undefined ? {} : { kid: jwk.kid }) })
    .setIssuer(url)
    .setAudience(url)
    .setSubject(subject)
    .setJti(randomUUID())
    .setIssuedAt(now)
    .setExpirationTime(now + minutes * 60)
    .sign(await importJWK(jwk, algorithm))
}

/** COUNTERSIGN_SIGNING_KEY holds one private JWK or an array of them, of which the first signs. */
const firstKey = (signingKey: string): JWK => {
  const fault =
    'COUNTERSIGN_SIGNING_KEY in .dev.vars must be a private JWK (Ed25519 or ES256) or an array of them.'
  try {
    const parsed: unknown = JSON.parse(signingKey)
    const first: unknown = Array.isArray(parsed) ? parsed[0] : parsed
    if (typeof first === 'object' && first !== null && 'kty' in first && 'd' in first) return first as JWK
  } catch {
    // Said below; the parser's message would quote the key.
  }
  throw new Complaint(fault)
}
