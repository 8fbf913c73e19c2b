/**
 * Where calls get their access token: kept until shortly before it ends, fetched once for all who wait, and
 * fetched anew when the service says that it was revoked.
 */
import { CountersignError } from './error.ts'
import { type AccessToken, exchangeToken, type Fetch, isPersonalToken, isToken } from './exchange.ts'
import { readClaims } from './jwt.ts'

export interface TokenSource {
  readonly get: () => Promise<string>
  /** Forgets this token, when it is still the one at hand; false when no other can be had. */
  readonly discard: (text: string) => boolean
}

export interface TokenSourceOptions {
  readonly origin: string
  readonly token: string | (() => string | Promise<string>)
  readonly exchange: boolean
  readonly scope: string | undefined
  readonly team: string | undefined
  readonly fetch: Fetch
}

/** An access token is renewed when it has less than this left, or a quarter of its life if that is shorter. */
const renewalMarginMillis = 60_000
/** How long a call waits for a renewal that another call began; that one may have died with its request. */
const sharedRenewalMillis = 10_000
/** A failed early renewal is not tried again before this. */
const renewalPauseMillis = 5_000

export function createTokenSource(options: TokenSourceOptions): TokenSource {
  let current: AccessToken | null = null
  let renewAt = 0
  let renewal: Promise<AccessToken> | null = null

  const begin = (): Promise<AccessToken> => {
    const mine = obtain(options)
      .then((token) => {
        current = token
        const now = Date.now()
        renewAt = token.expiresAt - Math.min(renewalMarginMillis, (token.expiresAt - now) / 4)
        return token
      })
      .finally(() => {
        if (renewal === mine) renewal = null
      })
    renewal = mine
    return mine
  }

  const renew = async (): Promise<AccessToken> => {
    const shared = renewal
    if (shared === null) return begin()
    const token = await within(shared, sharedRenewalMillis)
    if (token !== null) return token
    if (renewal === shared) renewal = null
    return renew()
  }

  return {
    get: async () => {
      const held = current
      if (held !== null && Date.now() < renewAt) return held.text
      try {
        return (await renew()).text
      } catch (error) {
        const now = Date.now()
        if (current === null || now >= current.expiresAt) throw error
        renewAt = Math.min(now + renewalPauseMillis, current.expiresAt)
        return current.text
      }
    },
    discard: (text) => {
      if (current?.text === text) current = null
      return needsExchange(options, options.token) || typeof options.token === 'function'
    },
  }
}

function needsExchange({ exchange }: TokenSourceOptions, token: unknown): boolean {
  return exchange || (typeof token === 'string' && isPersonalToken(token))
}

async function obtain(options: TokenSourceOptions): Promise<AccessToken> {
  const { origin, token, scope, team, fetch } = options
  const given: unknown = typeof token === 'string' ? token : await token()
  const text = typeof given === 'string' ? given.trim() : ''
  if (!isToken(text)) throw new CountersignError('token_malformed', 'What was given is not a token')
  if (!needsExchange(options, text)) {
    const { exp } = readClaims(text)
    return { text, expiresAt: typeof exp === 'number' ? exp * 1000 : 0 }
  }
  const issued = await exchangeToken(origin, text, { fetch, resource: origin, scope })
  if (team !== undefined && readClaims(issued.text)['team'] !== team) {
    throw new CountersignError('team_mismatch', `The token does not speak for team ${team}`)
  }
  return issued
}

/** What it resolves to, or null after that time. */
async function within<Value>(promise: Promise<Value>, millis: number): Promise<Value | null> {
  let stop = () => {}
  const late = new Promise<null>((resolve) => {
    const timer = setTimeout(resolve, millis, null)
    stop = () => clearTimeout(timer)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    stop()
  }
}
