/**
 * The body of `POST /api/tokens`, parsed strictly: every fault at once, unknown members refused, so that nobody
 * believes that something was set which was not.
 */

import { claimSecondsMax, personalTokenDaysMax, tokenNameCharsMax, tokenScopesMax } from '../core/limits.ts'
import { isPrintable } from '../core/printable.ts'
import { Refusal } from '../core/problems.ts'
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

const dayMillis = 86_400_000
const members = ['name', 'team', 'scopes', 'expiresIn', 'expiresAt', 'service'] as const
type Member = (typeof members)[number]
type Faults = string[]

/** `body` is parsed JSON; `now` in milliseconds since 1970. Throws Refusal `request_invalid` that lists every fault. */
export function readTokenRequest(body: unknown, now: number): TokenRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Refusal('request_invalid', { detail: 'The body must be a JSON object.' })
  }
  const faults: Faults = []
  const known: readonly string[] = members
  for (const name of Object.keys(body)) {
    if (!known.includes(name))
      faults.push(`there is no member ${printable(name)}; known are ${members.join(', ')}`)
  }
  const member = (name: Member): unknown => own(body as Readonly<Record<string, unknown>>, name)
  const service = readService(member('service'), faults)
  const request = {
    name: readName(member('name'), faults),
    team: readTeam(member('team'), faults),
    scopes: readScopeList(member('scopes'), faults),
    expiresAt: readExpiry(member('expiresIn'), member('expiresAt'), { service, now, faults }),
    service,
  }
  if (faults.length > 0) throw new Refusal('request_invalid', { detail: `${faults.join('; ')}.` })
  return request
}

function readName(value: unknown, faults: Faults): string {
  if (
    typeof value === 'string' &&
    value.trim() !== '' &&
    value.length <= tokenNameCharsMax &&
    isPrintable(value)
  )
    return value
  faults.push(`name must be 1 to ${tokenNameCharsMax} printable characters`)
  return ''
}

function readTeam(value: unknown, faults: Faults): string {
  if (typeof value === 'string' && value !== '') return value
  faults.push('team must name a team of the configuration')
  return ''
}

function readScopeList(value: unknown, faults: Faults): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : []
  const scopes = list.filter((scope) => typeof scope === 'string')
  if (
    Array.isArray(value) &&
    scopes.length === list.length &&
    list.length <= tokenScopesMax &&
    scopes.every(isTokenScope)
  )
    return [...new Set(scopes)]
  faults.push(
    `scopes must be an array of at most ${tokenScopesMax}, each like upstream:scope or upstream@key:scope`,
  )
  return []
}

function readService(value: unknown, faults: Faults): boolean {
  if (value !== undefined && typeof value !== 'boolean') faults.push('service must be true or false')
  return value === true
}

interface ExpiryContext {
  readonly service: boolean
  readonly now: number
  readonly faults: Faults
}

function readExpiry(
  expiresIn: unknown,
  expiresAt: unknown,
  { service, now, faults }: ExpiryContext,
): number | null {
  if ((expiresIn === undefined) === (expiresAt === undefined)) {
    faults.push("give either expiresIn ('30d', '90d' or 'never') or expiresAt (a time)")
    return now
  }
  if (expiresAt !== undefined) return readEnd(expiresAt, { service, now, faults })
  switch (expiresIn) {
    case '30d':
      return now + 30 * dayMillis
    case '90d':
      return now + 90 * dayMillis
    case 'never':
      if (!service) faults.push('only the token of a service (service: true) may never expire')
      return null
    default:
      faults.push("expiresIn must be '30d', '90d' or 'never'")
      return now
  }
}

function readEnd(value: unknown, { service, now, faults }: ExpiryContext): number {
  const end = typeof value === 'string' ? readInstant(value) : null
  const latest = service ? claimSecondsMax * 1000 : now + personalTokenDaysMax * dayMillis
  if (end === null) faults.push('expiresAt must be an RFC 3339 time such as 2030-01-31T12:00:00Z')
  else if (end <= now) faults.push('expiresAt must lie in the future')
  else if (end > latest) faults.push(`expiresAt may be at most ${new Date(latest).toISOString()}`)
  return end ?? now
}

function printable(text: string): string {
  return JSON.stringify(text.slice(0, 40).replace(/[^\x20-\x7e]/g, '?'))
}
