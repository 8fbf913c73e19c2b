/** Failures of the OAuth endpoints. */

/** RFC 6749 sections 4.1.2.1 and 5.2, RFC 7009 section 2.2.1, RFC 8628 section 3.5, RFC 8707 section 2, OpenID Connect. */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'unsupported_token_type'
  | 'access_denied'
  | 'authorization_pending'
  | 'slow_down'
  | 'expired_token'
  | 'unsupported_response_type'
  | 'interaction_required'
  | 'server_error'
  | 'temporarily_unavailable'

/** Of all others it is 400. */
const statuses: { readonly [Code in OAuthErrorCode]?: number } = {
  invalid_client: 401,
  server_error: 500,
  temporarily_unavailable: 503,
}

interface OAuthRefusalOptions {
  /** Where HTTP knows better than the table: 405, 413, 415. */
  readonly status?: number
  /** For the log: the finer reason. Never sent. */
  readonly reason?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Thrown wherever a request to an OAuth endpoint ends without what it asked for. */
export class OAuthRefusal extends Error {
  override readonly name = 'OAuthRefusal'
  readonly code: OAuthErrorCode
  /** `error_description`: for the developer of the client, names the fix. Visible ASCII, no `"` and `\`. */
  readonly description: string
  readonly status: number
  readonly reason: string | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(code: OAuthErrorCode, description: string, options: OAuthRefusalOptions = {}) {
    super(options.reason ?? code)
    this.code = code
    this.description = description
    this.status = options.status ?? statuses[code] ?? 400
    this.reason = options.reason
    this.headers = options.headers ?? {}
  }
}

/**
 * The one answer for every subject token that is not good: unknown, wrong, revoked, expired, of a person who
 * left, of a team that is gone. Which of these it was is logged, and told to nobody who does not own the token.
 */
export function subjectTokenRefused(reason: string): OAuthRefusal {
  return new OAuthRefusal(
    'invalid_request',
    'The subject token is not accepted. Get a new one; the log line with this request id has the exact reason.',
    { reason },
  )
}
