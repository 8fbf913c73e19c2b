/** The admin API, with the caller's own rights. */
import { getAccessToken, isRenewable } from './access.ts'
import type { Context } from './context.ts'
import { exitOfStatus } from './exit-codes.ts'
import { Failure, usageFailure } from './failure.ts'
import { answerBytesMax } from './limits.ts'
import { networkFailure } from './network.ts'
import { type AnswerHead, ownErrorCode, problemFailure, readFields } from './problem.ts'
import { send, textBody } from './transport.ts'
import { version } from './version.ts'

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
  readonly accept?: string
  /** In place of the context's: `login` looks whom a token belongs to before there are any settings. */
  readonly given?: { readonly url: string; readonly token: string }
}

const requestMillis = 30_000

/** The answer's text. Throws Failure for anything but a 2xx. */
export async function requestApi(context: Context, path: string, request: ApiRequest): Promise<string> {
  const { given } = request
  const url = given?.url ?? context.url
  const target = `${url}${path}${queryString(request.query ?? {})}`
  const token = given?.token ?? (await getAccessToken(context, 'administration')).text
  let asked = await ask(context, { url, target, token }, request)
  if (asked.response.status === 401 && given === undefined && isRenewable(context.credential)) {
    const { text } = await getAccessToken(context, 'administration', { refused: token })
    asked = await ask(context, { url, target, token: text }, request)
  }
  const { response, text } = asked
  const { status } = response
  if (status >= 200 && status <= 299) return text
  const strange = status < 400 || (ownErrorCode(response.headers) === null && readFields(text) === null)
  throw strange ? strangeAnswer(url, status) : problemFailure(response, text)
}

export async function api(
  context: Context,
  path: string,
  request: ApiRequest = {},
): Promise<Readonly<Record<string, unknown>>> {
  return readAnswer(request.given?.url ?? context.url, await requestApi(context, path, request))
}

/** The fields of a 2xx. Throws Failure for words that are none of ours, such as the login page of a network. */
export function readAnswer(url: string, text: string): Readonly<Record<string, unknown>> {
  // Of what was removed nothing is said.
  const fields = text === '' ? {} : readFields(text)
  if (fields === null) throw strangeAnswer(url)
  return fields
}

export function strangeAnswer(url: string, status = 200): Failure {
  const exit = status < 400 ? 'failure' : exitOfStatus(status)
  return new Failure(exit, `${url} does not answer as a Countersign (${status}).`, {
    hint: 'Is the address right, and does nothing stand in between, such as the login page of a network?',
    code: 'answer_invalid',
  })
}

/** The team that the credential belongs to. Throws Failure `usage` for who belongs to none. */
export async function ownTeam(context: Context): Promise<string> {
  const { team } = await api(context, '/api/whoami')
  if (typeof team === 'string') return team
  throw usageFailure('You belong to no team; say which one is meant, with --team.')
}

interface Asked {
  readonly response: AnswerHead
  readonly text: string
}

interface Target {
  /** The Countersign, for messages. */
  readonly url: string
  readonly target: string
  readonly token: string
}

async function ask(
  context: Context,
  { url, target, token }: Target,
  { method = 'GET', body, accept = 'application/json' }: ApiRequest,
): Promise<Asked> {
  const startedAt = performance.now()
  const headers = new Map([
    ['authorization', `Bearer ${token}`],
    ['accept', accept],
    ['user-agent', `countersign-cli/${version}`],
  ])
  if (body !== undefined) headers.set('content-type', 'application/json')
  const outgoing = body === undefined ? null : textBody(JSON.stringify(body))
  try {
    const response = await send({
      url: new URL(target),
      method,
      headers,
      body: outgoing,
      timeoutMillis: requestMillis,
    })
    const text = String(await response.bytes(answerBytesMax))
    traceAnswer(context, `${method} ${target.split('?')[0]}`, { response, startedAt })
    return { response, text }
  } catch (error) {
    throw networkFailure(url, error)
  }
}

export function traceAnswer(
  { terminal }: Context,
  line: string,
  { response, startedAt }: { readonly response: AnswerHead; readonly startedAt: number },
): void {
  const millis = Math.round(performance.now() - startedAt)
  const id = response.headers.get('countersign-request-id') ?? 'none'
  terminal.trace(`${line}: ${response.status} in ${millis} ms (request ${id})`)
}

function queryString(query: Readonly<Record<string, string | undefined>>): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, value)
  return parameters.size === 0 ? '' : `?${parameters}`
}

const pagesMax = 1_000

/** All pages of a list, or the first `limit` items. */
export async function listAll(
  context: Context,
  path: string,
  query: Readonly<Record<string, string | undefined>> = {},
  limit = Number.POSITIVE_INFINITY,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const items: Readonly<Record<string, unknown>>[] = []
  let cursor: string | undefined
  for (let page = 0; page < pagesMax; page += 1) {
    const { items: more, next } = await api(context, path, { query: { ...query, cursor } })
    if (!Array.isArray(more)) throw strangeAnswer(context.url)
    for (const item of more) items.push({ ...item })
    if (typeof next !== 'string' || items.length >= limit) break
    cursor = next
  }
  return items.slice(0, limit)
}
