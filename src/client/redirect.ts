/**
 * Redirects as the Fetch standard follows them (HTTP-redirect fetch), but with our own hands: the token goes to
 * the next hop only when that is the same origin, and is not taken up again on the way back.
 */
import type { Fetch } from './exchange.ts'

const redirectsMax = 20
/** Named `countersign-*`, or a credential: what the other host must not see. */
const ownHeader = /^(countersign-|authorization$|cookie$|proxy-authorization$)/

/**
 * Browsers hide where a redirect leads from scripts; there the standard itself drops `Authorization` on the way
 * to another origin.
 */
export function platformFollows(): boolean {
  return String(Object(Object(globalThis).navigator).userAgent).startsWith('Mozilla/')
}

export type Body = NonNullable<RequestInit['body']>

export interface Hop {
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  /** `undefined`: the body was a stream and is gone. */
  readonly body: Body | null | undefined
  readonly signal: AbortSignal | null
}

/** Follows what this answer asks for, to the end. Rejects with TypeError as `fetch` does. */
export async function follow(response: Response, hop: Hop, fetch: Fetch): Promise<Response> {
  let answer = response
  let at = hop
  for (let count = 0; ; count += 1) {
    const location = answer.headers.get('location')
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === null) return answer
    await answer.body?.cancel()
    if (count === redirectsMax) throw new TypeError(`More than ${redirectsMax} redirects`)
    at = next(at, new URL(location, at.url), answer.status)
    const { url, method, headers, body = null, signal } = at
    answer = await fetch(url, { method, headers, body, signal, redirect: 'manual' })
  }
}

function next(from: Hop, url: URL, status: number): Hop {
  const headers = new Headers(from.headers)
  if (url.origin !== from.url.origin) {
    for (const name of [...headers.keys()]) if (ownHeader.test(name)) headers.delete(name)
  }
  const { method, signal } = from
  const becomesGet = status === 303 ? !/^(GET|HEAD)$/.test(method) : status < 303 && method === 'POST'
  if (becomesGet) {
    for (const name of [...headers.keys()]) if (name.startsWith('content-')) headers.delete(name)
    return { url, method: 'GET', headers, body: null, signal }
  }
  if (from.body === undefined) throw new TypeError('A redirect asks for a body that cannot be sent again')
  return { ...from, url, headers }
}
