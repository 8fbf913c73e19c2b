import type { Configuration } from '../core/configuration.ts'
import { problems, type Refusal } from '../core/problems.ts'

export interface ProblemPlace {
  readonly url: Configuration['url']
  /** Whether a path of our own refuses: of those, only the administration's ask for a token of this form. */
  readonly own: boolean
}

/** RFC 6750 section 3: a challenge on 401 and on a lack of scope; no `error` when no token was sent. */
function challenge(refusal: Refusal, { url, own }: ProblemPlace): string | null {
  const { status } = problems[refusal.code]
  const parameters = [`realm="countersign"`]
  if (refusal.code === 'scope_insufficient') {
    parameters.push('error="insufficient_scope"', `scope="${refusal.members['scope'] ?? ''}"`)
  } else if (status === 401) {
    if (refusal.code !== 'token_missing') parameters.push('error="invalid_token"')
  } else {
    return null
  }
  // RFC 9728 section 3.3: calls and administration are two resources, and a client takes no other one's document.
  parameters.push(`resource_metadata="${url}/.well-known/oauth-protected-resource${own ? '/api' : ''}"`)
  return `Bearer ${parameters.join(', ')}`
}

/** The answer that a refusal becomes: RFC 9457, with the code also in `Countersign-Error`. */
export function problemResponse(refusal: Refusal, requestId: string, place: ProblemPlace): Response {
  const { status, title } = problems[refusal.code]
  const { code, detail, members } = refusal
  const body = { type: `${place.url}/problems/${code}`, title, status, detail, code, requestId, ...members }
  const authenticate = challenge(refusal, place)
  const headers = {
    ...refusal.headers,
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'countersign-error': code,
    ...(authenticate && { 'www-authenticate': authenticate }),
  }
  return Response.json(body, { status, headers })
}
