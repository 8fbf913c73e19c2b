/**
 * Failures of the OAuth endpoints (RFC 6749 section 5.2, RFC 8628 section 3.5, RFC 8707 section 2), one row
 * each, like the problems of the calling interface.
 */
import { table } from '../core/table.ts'

export const oauthErrors = table({
  invalid_request: { status: 400 },
  invalid_client: { status: 401 },
  invalid_grant: { status: 400 },
  unauthorized_client: { status: 400 },
  unsupported_grant_type: { status: 400 },
  invalid_scope: { status: 400 },
  invalid_target: { status: 400 },
  unsupported_token_type: { status: 400 },
  access_denied: { status: 400 },
  authorization_pending: { status: 400 },
  slow_down: { status: 400 },
  expired_token: { status: 400 },
  unsupported_response_type: { status: 400 },
  interaction_required: { status: 400 },
  server_error: { status: 500 },
  temporarily_unavailable: { status: 503 },
}) satisfies Readonly<Record<string, { readonly status: number }>>

export type OAuthErrorCode = keyof typeof oauthErrors

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
    this.status = options.status ?? oauthErrors[code].status
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
    'The subject token is not accepted. Make a new one, or look at its status with one who may list it.',
    { reason },
  )
}
