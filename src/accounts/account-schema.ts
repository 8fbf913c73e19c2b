/**
 * The account's storage, one table a section (all times milliseconds since 1970, UTC):
 *
 * - `facts`: `name` of the object, `rules` (version, suspended), `overrides`, `prunedAt`, each one JSON value.
 * - `meters`: a limit's debt without its creditable grants, as JSON.
 * - `leases`: grants that are open, or can still be credited; `unsettled` since nothing was heard for 60 s.
 * - `isolates`: the latest sequence of each, and the reply it got. Kept 36 hours.
 * - `ledger`: granted, used, returned, outstanding, unsettled, by limit set and hour.
 * - `usage`: requests by hour, upstream, key, subject, outcome. `open` is an outcome until the real one is known.
 *   Hours older than 35 days are folded into their day, without subjects; days are kept 400 days.
 * - `refused`, `observed`: calls by code, and what limits in observe mode would have refused, by hour.
 * - `revocations`: until no token can match any more.
 * - `rollups`: when a day was last written to KV, and how often it was marked as changed since.
 */
import { accounts, dayMillis } from '../core/quota/books.ts'

export const schema = [
  'CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID',
  'CREATE TABLE IF NOT EXISTS meters (name TEXT PRIMARY KEY, meter TEXT NOT NULL) WITHOUT ROWID',
  `CREATE TABLE IF NOT EXISTS leases (id TEXT PRIMARY KEY, isolate TEXT NOT NULL, sequence INTEGER NOT NULL,
    set_id TEXT NOT NULL, serial INTEGER NOT NULL, granted_at INTEGER NOT NULL, units INTEGER NOT NULL,
    used INTEGER NOT NULL, returned INTEGER NOT NULL, unsettled INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS isolates (id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, reply TEXT NOT NULL,
    seen_at INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS revocations (id TEXT PRIMARY KEY, issuer TEXT, revoked_by TEXT NOT NULL,
    value TEXT NOT NULL, until INTEGER NOT NULL)`,
  'CREATE TABLE IF NOT EXISTS rollups (day INTEGER PRIMARY KEY, put_at INTEGER NOT NULL, dirty INTEGER NOT NULL)',
] as const

/** The statements of a table that counts by hour. */
export interface CountTable {
  readonly create: string
  /** One value for each column; what the row counts already is kept, and these are added. */
  readonly add: string
  /** Rows of hours before `?` become rows of their day, which stand at midnight. */
  readonly fold: readonly string[]
  /** Forgets what is before `?`. */
  readonly forget: string
}

export type CountTables = ReturnType<typeof countTables>

/** By table. Made where an account is opened, and not at the start of every isolate. */
export function countTables() {
  return {
    ledger: countTable('ledger', ['set_id'], ['granted', ...accounts]),
    usage: countTable(
      'usage',
      ['upstream', 'key', 'subject', 'outcome', '"partition"'],
      ['requests', 'weight', 'bytes_in', 'bytes_out', 'millis', 'last_at'],
    ),
    refused: countTable('refused', ['code'], ['requests']),
    observed: countTable('observed', ['limit_name'], ['requests']),
  } as const
}

/** `of`: what a row is about, beside its hour; `counts`: what is added up in it. */
function countTable(name: string, of: readonly string[], counts: readonly string[]): CountTable {
  const texts = of.map((column) => `${column} TEXT NOT NULL`)
  const integers = counts.map(
    (column) => `${column} INTEGER${column.startsWith('bytes_') ? '' : ' NOT NULL'}`,
  )
  const merges = counts.map((column) => `${column} = ${merged(column, `excluded.${column}`)}`)
  const merge = `ON CONFLICT (hour, ${of.join()}) DO UPDATE SET ${merges.join()}`
  // Rows of days have no subject.
  const unfolded = `hour < ? AND ${name === 'usage' ? "subject <> ''" : `hour % ${dayMillis} <> 0`}`
  const ofDay = of.map((column) => (column === 'subject' ? "''" : column))
  return {
    create: `CREATE TABLE IF NOT EXISTS ${name} (hour INTEGER NOT NULL, ${texts.join()}, ${integers.join()},
      PRIMARY KEY (hour, ${of.join()})) WITHOUT ROWID`,
    add: `INSERT INTO ${name} VALUES (?${', ?'.repeat(of.length + counts.length)}) ${merge}`,
    fold: [
      `INSERT INTO ${name} SELECT ${[`hour - hour % ${dayMillis}`, ...ofDay, ...counts].join()} FROM ${name}
        WHERE ${unfolded} ${merge}`,
      `DELETE FROM ${name} WHERE ${unfolded}`,
    ],
    forget: `DELETE FROM ${name} WHERE hour < ?`,
  }
}

/** Bytes stay null while they are known of no call. */
function merged(column: string, added: string): string {
  return column === 'last_at'
    ? `max(${column}, ${added})`
    : `coalesce(${column} + ${added}, ${column}, ${added})`
}
