/**
 * Token exchange (RFC 8693): what a request asks for, and what may be issued for it. Whom a subject token
 * belongs to is decided elsewhere (`directory.ts`, `identity/`); here only what was proven is narrowed.
 */
import type { Configuration, Role } from '../core/configuration.ts'
import { claimCharsMax } from '../core/limits.ts'
import { Secret } from '../core/redact.ts'
import { type Audience, audienceOf } from './access-token.ts'
import { OAuthRefusal, subjectTokenRefused } from './oauth-error.ts'
import { digestOf } from './opaque.ts'
import { type Parameters, required } from './parameters.ts'
import { grantIdOf } from './records.ts'
import { coversScope, parseScopeParameter, withinGrants } from './scope-set.ts'

export const tokenExchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
export const jwtType = 'urn:ietf:params:oauth:token-type:jwt'

export interface ExchangeRequest {
  readonly subjectToken: string
  readonly kind: 'personal-token' | 'jwt'
  readonly audience: Audience
  /** null: as much as the subject token holds. */
  readonly scopes: readonly string[] | null
}

/**
 * Reads the parameters that section 2.1 names; others are ignored (T04). What would change the meaning and is
 * not offered (delegation, other token types) is refused rather than ignored. Throws OAuthRefusal.
 */
export function readExchange(parameters: Parameters, url: string): ExchangeRequest {
  const subjectToken = required(parameters, 'subject_token')
  const type = required(parameters, 'subject_token_type')
  if (type !== accessTokenType && type !== jwtType) {
    throw new OAuthRefusal(
      'invalid_request',
      `Send subject_token_type as ${accessTokenType} for a personal token, ${jwtType} for the JWT of an issuer.`,
    )
  }
  if (parameters.has('actor_token') || parameters.has('actor_token_type')) {
    throw new OAuthRefusal('invalid_request', 'Send no actor_token: delegation is not offered.')
  }
  const requested = parameters.get('requested_token_type')
  if (requested !== undefined && requested !== accessTokenType) {
    throw new OAuthRefusal(
      'invalid_request',
      `Send requested_token_type as ${accessTokenType}, or not at all.`,
    )
  }
  return {
    subjectToken,
    kind: type === jwtType ? 'jwt' : 'personal-token',
    audience: readAudience(parameters, url),
    scopes: readScopes(parameters),
  }
}

/** The `scope` parameter; null when it was not sent. Throws OAuthRefusal `invalid_scope`. */
export function readScopes(parameters: Parameters): readonly string[] | null {
  const text = parameters.get('scope')
  if (text === undefined) return null
  const scopes = parseScopeParameter(text)
  if (scopes !== null) return scopes
  throw new OAuthRefusal(
    'invalid_scope',
    'Send each scope as upstream:scope or upstream@key:scope, with single spaces between them.',
  )
}

interface AudienceOptions {
  /** What it is for when neither was sent. */
  readonly otherwise?: Audience | undefined
}

/**
 * What the token is for, by `resource` (RFC 8707) or `audience` (RFC 8693); calling, unless told otherwise.
 * Throws OAuthRefusal `invalid_target`.
 */
export function readAudience(
  parameters: Parameters,
  url: string,
  { otherwise = 'calls' }: AudienceOptions = {},
): Audience {
  const administration = audienceOf(url, 'administration')
  const wanted = new Set(['resource', 'audience'].flatMap((name) => parameters.get(name) ?? []))
  // RFC 3986 section 6.2.3: an origin with and without its empty path is the same resource.
  if (wanted.delete(`${url}/`)) wanted.add(url)
  const [target] = wanted
  if (wanted.size === 0) return otherwise
  if (wanted.size === 1 && target === url) return 'calls'
  if (wanted.size === 1 && target === administration) return 'administration'
  throw new OAuthRefusal(
    'invalid_target',
    `A token is for one resource: ${url} to call, or ${administration} to administer.`,
  )
}

/** What was proven about a subject token, whichever kind it was. */
export interface Proven {
  /** `sub` of what is issued. */
  readonly subject: string
  /** null: an admin who belongs to no team. */
  readonly team: string | null
  /** What the subject token carries at most, before the team's grants. */
  readonly scopes: readonly string[]
  readonly role: Role
  readonly grantId: string
  /** Seconds since 1970; null: never. */
  readonly notAfter: number | null
}

/**
 * The scopes to issue: those asked for (or all of the subject token), each within the subject token, cut down
 * to what the team is granted now. A wish beyond it is refused; a wildcard that the team holds in part is
 * narrowed, and the answer says to what (RFC 6749 section 3.3). Throws OAuthRefusal.
 */
export function scopesToIssue(
  proven: Proven,
  request: Pick<ExchangeRequest, 'scopes' | 'audience'>,
  teams: Configuration['teams'],
): readonly string[] {
  if (proven.subject.length > claimCharsMax) {
    throw new OAuthRefusal(
      'invalid_request',
      `Send a subject token whose subject has at most ${claimCharsMax} characters.`,
    )
  }
  const team = proven.team === null ? undefined : teams.get(proven.team)
  if (team === undefined) {
    if (proven.team !== null) throw subjectTokenRefused('its team is not configured any more')
    if (request.audience === 'calls') {
      throw new OAuthRefusal(
        'invalid_target',
        'Without a team there is nothing to call; ask for administration.',
      )
    }
    if (request.scopes !== null) throw scopeBeyond()
    return []
  }
  const wanted = request.scopes ?? proven.scopes
  if (!wanted.every((scope) => coversScope(proven.scopes, scope))) throw scopeBeyond()
  const issued = withinGrants(wanted, team)
  const lost = request.scopes?.some((scope) => withinGrants([scope], team).length === 0) === true
  if (lost || (issued.length === 0 && request.audience === 'calls')) throw scopeBeyond()
  return issued
}

function scopeBeyond(): OAuthRefusal {
  return new OAuthRefusal(
    'invalid_scope',
    'The scope is beyond what the subject token holds, or its team is granted now. Ask for less.',
  )
}

/** No answer fits: see `mintAccessToken`. */
export function scopesTooLong(): OAuthRefusal {
  return new OAuthRefusal('invalid_scope', 'So many scopes do not fit into one token. Ask for fewer.')
}

/** `sub` of what an issuer's JWT is exchanged for. */
export function exchangedSubject(issuer: string, subject: string): string {
  return `${issuer}:${subject}`
}

/**
 * `gid` of what an issuer's JWT is exchanged for: the same for the same `jti`, so that revoking the one ends the
 * other; a digest, because a `jti` may be long and a token without one stands for itself.
 */
export async function exchangedGrantId(issuer: string, tokenId: string): Promise<string> {
  return grantIdOf('jwt', await digestOf(new Secret(`${issuer}\n${tokenId}`)))
}
