/**
 * Requests to the authorization endpoint (RFC 6749 section 4.1.1, RFC 7636, RFC 8252, RFC 9207). Pure: whom they
 * come from, and whether that person agrees, is for the page.
 */
import { base64url, sha256OfText } from '../core/bytes.ts'
import type { Configuration } from '../core/configuration.ts'
import { redirectUriCharsMax, stateCharsMax } from '../core/limits.ts'
import { cliClientId } from '../core/reserved.ts'
import type { Audience } from './access-token.ts'
import { readClientId } from './clients.ts'
import { readAudience, readScopes } from './exchange.ts'
import { OAuthRefusal } from './oauth-error.ts'
import { type Parameters, required } from './parameters.ts'

/** Who asks and where the answer goes: only when both are certain is anything sent there (section 4.1.2.1). */
export interface Asker {
  readonly clientId: string
  readonly redirectUri: string
  readonly state: string | undefined
}

export interface AuthorizationRequest {
  readonly challenge: string
  /** null: all that the person may. */
  readonly scopes: readonly string[] | null
  readonly audience: Audience
}

/** Throws OAuthRefusal, which a page shows: the answer must not be sent anywhere. */
export function readAsker(parameters: Parameters, clients: Configuration['clients']): Asker {
  required(parameters, 'client_id')
  const redirectUri = required(parameters, 'redirect_uri')
  const clientId = readClientId(parameters, clients)
  const registered =
    clientId === cliClientId
      ? isLoopback(redirectUri)
      : clients.get(clientId)?.redirectUris.includes(redirectUri)
  if (!registered)
    throw new OAuthRefusal('invalid_request', 'Send a redirect_uri that is registered for this client.')
  const state = parameters.get('state')
  if ((state?.length ?? 0) > stateCharsMax)
    throw new OAuthRefusal('invalid_request', `Send a state of at most ${stateCharsMax} characters.`)
  return { clientId, redirectUri, state }
}

/** RFC 8252 section 7.3: the literal address, one path, any port. Compared as text: nothing is normalised. */
const loopbackForm = /^http:\/\/(?:127\.0\.0\.1|\[::1\]):([1-9]\d{0,4})\/callback$/

function isLoopback(uri: string): boolean {
  return uri.length <= redirectUriCharsMax && Number(loopbackForm.exec(uri)?.[1] ?? 65_536) <= 65_535
}

/** base64url of a SHA-256. */
const challengeForm = /^[A-Za-z0-9_-]{43}$/
const verifierForm = /^[A-Za-z0-9._~-]{43,128}$/

/** Throws OAuthRefusal, which goes back to the client. */
export function readAuthorization(
  parameters: Parameters,
  { clientId }: Asker,
  url: string,
): AuthorizationRequest {
  if (required(parameters, 'response_type') !== 'code')
    throw new OAuthRefusal('unsupported_response_type', 'Send response_type as code.')
  for (const name of ['request', 'request_uri', 'registration'])
    if (parameters.has(name))
      throw new OAuthRefusal('invalid_request', `Send no ${name}: it is not supported.`)
  if ((parameters.get('response_mode') ?? 'query') !== 'query')
    throw new OAuthRefusal('invalid_request', 'Send response_mode as query, or not at all.')
  if (parameters.get('prompt') === 'none')
    throw new OAuthRefusal('interaction_required', 'Leave prompt out: a person has to agree each time.')
  const challenge = required(parameters, 'code_challenge')
  if (parameters.get('code_challenge_method') !== 'S256' || !challengeForm.test(challenge))
    throw new OAuthRefusal('invalid_request', 'Send a code_challenge of PKCE, with the method S256.')
  const audience = readAudience(parameters, url)
  assertAudience(clientId, audience)
  return { challenge, scopes: readScopes(parameters), audience }
}

/** The terminal administers; a page in a browser calls, and that is all that its people agreed to. */
export function assertAudience(clientId: string, audience: Audience): void {
  if (audience === 'administration' && clientId !== cliClientId)
    throw new OAuthRefusal(
      'invalid_target',
      'Send no resource but that of calls: this client gets no other tokens.',
    )
}

/** RFC 7636 section 4.6. */
export async function provesChallenge(verifier: string, challenge: string): Promise<boolean> {
  return verifierForm.test(verifier) && (await challengeOf(verifier)) === challenge
}

/** RFC 7636 section 4.2, S256. */
export async function challengeOf(verifier: string): Promise<string> {
  return base64url(await sha256OfText(verifier))
}

/** The address that the answer is sent to, with `iss` (RFC 9207). */
export function answerUri(
  { redirectUri, state }: Asker,
  answer: Readonly<Record<string, string>>,
  issuer: string,
): string {
  const query = new URLSearchParams({ ...answer, ...(state === undefined ? {} : { state }), iss: issuer })
  return `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${query}`
}
