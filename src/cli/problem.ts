/** Countersign's own answers (RFC 9457), told to a person. */
import { problemRow } from '../core/problems.ts'
import { type Exit, exitOfStatus } from './exit-codes.ts'
import { Failure } from './failure.ts'

/** One of ours; anything else is not a page to send a person to. */
const pageForm = /^https?:\/\/[\w.:[\]-]+\/problems\/\w+$/

const renewedByLogin = /^token_(missing|invalid|expired|revoked)$/

/** What is read of an answer, whatever brought it. */
export interface AnswerHead {
  readonly status: number
  readonly headers: { readonly get: (name: string) => string | null }
}

export function ownErrorCode(headers: AnswerHead['headers']): string | null {
  return headers.get('countersign-error')
}

/** `text`: the body of an answer with `Countersign-Error`, or of any answer of the admin API above 399. */
export function problemFailure(response: AnswerHead, text: string): Failure {
  const { code: stated, detail, title, type } = readObject(text)
  const code = ownErrorCode(response.headers) ?? (typeof stated === 'string' ? stated : 'unknown')
  const said = detail ?? title ?? 'no reason given'
  const exit: Exit = code === 'token_missing' ? 'noCredential' : exitOfStatus(response.status)
  const hint = renewedByLogin.test(code)
    ? 'Log in again with countersign login, or set COUNTERSIGN_TOKEN.'
    : (waitHint(response.headers.get('retry-after')) ?? help(code, detail))
  return new Failure(exit, `${response.status} ${code}: ${said}`, {
    code,
    requestId: response.headers.get('countersign-request-id'),
    page: typeof type === 'string' && pageForm.test(type) ? type : null,
    ...(hint === undefined || String(said).endsWith(hint) ? {} : { hint }),
  })
}

/** What the table says, where the answer itself says no more than its title. */
function help(code: string, detail: unknown): string | undefined {
  const row = problemRow(code)
  return row?.title === detail ? row?.help : undefined
}

/** `Retry-After`, when it counts seconds. */
export function waitHint(seconds: string | null): string | null {
  return seconds === null || !/^\d+$/.test(seconds) ? null : `Try again in ${seconds} s.`
}

/** Empty for what is no JSON object. */
export function readObject(text: string): Readonly<Record<string, unknown>> {
  return readFields(text) ?? {}
}

/** Null for what is no JSON object. */
export function readFields(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}
