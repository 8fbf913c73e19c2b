/**
 * What all OAuth endpoints share: one form in a POST body, one way to fail (RFC 6749 section 5.2), answers that
 * no cache keeps, and CORS for the origins of configured clients alone.
 */
import type { Context } from 'hono'
import type { Configuration } from '../../core/configuration.ts'
import { oauthBodyBytesMax } from '../../core/limits.ts'
import { Refusal } from '../../core/problems.ts'
import { OAuthRefusal } from '../../tokens/oauth-error.ts'
import { type Parameters, readParameters } from '../../tokens/parameters.ts'
import { mediaTypeOf, readText } from '../bounded-body.ts'
import type { OwnEnv } from '../call.ts'

interface Endpoint {
  readonly config: Pick<Configuration, 'clients'>
  readonly log: (line: string) => void
  readonly answer: (parameters: Parameters, request: Request) => Promise<Response>
}

/** A handler for every method of an endpoint that takes a form by POST. */
export function formEndpoint({ config, log, answer }: Endpoint) {
  const origins = clientOrigins(config.clients)
  return async ({ req: { raw: request }, env }: Context<OwnEnv>): Promise<Response> => {
    const origin = request.headers.get('origin')
    const allowed = origin !== null && origins.has(origin) ? origin : null
    if (request.method === 'OPTIONS') return preflight(allowed)
    let response: Response
    try {
      response = await answer(await readForm(request), request)
    } catch (error) {
      const refusal = asOAuthRefusal(error)
      log(JSON.stringify({ event: 'oauth', id: env.call.id, error: refusal.code, reason: refusal.reason }))
      response = errorResponse(refusal)
    }
    response.headers.append('vary', 'Origin')
    if (allowed !== null) response.headers.set('access-control-allow-origin', allowed)
    return response
  }
}

/** JSON that no cache keeps, in the two headers that RFC 6749 section 5.1 asks for. */
export function uncached(body: object, status = 200): Response {
  return Response.json(body, {
    status,
    headers: { 'cache-control': 'no-store', pragma: 'no-cache', 'x-content-type-options': 'nosniff' },
  })
}

export function serviceOff(): OAuthRefusal {
  return new OAuthRefusal(
    'temporarily_unavailable',
    'The token service of this Countersign is off. Its operator switches it on with the secret COUNTERSIGN_SIGNING_KEY.',
    { reason: 'no signing key' },
  )
}

/** The same for documents: there is no token service to describe. */
export function offDocument(): Response {
  return errorResponse(serviceOff())
}

function errorResponse({ code, description, status, headers }: OAuthRefusal): Response {
  const response = uncached({ error: code, error_description: description }, status)
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
  return response
}

async function readForm(request: Request): Promise<Parameters> {
  if (request.method !== 'POST') {
    throw new OAuthRefusal('invalid_request', 'Send a POST.', {
      status: 405,
      headers: { allow: 'POST, OPTIONS' },
    })
  }
  if (mediaTypeOf(request.headers) !== 'application/x-www-form-urlencoded') {
    throw new OAuthRefusal('invalid_request', 'Send the parameters as application/x-www-form-urlencoded.')
  }
  if (request.headers.has('authorization')) {
    throw new OAuthRefusal(
      'invalid_client',
      'All clients here are public: send client_id and no Authorization.',
      {
        headers: { 'www-authenticate': 'Basic realm="countersign"' },
      },
    )
  }
  const parameters = readParameters(await readText(request, oauthBodyBytesMax))
  if (parameters.has('client_secret') || parameters.has('client_assertion')) {
    throw new OAuthRefusal('invalid_client', 'All clients here are public: send client_id alone.')
  }
  return parameters
}

/** Refusals of other parts of Countersign, in the words of OAuth. */
function asOAuthRefusal(error: unknown): OAuthRefusal {
  if (error instanceof OAuthRefusal) return error
  if (!(error instanceof Refusal)) {
    const reason = error instanceof Error ? error.name : typeof error
    return new OAuthRefusal('server_error', 'An unexpected fault on our side.', { reason })
  }
  const { code, detail, headers } = error
  const options = { reason: error.reason ?? code, headers }
  switch (code) {
    case 'body_too_large':
      return new OAuthRefusal('invalid_request', detail, { ...options, status: 413 })
    case 'request_invalid':
      return new OAuthRefusal('invalid_request', detail, options)
    case 'account_unavailable':
    case 'issuer_unavailable':
    case 'overloaded':
      return new OAuthRefusal('temporarily_unavailable', detail, options)
    default:
      return new OAuthRefusal('server_error', 'An unexpected fault on our side.', options)
  }
}

function clientOrigins(clients: Configuration['clients']): ReadonlySet<string> {
  const origins = new Set<string>()
  for (const { redirectUris } of clients.values()) {
    for (const uri of redirectUris) {
      const origin = URL.parse(uri)?.origin
      // A private-use scheme has the origin `null`, which every sandboxed page has too.
      if (origin !== undefined && origin !== 'null') origins.add(origin)
    }
  }
  return origins
}

function preflight(allowed: string | null): Response {
  const headers = new Headers({ allow: 'POST, OPTIONS', vary: 'Origin' })
  if (allowed !== null) {
    headers.set('access-control-allow-origin', allowed)
    headers.set('access-control-allow-methods', 'POST')
    headers.set('access-control-allow-headers', 'content-type')
    headers.set('access-control-max-age', '600')
  }
  return new Response(null, { status: 204, headers })
}
