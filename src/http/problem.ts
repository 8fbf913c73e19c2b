import type { Configuration } from '../core/configuration.ts'
import { problems, type Refusal } from '../core/problems.ts'

/** RFC 6750 section 3: a challenge on 401 and on a lack of scope; no `error` when no token was sent. */
function challenge(refusal: Refusal, origin: string): string | null {
  const { status } = problems[refusal.code]
  const parameters = [`realm="countersign"`]
  if (refusal.code === 'scope_insufficient') {
    parameters.push('error="insufficient_scope"', `scope="${refusal.members['scope'] ?? ''}"`)
  } else if (status === 401) {
    if (refusal.code !== 'token_missing') parameters.push('error="invalid_token"')
  } else {
    return null
  }
  parameters.push(`resource_metadata="${origin}/.well-known/oauth-protected-resource"`)
  return `Bearer ${parameters.join(', ')}`
}

/** The answer that a refusal becomes: RFC 9457, with the code also in `Countersign-Error`. */
export function problemResponse(
  refusal: Refusal,
  requestId: string,
  { url: origin }: Pick<Configuration, 'url'>,
): Response {
  const { status, title } = problems[refusal.code]
  const body = JSON.stringify({
    type: `${origin}/problems/${refusal.code}`,
    title,
    status,
    detail: refusal.detail,
    code: refusal.code,
    requestId,
    ...refusal.members,
  })
  const headers = new Headers(refusal.headers)
  headers.set('content-type', 'application/problem+json')
  headers.set('cache-control', 'no-store')
  headers.set('x-content-type-options', 'nosniff')
  headers.set('countersign-error', refusal.code)
  const authenticate = challenge(refusal, origin)
  if (authenticate !== null) headers.set('www-authenticate', authenticate)
  return new Response(body, { status, headers })
}
