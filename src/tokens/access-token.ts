/**
 * Our own access tokens: JWTs after RFC 9068 (`typ: at+jwt`), ten minutes long, for exactly one audience.
 * `url` is for calling, `url + '/api'` for administration; `gid` names what a token descends from (a personal
 * token, a refresh family, a session, an exchanged JWT), so that ending that ends the token.
 */
import type { Role } from '../core/configuration.ts'
import { compactJws } from '../core/jws.ts'
import { accessTokenSeconds, tokenBytesMax } from '../core/limits.ts'
import { Secret } from '../core/redact.ts'
import type { Signer } from './signing-keys.ts'

export type Audience = 'calls' | 'administration'

/** The `aud` claim, which is also the `resource` to ask for (RFC 8707). */
export function audienceOf(url: string, audience: Audience): string {
  return audience === 'calls' ? url : `${url}/api`
}

export interface AccessTokenClaims {
  readonly audience: Audience
  readonly subject: string
  /** null only for an `admin` without a team, and then only for administration. */
  readonly team: string | null
  readonly scopes: readonly string[]
  readonly clientId: string
  readonly grantId: string
  readonly tokenId: string
  /** Only tokens for administration carry it. */
  readonly role: Role
}

export interface AccessToken {
  readonly text: Secret
  /** Seconds from now. */
  readonly expiresIn: number
}

interface MintContext {
  readonly url: string
  /** Seconds since 1970. */
  readonly now: number
  /** Seconds since 1970 after which what the token descends from is over; null: never. */
  readonly notAfter: number | null
}

/**
 * Signs a token. It never outlives what it descends from. null when it would be longer than any verifier
 * accepts, which only a very long list of scopes can cause.
 */
export async function mintAccessToken(
  { kid, algorithm, sign }: Signer,
  claims: AccessTokenClaims,
  { url, now, notAfter }: MintContext,
): Promise<AccessToken | null> {
  const expiresAt = Math.min(now + accessTokenSeconds, notAfter ?? Number.POSITIVE_INFINITY)
  const payload = {
    iss: url,
    sub: claims.subject,
    aud: audienceOf(url, claims.audience),
    iat: now,
    exp: expiresAt,
    jti: claims.tokenId,
    client_id: claims.clientId,
    scope: claims.scopes.join(' '),
    gid: claims.grantId,
    ...(claims.team === null ? {} : { team: claims.team }),
    ...(claims.audience === 'administration' ? { role: claims.role } : {}),
  }
  const text = await compactJws({ alg: algorithm, kid, typ: 'at+jwt' }, payload, sign)
  return text.length > tokenBytesMax ? null : { text: new Secret(text), expiresIn: expiresAt - now }
}
