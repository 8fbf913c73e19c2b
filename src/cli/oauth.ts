/**
 * What the CLI sends to the OAuth endpoints. Their paths are part of the interface and stand on
 * the profile's own origin: no metadata document is read, so none can name another host.
 */
import { type AccessToken, isPersonalToken, isToken } from '../client/exchange.ts'
import { Secret } from '../core/redact.ts'
import { cliClientId } from '../core/reserved.ts'
import { Failure } from './failure.ts'
import { answerBytesMax, tokenRequestMillis } from './limits.ts'
import { networkFailure } from './network.ts'
import { readObject, waitHint } from './problem.ts'
import { send, textBody } from './transport.ts'
import { version } from './version.ts'

export interface OAuthAnswer {
  readonly status: number
  readonly retryAfter: string | null
  readonly fields: Readonly<Record<string, unknown>>
}

export async function postForm(
  url: string,
  path: string,
  parameters: Readonly<Record<string, string | undefined>>,
): Promise<OAuthAnswer> {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) form.set(name, value)
  try {
    const answer = await send({
      url: new URL(path, url),
      method: 'POST',
      headers: new Map([
        ['content-type', 'application/x-www-form-urlencoded'],
        ['accept', 'application/json'],
        ['user-agent', `countersign-cli/${version}`],
      ]),
      body: textBody(form.toString()),
      timeoutMillis: tokenRequestMillis,
    })
    const fields = readObject(String(await answer.bytes(answerBytesMax)))
    return { status: answer.status, retryAfter: answer.headers.get('retry-after'), fields }
  } catch (error) {
    throw networkFailure(url, error)
  }
}

export interface Issued {
  readonly accessToken: AccessToken
  readonly refreshToken: Secret | null
}

/** null when the answer is not a token. */
export function readIssued({ status, fields }: OAuthAnswer, sentAt: number): Issued | null {
  const { access_token: text, expires_in: seconds, refresh_token: refresh } = fields
  if (status !== 200 || !isToken(text) || typeof seconds !== 'number') return null
  return {
    accessToken: { text, expiresAt: sentAt + seconds * 1000 },
    refreshToken: isToken(refresh) ? new Secret(refresh) : null,
  }
}

export interface TokenWish {
  /** What the token is for (RFC 8707). */
  readonly resource: string
  readonly scope?: string | undefined
}

/** Asks `/oauth/token`. Throws Failure for anything but a token. */
export async function requestToken(
  url: string,
  parameters: Readonly<Record<string, string | undefined>>,
): Promise<Issued> {
  const sentAt = Date.now()
  const answer = await postForm(url, '/oauth/token', parameters)
  const issued = readIssued(answer, sentAt)
  if (issued === null) throw oauthFailure(url, answer)
  return issued
}

/** RFC 6749 section 6. */
export function refreshSession(url: string, refreshToken: Secret, wish: TokenWish): Promise<Issued> {
  return requestToken(url, {
    grant_type: 'refresh_token',
    refresh_token: refreshToken.reveal(),
    client_id: cliClientId,
    ...wish,
  })
}

/** RFC 8693, for a personal token or the JWT of an issuer that is trusted for it. */
export async function exchange(url: string, subjectToken: Secret, wish: TokenWish): Promise<AccessToken> {
  const text = subjectToken.reveal()
  const { accessToken } = await requestToken(url, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: text,
    subject_token_type: `urn:ietf:params:oauth:token-type:${isPersonalToken(text) ? 'access_token' : 'jwt'}`,
    client_id: cliClientId,
    ...wish,
  })
  return accessToken
}

/** What to do about an error of RFC 6749 section 5.2 or RFC 8707 section 2. */
const hints: Readonly<Record<string, string>> = {
  invalid_request: 'The token may be revoked, expired or mistyped. Log in again with countersign login.',
  invalid_scope: 'Ask for scopes that the credential holds.',
  invalid_target:
    'Is --url the url of its configuration? And who belongs to no team calls nothing: countersign tokens create NAME --team TEAM -s SCOPE makes a token of a team.',
}

/** An OAuth error as a person should read it. */
export function oauthFailure(url: string, { status, fields, retryAfter }: OAuthAnswer): Failure {
  const { error, error_description: description, detail } = fields
  const code = typeof error === 'string' ? error : 'answer_invalid'
  const said = String(description ?? detail ?? `it answered ${status}`)
  if (code === 'answer_invalid' && status < 500 && status !== 429) {
    return new Failure('failure', `${url} has no token service that we understand: ${said}`, {
      code,
      hint: 'Is it a Countersign, and is COUNTERSIGN_SIGNING_KEY set there?',
    })
  }
  if (status === 429 || status >= 500) {
    const hint = waitHint(retryAfter) ?? 'Try again.'
    return new Failure('tryAgain', `${url} gives no token now: ${said}`, { code, hint })
  }
  if (code === 'invalid_grant') {
    return new Failure('refused', 'The login has ended: it was idle too long, or was revoked.', {
      code,
      hint: 'Log in again with countersign login.',
    })
  }
  const hint = hints[code]
  return new Failure('refused', `${url} gives no token: ${code}: ${said}`, {
    code,
    ...(hint === undefined ? {} : { hint }),
  })
}

/** RFC 7009. True when the service says that the token is over, which it also says of one that it never knew. */
export async function revokeToken(url: string, token: Secret): Promise<boolean> {
  const { status } = await postForm(url, '/oauth/revoke', { token: token.reveal(), client_id: cliClientId })
  return status === 200
}
