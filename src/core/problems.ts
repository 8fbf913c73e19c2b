import { own, table } from './table.ts'

/**
 * Who can mend a failure: the caller (send something else), the operator (configuration, secrets), the
 * upstream, or the platform (account, runtime). A label of the log line, never sent.
 */
export type Owner = 'caller' | 'operator' | 'upstream' | 'platform'

interface ProblemRow {
  readonly status: number
  readonly title: string
  readonly owner: Owner
  /** What `/problems/<code>` tells a person: what happened, and what to do about it. */
  readonly help: string
}

/**
 * Every failure that Countersign itself can answer with (RFC 9457). One row is all there is about it: the
 * answer, the help page and the reference are made from here.
 */
export const problems = table({
  path_invalid: {
    status: 400,
    title: 'The path has a form that is not forwarded',
    owner: 'caller',
    help: 'Upstreams read dot segments, double slashes, semicolons, backslashes, malformed escapes and encoded slashes, dots or letters differently from one another. Send the path in its plain form. An upstream that needs encoded characters is configured with encodedPath: "allow".',
  },
  header_invalid: {
    status: 400,
    title: 'A header cannot be read',
    owner: 'caller',
    help: 'One that Countersign has to understand is malformed or was sent twice. The detail names it.',
  },
  key_required: {
    status: 400,
    title: 'Choose a key',
    owner: 'caller',
    help: 'Your team was granted several keys of this upstream, and no default. Send Countersign-Key with the name of one.',
  },
  digest_unsupported: {
    status: 400,
    title: 'This digest cannot be signed',
    owner: 'caller',
    help: "The body streams through unread only where the upstream signs a SHA-256 of it. Send a sha-256 member, or leave Content-Digest out: the body is then read, up to the upstream's buffer.",
  },
  request_invalid: {
    status: 400,
    title: 'The request cannot be forwarded',
    owner: 'caller',
    help: 'It is not one that can be signed and sent on. The detail says why.',
  },
  token_missing: {
    status: 401,
    title: 'No token was sent',
    owner: 'caller',
    help: 'Send Authorization: Bearer <token>, or Countersign-Authorization where an SDK needs Authorization for itself.',
  },
  token_invalid: {
    status: 401,
    title: 'The token is not accepted',
    owner: 'caller',
    help: 'The token is malformed, not signed by an issuer that is trusted here, for another audience, or of a team that does not exist. Get a new one from your issuer; the log line with this request id has the exact reason.',
  },
  token_expired: {
    status: 401,
    title: 'The token has expired',
    owner: 'caller',
    help: "Get a new token and call again. If it is new, compare your clock with the issuer's.",
  },
  token_revoked: {
    status: 401,
    title: 'The token was revoked',
    owner: 'caller',
    help: 'The token, or what it descends from, was revoked. Sign in again or ask your admin.',
  },
  scope_insufficient: {
    status: 403,
    title: 'The token or the team lacks a scope',
    owner: 'caller',
    help: "The scope member names what the team's grant and the token must both hold. Ask for a token with it, or ask the platform team to widen the grant. The administration asks for roles instead, which the detail names.",
  },
  route_not_allowed: {
    status: 403,
    title: 'This route is not open',
    owner: 'caller',
    help: 'What no route of the upstream names, by method and path, is refused. Ask the platform team to add it.',
  },
  key_not_granted: {
    status: 403,
    title: 'Your team may not use this key',
    owner: 'caller',
    help: 'Send Countersign-Key with one of the keys that it was granted.',
  },
  origin_not_allowed: {
    status: 403,
    title: 'This web origin may not call',
    owner: 'caller',
    help: "The Origin header is not among the team's origins. Ask the platform team to add the exact origin.",
  },
  team_suspended: {
    status: 403,
    title: 'The team is suspended',
    owner: 'caller',
    help: 'An admin has suspended the team. Calls pass again once it is resumed.',
  },
  upstream_unknown: {
    status: 404,
    title: 'There is no such upstream for you',
    owner: 'caller',
    help: 'The upstream does not exist, is disabled, or was not granted to your team. Which of these is not told.',
  },
  not_found: {
    status: 404,
    title: 'There is no such thing for you',
    owner: 'caller',
    help: 'The administration does not know this name or id, or your role does not see it. Which of these is not told.',
  },
  method_not_allowed: {
    status: 405,
    title: 'This method is not forwarded',
    owner: 'caller',
    help: 'The Allow header lists those that are; OPTIONS is answered for CORS.',
  },
  precondition_failed: {
    status: 412,
    title: 'It is not what you saw any more',
    owner: 'caller',
    help: 'It is not what If-Match names any more, so nothing was changed. Get it again, and decide anew.',
  },
  body_too_large: {
    status: 413,
    title: 'The body is too large',
    owner: 'caller',
    help: "It is larger than the upstream's maxBodyBytes, or than maxBufferedBytes where it must be read to be signed. In the second case send Content-Digest: sha-256=:<base64>: and it streams through unread.",
  },
  loop_detected: {
    status: 508,
    title: 'The request has been here before',
    owner: 'operator',
    help: 'CDN-Loop already names Countersign: an upstream leads back to it. Point the upstream at its real origin.',
  },
  rate_limited: {
    status: 429,
    title: 'The team has used up its limit',
    owner: 'caller',
    help: 'Wait for the seconds of Retry-After. The limit member names the limit; RateLimit-Policy says how it refills.',
  },
  internal_error: {
    status: 500,
    title: 'Something broke on our side',
    owner: 'platform',
    help: 'The request id leads the platform team to the log line.',
  },
  config_invalid: {
    status: 500,
    title: 'Countersign is not configured correctly',
    owner: 'operator',
    help: 'Nothing is forwarded until a fault of the configuration is mended. Operators: the log lists every one with its path; countersign config check does so offline.',
  },
  signer_error: {
    status: 500,
    title: 'The request could not be signed',
    owner: 'operator',
    help: 'The signing scheme failed on this key, so nothing was sent. The log line with this request id has the reason.',
  },
  upstream_unreachable: {
    status: 502,
    title: 'The upstream cannot be reached',
    owner: 'upstream',
    help: 'The connection failed or broke before an answer. The upstream may have received the request: repeat it only if it is safe to, or with the same Idempotency-Key.',
  },
  upstream_bad_response: {
    status: 502,
    title: "The upstream's answer cannot be passed on",
    owner: 'upstream',
    help: 'It is not a final HTTP answer, or a redirect to another host that would carry your token along. The detail says which.',
  },
  upstream_timeout: {
    status: 504,
    title: 'The upstream did not answer in time',
    owner: 'upstream',
    help: 'No answer began within the timeoutMs of the upstream (uploadTimeoutMs for streamed bodies). It may have received the request.',
  },
  credential_unavailable: {
    status: 503,
    title: "The upstream's key is not usable",
    owner: 'operator',
    help: 'Its secret is missing or malformed, so nothing was sent. Other keys are not affected. Operators: the log names the binding.',
  },
  account_unavailable: {
    status: 503,
    title: "The team's account cannot be asked",
    owner: 'platform',
    help: 'Quota and revocations could not be checked, and nothing passes unchecked. Try again after the seconds of Retry-After.',
  },
  issuer_unavailable: {
    status: 503,
    title: "The issuer's keys cannot be fetched",
    owner: 'platform',
    help: "The JWKS of the token's issuer cannot be had right now. Try again after the seconds of Retry-After.",
  },
  overloaded: {
    status: 503,
    title: 'Too much at once',
    owner: 'platform',
    help: 'The memory for buffered bodies, or the account, is fully taken. Try again after the seconds of Retry-After, or send Content-Digest so that the body is not buffered.',
  },
}) satisfies Readonly<Record<string, ProblemRow>>

export type ProblemCode = keyof typeof problems

/** Of a code as a caller writes it; undefined: there is no such code. */
export function problemRow(code: string): ProblemRow | undefined {
  return own(problems, code)
}

interface RefusalOptions {
  /** For the caller: names the fix, never holds internals, secrets or text from outside that was not checked. Without it: the code's `help`. */
  readonly detail?: string
  /** For the log: the finer reason. Never sent. */
  readonly reason?: string | undefined
  /** Extra response headers, such as `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Extra members of the problem, such as `scope` or `limit`. */
  readonly members?: Readonly<Record<string, string | number>>
}

/** Thrown wherever a request ends before an upstream's answer; `http/problem.ts` turns it into one. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: ProblemCode
  readonly detail: string
  readonly reason: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly members: Readonly<Record<string, string | number>>

  constructor(code: ProblemCode, { detail, reason, headers = {}, members = {} }: RefusalOptions = {}) {
    super(reason ?? code)
    this.code = code
    this.detail = detail ?? problems[code].help
    this.reason = reason
    this.headers = headers
    this.members = members
  }
}

/** What anything that was thrown is told as: a refusal, or a fault that nobody foresaw. */
export function asRefusal(error: unknown): Refusal {
  return error instanceof Refusal
    ? error
    : new Refusal('internal_error', {
        detail: 'An unexpected fault on our side.',
        // The name alone: a message could quote what it was given.
        reason: error instanceof Error ? error.name : typeof error,
      })
}

/** What most readers of requests throw. `detail` names the fix. */
export function requestInvalid(detail: string): Refusal {
  return new Refusal('request_invalid', { detail })
}

export function headerInvalid(detail: string): Refusal {
  return new Refusal('header_invalid', { detail })
}

/** For a member or parameter that was sent in another form. */
export function malformed(name: string, form: string): Refusal {
  return requestInvalid(`Send ${name} as ${form}.`)
}
