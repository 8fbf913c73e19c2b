/** The day in KV: a copy of the books to read from anywhere; the account is the truth. */
import { rollupClosingMillis, rollupFirstMillis } from '../core/limits.ts'
import { dayMillis, dayName } from '../core/quota/books.ts'
import type { AccountTables } from './account-tables.ts'

export interface DayDocument {
  readonly v: 1
  readonly team: string
  readonly day: string
  readonly updatedAt: string
  readonly granted: number
  readonly used: number
  readonly returned: number
  readonly unsettled: number
  readonly rows: readonly {
    readonly upstream: string
    readonly key: string
    readonly outcome: string
    readonly requests: number
    readonly bytesIn: number | null
    readonly bytesOut: number | null
  }[]
  /** By `<upstream>/<key>`: the latest dispatch of the day, RFC 3339. */
  readonly lastUsed: Readonly<Record<string, string>>
}

/** `usage:<team>:<YYYY-MM-DD>`; `day` in milliseconds since 1970. */
export function dayKey(team: string, day: number): string {
  return `usage:${team}:${dayName(day)}`
}

/** Calls that are still open count in `used` and have no row yet. */
export function dayDocument(
  tables: AccountTables,
  day: number,
  { team, now }: { readonly team: string; readonly now: number },
): DayDocument {
  const ofDay = { from: day, to: day + dayMillis }
  const { granted, used, returned, unsettled } = tables.totals(ofDay)
  const rows = tables
    .usage({ ...ofDay, by: ['upstream', 'key', 'outcome'] })
    .map(({ by: [upstream, key, outcome], requests, bytesIn, bytesOut }) => ({
      upstream: String(upstream),
      key: String(key),
      outcome: String(outcome),
      requests,
      bytesIn,
      bytesOut,
    }))
    .filter(({ outcome }) => outcome !== 'open')
  const lastUsed = tables
    .usage({ ...ofDay, by: ['upstream', 'key'] })
    .map(({ by, lastAt }) => [by.join('/'), new Date(lastAt).toISOString()] as const)
  return {
    v: 1,
    team,
    day: dayName(day),
    updatedAt: new Date(now).toISOString(),
    granted,
    used,
    returned,
    unsettled,
    rows,
    lastUsed: Object.fromEntries(lastUsed),
  }
}

/** When a day that has changed is written: at most every `rollupMinutes`, and when it has closed. */
export function rollupDueAt(
  { day, putAt }: { readonly day: number; readonly putAt: number },
  rollupMinutes: number,
  now: number,
): number {
  if (putAt === 0) return now + rollupFirstMillis
  const next = putAt + rollupMinutes * 60_000
  const closed = day + dayMillis + rollupClosingMillis
  return putAt < closed ? Math.min(next, closed) : next
}
