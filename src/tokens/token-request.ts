/**
 * The body of `POST /api/tokens`, parsed strictly: every fault at once, unknown members refused, so that nobody
 * believes that something was set which was not.
 */
import { isJsonObject } from '../core/json.ts'
import { claimSecondsMax, personalTokenDaysMax, tokenNameCharsMax, tokenScopesMax } from '../core/limits.ts'
import { isPrintable } from '../core/printable.ts'
import { malformed, requestInvalid } from '../core/problems.ts'
import { dayMillis } from '../core/quota/books.ts'
import { own } from '../core/table.ts'
import { readInstant } from './instant.ts'
import { isTokenScope } from './scope-set.ts'

export interface TokenRequest {
  readonly name: string
  readonly team: string
  readonly scopes: readonly string[]
  /** Milliseconds since 1970; null: never. */
  readonly expiresAt: number | null
  readonly service: boolean
}

const members: readonly string[] = ['name', 'team', 'scopes', 'expiresIn', 'expiresAt', 'service']

/** `body` is parsed JSON; `now` in milliseconds since 1970. Throws Refusal `request_invalid` that lists every fault. */
export function readTokenRequest(body: unknown, now: number): TokenRequest {
  if (!isJsonObject(body)) throw malformed('the body', 'a JSON object')
  const faults: string[] = []
  if (!Object.keys(body).every((name) => members.includes(name)))
    faults.push(`nothing but ${members.join(', ')}`)
  const member = <Value>(name: string, is: (value: unknown) => value is Value, form: string): Value => {
    const value = own(body, name)
    if (!is(value)) faults.push(`${name} as ${form}`)
    return value as Value
  }
  const name = member('name', isName, `1 to ${tokenNameCharsMax} printable characters`)
  const team = member('team', isText, 'a team of the configuration')
  const scopes = member(
    'scopes',
    isScopes,
    `an array of at most ${tokenScopesMax}, each like upstream:scope or upstream@key:scope`,
  )
  const service = member('service', isFlag, 'true or false') === true
  const expiresAt = readExpiry(own(body, 'expiresIn'), own(body, 'expiresAt'), { service, now, faults })
  if (faults.length > 0) throw requestInvalid(`Send ${faults.join('; ')}.`)
  return { name, team, scopes: [...new Set(scopes)], expiresAt, service }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isName(value: unknown): value is string {
  return isText(value) && value.trim() !== '' && value.length <= tokenNameCharsMax && isPrintable(value)
}

function isScopes(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length <= tokenScopesMax &&
    value.every((scope) => isText(scope) && isTokenScope(scope))
  )
}

function isFlag(value: unknown): value is boolean | undefined {
  return value === undefined || typeof value === 'boolean'
}

interface ExpiryContext {
  readonly service: boolean
  readonly now: number
  readonly faults: string[]
}

function readExpiry(
  expiresIn: unknown,
  expiresAt: unknown,
  { service, now, faults }: ExpiryContext,
): number | null {
  if ((expiresIn === undefined) === (expiresAt === undefined))
    faults.push("either expiresIn ('30d', '90d' or 'never') or expiresAt (a time)")
  else if (expiresIn === '30d' || expiresIn === '90d') return now + Number.parseInt(expiresIn, 10) * dayMillis
  else if (expiresIn === 'never') {
    if (!service) faults.push('service: true with a token that never expires')
  } else if (expiresIn !== undefined) faults.push("expiresIn as '30d', '90d' or 'never'")
  else {
    const end = typeof expiresAt === 'string' ? readInstant(expiresAt) : null
    const latest = service ? claimSecondsMax * 1000 : now + personalTokenDaysMax * dayMillis
    if (end === null) faults.push('expiresAt as an RFC 3339 time such as 2030-01-31T12:00:00Z')
    else if (end <= now) faults.push('expiresAt as a time in the future')
    else if (end > latest) faults.push(`expiresAt as ${new Date(latest).toISOString()} or earlier`)
    return end
  }
  return null
}
