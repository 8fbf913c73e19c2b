/**
 * What all OAuth endpoints share: one form in a POST body, one way to fail (RFC 6749 section 5.2), answers that
 * no cache keeps, and CORS for the origins of configured clients alone.
 */
import type { Context } from 'hono'
import type { Configuration } from '../../core/configuration.ts'
import { asRefusal, problems } from '../../core/problems.ts'
import { OAuthRefusal } from '../../tokens/oauth-error.ts'
import { type Parameters, readParameters } from '../../tokens/parameters.ts'
import type { Signer } from '../../tokens/signing-keys.ts'
import type { TokenService } from '../../tokens/token-service.ts'
import { readFormText } from '../bounded-body.ts'
import type { OwnEnv } from '../call.ts'
import { preflightAnswer } from '../cors.ts'
import { uncachedJson } from '../json.ts'

export interface OAuthCall {
  readonly parameters: Parameters
  readonly request: Request
  readonly signer: Signer
}

/** Answers one call of an endpoint. Throws OAuthRefusal or Refusal. */
export type Endpoint = (call: OAuthCall, service: TokenService) => Promise<Response>

/** Makes handlers, for every method, of endpoints that take a form by POST. */
export function formEndpoints(service: TokenService, log: (line: string) => void) {
  const origins = clientOrigins(service.config.clients)
  const answerForm = async (answer: Endpoint, request: Request, id: string): Promise<Response> => {
    try {
      const parameters = await readForm(request)
      if (service.signing === null) throw serviceOff()
      return await answer({ parameters, request, signer: service.signing.signer }, service)
    } catch (error) {
      const refusal = asOAuthRefusal(error)
      log(JSON.stringify({ event: 'oauth', id, error: refusal.code, reason: refusal.reason }))
      return errorResponse(refusal)
    }
  }
  return (answer: Endpoint) =>
    async ({ req: { raw: request }, env }: Context<OwnEnv>): Promise<Response> => {
      const origin = request.headers.get('origin')
      const allowed = origin !== null && origins.has(origin) ? origin : null
      const response =
        request.method === 'OPTIONS'
          ? preflightAnswer('POST', 'content-type', allowed !== null)
          : await answerForm(answer, request, env.call.id)
      if (allowed !== null) response.headers.set('access-control-allow-origin', allowed)
      return response
    }
}

export function serviceOff(): OAuthRefusal {
  return new OAuthRefusal(
    'temporarily_unavailable',
    'The token service is off here. Its operator switches it on with the secret COUNTERSIGN_SIGNING_KEY.',
    { reason: 'no signing key' },
  )
}

export function errorResponse({ code, description, status, headers }: OAuthRefusal): Response {
  const response = uncachedJson({ error: code, error_description: description }, status)
  response.headers.set('countersign-error', code)
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
  return response
}

async function readForm(request: Request): Promise<Parameters> {
  const { method, headers } = request
  if (method !== 'POST')
    throw new OAuthRefusal('invalid_request', 'Send a POST.', {
      status: 405,
      headers: { allow: 'POST, OPTIONS' },
    })
  if (headers.has('authorization')) throw notPublic({ 'www-authenticate': 'Basic realm="countersign"' })
  const form = await readFormText(request)
  if (form === null)
    throw new OAuthRefusal('invalid_request', 'Send the parameters as application/x-www-form-urlencoded.')
  const parameters = readParameters(form)
  if (parameters.has('client_secret') || parameters.has('client_assertion')) throw notPublic()
  return parameters
}

function notPublic(headers: Readonly<Record<string, string>> = {}): OAuthRefusal {
  return new OAuthRefusal('invalid_client', 'All clients here are public: send client_id alone.', { headers })
}

/** Refusals of other parts of Countersign, in the words of OAuth. */
function asOAuthRefusal(error: unknown): OAuthRefusal {
  if (error instanceof OAuthRefusal) return error
  const { code, detail, headers, reason = code } = asRefusal(error)
  const { status } = problems[code]
  if (status === 400 || status === 413)
    return new OAuthRefusal('invalid_request', detail, { reason, headers, status })
  if (status === 503) return new OAuthRefusal('temporarily_unavailable', detail, { reason, headers })
  return new OAuthRefusal('server_error', 'An unexpected fault on our side.', { reason })
}

function clientOrigins(clients: Configuration['clients']): ReadonlySet<string> {
  const uris = [...clients.values()].flatMap(({ redirectUris }) => redirectUris)
  // A private-use scheme has the origin `null`, which every sandboxed page has too.
  return new Set(uris.map((uri) => new URL(uri).origin).filter((origin) => origin !== 'null'))
}
