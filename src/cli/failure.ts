import type { Exit } from './exit-codes.ts'

interface FailureOptions {
  /** A sentence that names the fix. */
  readonly hint?: string
  /** A word for programs; `--json` shows it. */
  readonly code?: string
  /** Leads an operator to the log line. */
  readonly requestId?: string | null
  /** The page that explains the code to a person (RFC 9457 `type`). */
  readonly page?: string | null
}

/** A command's end that a person can understand: printed as it is, never with a stack trace. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly exit: Exit
  readonly hint: string | null
  readonly code: string
  readonly requestId: string | null
  readonly page: string | null

  constructor(
    exit: Exit,
    message: string,
    { hint, code = exit, requestId = null, page = null }: FailureOptions = {},
  ) {
    super(message)
    this.exit = exit
    this.hint = hint ?? null
    this.code = code
    this.requestId = requestId
    this.page = page
  }
}

export function usageFailure(message: string, hint?: string): Failure {
  return new Failure('usage', message, hint === undefined ? {} : { hint })
}
