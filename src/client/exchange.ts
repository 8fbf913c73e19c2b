import { CountersignError } from './error.ts'

export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

export interface AccessToken {
  readonly text: string
  /** Milliseconds since 1970, by the clock of this machine. */
  readonly expiresAt: number
}

export interface ExchangeOptions {
  readonly fetch: Fetch
  /** What the token is for (RFC 8707): the origin to call, origin + '/api' to administer. */
  readonly resource: string
  /** Space-separated; without it the token holds all that the subject token holds. */
  readonly scope?: string | undefined
}

const exchangeMillis = 10_000
const tokenType = 'urn:ietf:params:oauth:token-type:'

/** Exchanges a personal token, or the JWT of an issuer that is trusted for this, for an access token (RFC 8693). */
export function exchangeToken(
  origin: string,
  subjectToken: string,
  { fetch, resource, scope }: ExchangeOptions,
): Promise<AccessToken> {
  return requestToken(origin, fetch, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: subjectToken,
    subject_token_type: tokenType + (isPersonalToken(subjectToken) ? 'access_token' : 'jwt'),
    resource,
    ...(scope === undefined ? {} : { scope }),
  })
}

export function isPersonalToken(token: string): boolean {
  return token.startsWith('cst_')
}

/**
 * Whether it can travel in a header. Platforms quote a value that cannot, and with it the token, in the error that
 * they throw.
 */
export function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[!-~]+$/.test(value)
}

async function requestToken(
  origin: string,
  fetch: Fetch,
  parameters: Readonly<Record<string, string>>,
): Promise<AccessToken> {
  const sentAt = Date.now()
  let response: Response
  let body: Readonly<Record<string, unknown>>
  try {
    response = await fetch(`${origin}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams(parameters),
      // A redirect would carry the body, and with it the token, to whatever it names.
      redirect: 'manual',
      signal: AbortSignal.timeout(exchangeMillis),
    })
    const text = await response.text()
    body = readObject(text)
  } catch (cause) {
    throw new CountersignError('unreachable', `${origin} cannot be reached: ${reasonOf(cause)}`, { cause })
  }
  const { access_token: text, expires_in: seconds, error, error_description: description } = body
  if (response.status === 200 && isToken(text) && typeof seconds === 'number') {
    return { text, expiresAt: sentAt + seconds * 1000 }
  }
  const code = typeof error === 'string' ? error : String(body['code'] ?? 'answer_invalid')
  const detail = description ?? body['detail'] ?? `${origin}/oauth/token answered ${response.status}`
  const wait = Number(response.headers.get('retry-after') ?? Number.NaN)
  throw new CountersignError(code, String(detail), {
    status: response.status,
    retryAfterSeconds: Number.isFinite(wait) ? wait : null,
  })
}

function readObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return { ...JSON.parse(text) }
  } catch {
    return {}
  }
}

/** Node hides why a connection failed in `cause`. */
function reasonOf(error: unknown): string {
  const { message, cause } = Object(error)
  return String(Object(cause).message || message)
}
