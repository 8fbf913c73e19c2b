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
import { dayMillis } from '../core/quota/books.ts'

export const schema = [
  'CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID',
  'CREATE TABLE IF NOT EXISTS meters (name TEXT PRIMARY KEY, meter TEXT NOT NULL) WITHOUT ROWID',
  `CREATE TABLE IF NOT EXISTS leases (id TEXT PRIMARY KEY, isolate TEXT NOT NULL, sequence INTEGER NOT NULL,
    set_id TEXT NOT NULL, serial INTEGER NOT NULL, granted_at INTEGER NOT NULL, units INTEGER NOT NULL,
    used INTEGER NOT NULL, returned INTEGER NOT NULL, unsettled INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS isolates (id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, reply TEXT NOT NULL,
    seen_at INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS ledger (hour INTEGER NOT NULL, set_id TEXT NOT NULL, granted INTEGER NOT NULL,
    used INTEGER NOT NULL, returned INTEGER NOT NULL, outstanding INTEGER NOT NULL, unsettled INTEGER NOT NULL,
    PRIMARY KEY (hour, set_id)) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS usage (hour INTEGER NOT NULL, upstream TEXT NOT NULL, key TEXT NOT NULL,
    subject TEXT NOT NULL, outcome TEXT NOT NULL, "partition" TEXT NOT NULL, requests INTEGER NOT NULL,
    weight INTEGER NOT NULL, bytes_in INTEGER, bytes_out INTEGER, millis INTEGER NOT NULL, last_at INTEGER NOT NULL,
    PRIMARY KEY (hour, upstream, key, subject, outcome, "partition")) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS refused (hour INTEGER NOT NULL, code TEXT NOT NULL, requests INTEGER NOT NULL,
    PRIMARY KEY (hour, code)) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS observed (hour INTEGER NOT NULL, limit_name TEXT NOT NULL, requests INTEGER NOT NULL,
    PRIMARY KEY (hour, limit_name)) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS revocations (id TEXT PRIMARY KEY, issuer TEXT, revoked_by TEXT NOT NULL,
    value TEXT NOT NULL, until INTEGER NOT NULL)`,
  'CREATE TABLE IF NOT EXISTS rollups (day INTEGER PRIMARY KEY, put_at INTEGER NOT NULL, dirty INTEGER NOT NULL)',
] as const

export const addLedger = `INSERT INTO ledger (hour, set_id, granted, used, returned, outstanding, unsettled)
  VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (hour, set_id) DO UPDATE SET
  granted = granted + excluded.granted, used = used + excluded.used, returned = returned + excluded.returned,
  outstanding = outstanding + excluded.outstanding, unsettled = unsettled + excluded.unsettled`

/** Bytes stay null while they are known of no call. */
const mergeUsage = `ON CONFLICT (hour, upstream, key, subject, outcome, "partition") DO UPDATE SET
  requests = requests + excluded.requests, weight = weight + excluded.weight,
  bytes_in = coalesce(bytes_in + excluded.bytes_in, bytes_in, excluded.bytes_in),
  bytes_out = coalesce(bytes_out + excluded.bytes_out, bytes_out, excluded.bytes_out),
  millis = millis + excluded.millis, last_at = max(last_at, excluded.last_at)`

export const addUsage = `INSERT INTO usage (hour, upstream, key, subject, outcome, "partition", requests, weight,
  bytes_in, bytes_out, millis, last_at) VALUES (?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?) ${mergeUsage}`

export const addRefused = `INSERT INTO refused (hour, code, requests) VALUES (?, ?, ?)
  ON CONFLICT (hour, code) DO UPDATE SET requests = requests + excluded.requests`

export const addObserved = `INSERT INTO observed (hour, limit_name, requests) VALUES (?, ?, ?)
  ON CONFLICT (hour, limit_name) DO UPDATE SET requests = requests + excluded.requests`

/** Rows of days have no subject and stand at midnight. */
export const foldHours = [
  `INSERT INTO usage SELECT hour - hour % ${dayMillis}, upstream, key, '', outcome, "partition", requests, weight,
    bytes_in, bytes_out, millis, last_at FROM usage WHERE hour < ? AND subject <> '' ${mergeUsage}`,
  "DELETE FROM usage WHERE hour < ? AND subject <> ''",
  `INSERT INTO ledger SELECT hour - hour % ${dayMillis}, set_id, granted, used, returned, outstanding, unsettled
    FROM ledger WHERE hour < ? AND hour % ${dayMillis} <> 0 ON CONFLICT (hour, set_id) DO UPDATE SET
    granted = granted + excluded.granted, used = used + excluded.used, returned = returned + excluded.returned,
    outstanding = outstanding + excluded.outstanding, unsettled = unsettled + excluded.unsettled`,
  `DELETE FROM ledger WHERE hour < ? AND hour % ${dayMillis} <> 0`,
  `INSERT INTO refused SELECT hour - hour % ${dayMillis}, code, requests FROM refused
    WHERE hour < ? AND hour % ${dayMillis} <> 0
    ON CONFLICT (hour, code) DO UPDATE SET requests = requests + excluded.requests`,
  `DELETE FROM refused WHERE hour < ? AND hour % ${dayMillis} <> 0`,
  `INSERT INTO observed SELECT hour - hour % ${dayMillis}, limit_name, requests FROM observed
    WHERE hour < ? AND hour % ${dayMillis} <> 0
    ON CONFLICT (hour, limit_name) DO UPDATE SET requests = requests + excluded.requests`,
  `DELETE FROM observed WHERE hour < ? AND hour % ${dayMillis} <> 0`,
] as const
