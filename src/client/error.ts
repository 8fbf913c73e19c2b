/** No access token could be had. Calls that were made fail or succeed as `fetch` does; only this is ours. */
export class CountersignError extends Error {
  override readonly name = 'CountersignError'
  /** An error code of RFC 6749 section 5.2, or `unreachable`, `answer_invalid`, `token_malformed`, `team_mismatch`. */
  readonly code: string
  /** HTTP status of the token endpoint; 0 when there was no answer. */
  readonly status: number
  /** Seconds after which it makes sense to try again; null when the service did not say. */
  readonly retryAfterSeconds: number | null

  constructor(code: string, message: string, facts: ErrorFacts = {}) {
    const { status = 0, retryAfterSeconds = null, cause } = facts
    super(message, { cause })
    this.code = code
    this.status = status
    this.retryAfterSeconds = retryAfterSeconds
  }
}

interface ErrorFacts {
  readonly status?: number
  readonly retryAfterSeconds?: number | null
  /** What `fetch` threw. */
  readonly cause?: unknown
}
