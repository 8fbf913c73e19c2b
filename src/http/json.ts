/** Answers of our own in JSON, by who may keep them. */

const nosniff = { 'x-content-type-options': 'nosniff' }

/** Of an answer for this caller alone: no cache, shared or not, keeps it. */
export const privateHeaders = { 'cache-control': 'private, no-store', ...nosniff }

export function privateJson(
  body: object,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json(body, { status, headers: { ...privateHeaders, ...headers } })
}

/** What no cache keeps, in the two headers that RFC 6749 section 5.1 asks for. */
export function uncachedJson(body: object, status = 200): Response {
  return Response.json(body, {
    status,
    headers: { 'cache-control': 'no-store', pragma: 'no-cache', ...nosniff },
  })
}

/** A document that any origin may read, kept for so many seconds. */
export function publicJson(body: object, seconds: number): Response {
  const headers = {
    'cache-control': `public, max-age=${seconds}`,
    'access-control-allow-origin': '*',
    ...nosniff,
  }
  return Response.json(body, { headers })
}
