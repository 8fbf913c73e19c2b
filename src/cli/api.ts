/** The admin API (design section 7), with the caller's own rights. */
import { getAccessToken, isRenewable } from './access.ts'
import type { Context } from './context.ts'
import { networkFailure } from './network.ts'
import { problemFailure, readObject } from './problem.ts'
import { version } from './version.ts'

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
  readonly accept?: string
  /** In place of the context's credential: `login` looks whom a token belongs to before it keeps it. */
  readonly token?: string
}

const requestMillis = 30_000

/** The answer's text. Throws Failure for anything but a 2xx. */
export const requestApi = async (context: Context, path: string, request: ApiRequest): Promise<string> => {
  const target = `${context.url}${path}${queryString(request.query ?? {})}`
  const given = request.token
  const token = given ?? (await getAccessToken(context, 'administration')).text
  let response = await send(context, target, { ...request, token })
  if (response.status === 401 && given === undefined && isRenewable(context.credential)) {
    await response.body?.cancel()
    const { text } = await getAccessToken(context, 'administration', { refused: token })
    response = await send(context, target, { ...request, token: text })
  }
  const text = await response.text()
  if (!response.ok) throw problemFailure(response, text)
  return text
}

export const api = async (
  context: Context,
  path: string,
  request: ApiRequest = {},
): Promise<Readonly<Record<string, unknown>>> => readObject(await requestApi(context, path, request))

const send = async (context: Context, target: string, request: ApiRequest): Promise<Response> => {
  const { method = 'GET', body, accept = 'application/json', token } = request
  const startedAt = performance.now()
  try {
    const response = await fetch(target, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        accept,
        'user-agent': `countersign-cli/${version}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'manual',
      signal: AbortSignal.timeout(requestMillis),
    })
    traceAnswer(context, `${method} ${target.split('?')[0]}`, { response, startedAt })
    return response
  } catch (error) {
    throw networkFailure(context.url, error)
  }
}

export const traceAnswer = (
  { terminal }: Context,
  line: string,
  { response, startedAt }: { readonly response: Response; readonly startedAt: number },
): void => {
  const millis = Math.round(performance.now() - startedAt)
  const id = response.headers.get('countersign-request-id') ?? 'none'
  terminal.trace(`${line}: ${response.status} in ${millis} ms (request ${id})`)
}

const queryString = (query: Readonly<Record<string, string | undefined>>): string => {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, value)
  return parameters.size === 0 ? '' : `?${parameters}`
}

const pagesMax = 1_000

/** All pages of a list, or the first `limit` items. */
export const listAll = async (
  context: Context,
  path: string,
  query: Readonly<Record<string, string | undefined>> = {},
  limit = Number.POSITIVE_INFINITY,
): Promise<readonly Readonly<Record<string, unknown>>[]> => {
  const items: Readonly<Record<string, unknown>>[] = []
  let cursor: string | undefined
  for (let page = 0; page < pagesMax; page += 1) {
    const { items: more, next } = await api(context, path, { query: { ...query, cursor } })
    for (const item of Array.isArray(more) ? more : []) items.push({ ...item })
    if (typeof next !== 'string' || items.length >= limit) break
    cursor = next
  }
  return items.slice(0, limit)
}
