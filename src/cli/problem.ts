/** Countersign's own answers, told to a person: RFC 9457 problems and the errors of OAuth. */
import { CountersignError } from '../client/error.ts'
import { problemRow } from '../core/problems.ts'
import { type Exit, exitOfStatus } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { networkFailure } from './network.ts'

const renewedByLogin = /^token_(missing|invalid|expired|revoked)$/

/** What is read of an answer, whatever brought it. */
export interface AnswerHead {
  readonly status: number
  readonly headers: { readonly get: (name: string) => string | null }
}

export const ownErrorCode = (headers: AnswerHead['headers']): string | null =>
  headers.get('countersign-error')

/** `text`: the body of an answer with `Countersign-Error`, or of any answer of the admin API above 399. */
export const problemFailure = (response: AnswerHead, text: string): Failure => {
  const { code: stated, detail, title } = readObject(text)
  const code = ownErrorCode(response.headers) ?? (typeof stated === 'string' ? stated : 'unknown')
  const said = detail ?? title ?? 'no reason given'
  const exit: Exit = code === 'token_missing' ? 'noCredential' : exitOfStatus(response.status)
  const hints = [
    ...(renewedByLogin.test(code) ? ['Log in again with countersign login, or set COUNTERSIGN_TOKEN.'] : []),
    ...waitHint(response.headers.get('retry-after')),
  ]
  const help = problemRow(code)?.help
  if (hints.length === 0 && help !== undefined) hints.push(help)
  return new Failure(exit, `${response.status} ${code}: ${said}`, {
    code,
    requestId: response.headers.get('countersign-request-id'),
    ...(hints.length === 0 ? {} : { hint: hints.join(' ') }),
  })
}

const waitHint = (seconds: string | null): readonly string[] =>
  seconds === null || !/^\d+$/.test(seconds) ? [] : [`Try again in ${seconds} s.`]

/** Why no access token could be had. */
export const tokenFailure = (origin: string, error: unknown): Failure => {
  if (!(error instanceof CountersignError)) return networkFailure(origin, error)
  const { code, status, message, retryAfterSeconds } = error
  if (code === 'unreachable') return networkFailure(origin, error)
  const wait = waitHint(retryAfterSeconds === null ? null : String(retryAfterSeconds))
  if (status === 429 || status >= 500) {
    return new Failure('tryAgain', `${origin} gives no token now: ${message}`, {
      code,
      hint: wait[0] ?? 'Try again.',
    })
  }
  if (status >= 400 && code !== 'answer_invalid' && status !== 404) {
    return new Failure('refused', `${origin} gives no token: ${code}: ${message}`, {
      code,
      hint: hintOf(code),
    })
  }
  return new Failure('failure', `${origin} has no token service that we understand: ${message}`, {
    code,
    hint: 'Is it a Countersign, and is COUNTERSIGN_SIGNING_KEY set there?',
  })
}

const hintOf = (code: string): string => {
  if (code === 'invalid_scope') return 'Ask for scopes that the credential holds.'
  if (code === 'invalid_target') return 'The credential is not for this. Log in with one that is.'
  return 'It may be revoked, expired or mistyped. Log in again with countersign login.'
}

export const readObject = (text: string): Readonly<Record<string, unknown>> => {
  try {
    return { ...JSON.parse(text) }
  } catch {
    return {}
  }
}
