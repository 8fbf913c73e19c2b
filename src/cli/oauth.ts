/**
 * What the CLI sends to the OAuth endpoints. Their paths are part of the interface (design section 7) and stand on
 * the profile's own origin: no metadata document is read, so none can name another host.
 */
import type { AccessToken } from '../client/exchange.ts'
import { Secret } from '../core/redact.ts'
import { Failure } from './failure.ts'
import { networkFailure } from './network.ts'
import { readObject } from './problem.ts'

export const clientId = 'countersign-cli'
const requestMillis = 15_000

export interface OAuthAnswer {
  readonly status: number
  readonly fields: Readonly<Record<string, unknown>>
}

export const postForm = async (
  url: string,
  path: string,
  parameters: Readonly<Record<string, string | undefined>>,
): Promise<OAuthAnswer> => {
  const body = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) body.set(name, value)
  try {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(requestMillis),
    })
    return { status: response.status, fields: readObject(await response.text()) }
  } catch (error) {
    throw networkFailure(url, error)
  }
}

export interface Issued {
  readonly accessToken: AccessToken
  readonly refreshToken: Secret | null
}

/** null when the answer is not a token. */
export const readIssued = ({ status, fields }: OAuthAnswer, sentAt: number): Issued | null => {
  const { access_token: text, expires_in: seconds, refresh_token: refresh } = fields
  if (status !== 200 || typeof text !== 'string' || typeof seconds !== 'number') return null
  return {
    accessToken: { text, expiresAt: sentAt + seconds * 1000 },
    refreshToken: typeof refresh === 'string' ? new Secret(refresh) : null,
  }
}

export const refreshSession = async (
  url: string,
  refreshToken: Secret,
  { resource, scope }: { readonly resource: string; readonly scope?: string | undefined },
): Promise<Issued> => {
  const sentAt = Date.now()
  const answer = await postForm(url, '/oauth/token', {
    grant_type: 'refresh_token',
    refresh_token: refreshToken.reveal(),
    client_id: clientId,
    resource,
    scope,
  })
  const issued = readIssued(answer, sentAt)
  if (issued === null) throw oauthFailure(url, answer)
  return issued
}

/** An OAuth error as a person should read it. */
export const oauthFailure = (url: string, { status, fields }: OAuthAnswer): Failure => {
  const { error, error_description: description, detail } = fields
  const code = typeof error === 'string' ? error : 'answer_invalid'
  const said = String(description ?? detail ?? `it answered ${status}`)
  if (status === 429 || status >= 500) {
    return new Failure('tryAgain', `${url} gives no token now: ${said}`, { code, hint: 'Try again.' })
  }
  if (code === 'invalid_grant' || code === 'expired_token') {
    return new Failure('refused', 'The login has ended: it was idle too long, or was revoked.', {
      code,
      hint: 'Log in again with countersign login.',
    })
  }
  if (code === 'answer_invalid') {
    return new Failure('failure', `${url} has no token service that we understand: ${said}`, {
      code,
      hint: 'Is it a Countersign, and is COUNTERSIGN_SIGNING_KEY set there?',
    })
  }
  return new Failure('refused', `${url} gives no token: ${code}: ${said}`, { code })
}

/** RFC 7009. True when the service says that the token is over, which it also says of one that it never knew. */
export const revokeToken = async (url: string, token: Secret): Promise<boolean> => {
  const { status } = await postForm(url, '/oauth/revoke', { token: token.reveal(), client_id: clientId })
  return status === 200
}
