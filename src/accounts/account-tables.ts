/** Rows of the account's tables to the state of `core/quota`, and back. account-schema.ts says what each table holds. */
import {
  dailyRowsMillis,
  hourlyRowsMillis,
  isolateActiveMillis,
  isolateMemoryMillis,
} from '../core/limits.ts'
import {
  type AccountState,
  type IsolateRecord,
  type Journal,
  type Lease,
  restoreAccount,
} from '../core/quota/account.ts'
import type { Account } from '../core/quota/books.ts'
import { dayMillis, dayOf } from '../core/quota/books.ts'
import { type StoredMeter, storeMeter } from '../core/quota/meter.ts'
import type { Revocation } from '../core/quota/revocation.ts'
import type { UsageColumn, UsageGroup, UsageQuery } from './account-rpc.ts'
import { addLedger, addObserved, addRefused, addUsage, foldHours, schema } from './account-schema.ts'

type Row = Record<string, SqlStorageValue>

export class AccountTables {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    for (const statement of schema) sql.exec(statement)
  }

  fact<T>(name: string, otherwise: T): T {
    const [row] = this.#sql.exec<Row>('SELECT value FROM facts WHERE name = ?', name).toArray()
    return row === undefined ? otherwise : (JSON.parse(String(row['value'])) as T)
  }

  setFact(name: string, value: unknown): void {
    this.#sql.exec('INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)', name, JSON.stringify(value))
  }

  /** Everything but isolates that were silent for long and their unsettled leases; `isolate` brings those. */
  load(): AccountState {
    const latest = number(this.#one('SELECT max(seen_at) AS n FROM isolates'))
    const since = latest - isolateActiveMillis
    const active = this.#sql.exec<Row>('SELECT * FROM isolates WHERE seen_at >= ?', since)
    const leases = this.#sql.exec<Row>(
      'SELECT * FROM leases WHERE unsettled = 0 OR isolate IN (SELECT id FROM isolates WHERE seen_at >= ?)',
      since,
    )
    const meters = this.#sql.exec<Row>('SELECT name, meter FROM meters')
    const rules = this.fact('rules', { version: 1, suspended: false })
    return restoreAccount({
      rules: { ...rules, revocations: this.revocations() },
      isolates: active.toArray().map((row) => [String(row['id']), isolateOf(row)] as const),
      leases: leases.toArray().map(leaseOf),
      meters: meters
        .toArray()
        .map((row) => [String(row['name']), JSON.parse(String(row['meter'])) as StoredMeter] as const),
    })
  }

  /** What is remembered of an isolate that was not heard lately; null: nothing. */
  isolate(id: string): { readonly record: IsolateRecord; readonly leases: readonly Lease[] } | null {
    const [row] = this.#sql.exec<Row>('SELECT * FROM isolates WHERE id = ?', id).toArray()
    if (row === undefined) return null
    const leases = this.#sql.exec<Row>('SELECT * FROM leases WHERE isolate = ? AND unsettled = 1', id)
    return { record: isolateOf(row), leases: leases.toArray().map(leaseOf) }
  }

  subjects(hour: number): Set<string> {
    const rows = this.#sql.exec<Row>(
      "SELECT DISTINCT subject FROM usage WHERE hour = ? AND subject <> '~other'",
      hour,
    )
    return new Set(rows.toArray().map((row) => String(row['subject'])))
  }

  /** Everything a change of the account names, in one transaction of the caller. */
  save(state: AccountState, journal: Journal, isolate: string | null): void {
    for (const id of journal.leases) this.#saveLease(id, state.leases.get(id))
    for (const name of journal.meters) {
      const meter = state.meters.get(name)
      if (meter === undefined) continue
      const stored = JSON.stringify(storeMeter(meter))
      this.#sql.exec('INSERT OR REPLACE INTO meters (name, meter) VALUES (?, ?)', name, stored)
    }
    const record = isolate === null ? undefined : state.isolates.get(isolate)
    if (record !== undefined)
      this.#sql.exec(
        'INSERT OR REPLACE INTO isolates (id, sequence, reply, seen_at) VALUES (?, ?, ?, ?)',
        isolate,
        record.sequence,
        JSON.stringify(record.reply),
        record.seenAt,
      )
    for (const entry of journal.ledger.entries())
      this.#sql.exec(
        addLedger,
        entry.hour,
        entry.set,
        entry.granted,
        entry.used,
        entry.returned,
        entry.outstanding,
        entry.unsettled,
      )
    for (const row of journal.usage)
      this.#sql.exec(
        addUsage,
        row.hour,
        row.upstream,
        row.key,
        row.subject,
        row.outcome,
        row.requests,
        row.requests,
        row.bytesIn,
        row.bytesOut,
        row.millis,
        row.lastAt,
      )
    for (const { hour, code, requests } of journal.refused) this.#sql.exec(addRefused, hour, code, requests)
    for (const { hour, limit, requests } of journal.observed)
      this.#sql.exec(addObserved, hour, limit, requests)
  }

  revocations(): readonly Revocation[] {
    return this.#sql
      .exec<Row>('SELECT * FROM revocations ORDER BY rowid')
      .toArray()
      .map((row) => ({
        id: String(row['id']),
        issuer: row['issuer'] === null ? null : String(row['issuer']),
        by: String(row['revoked_by']) as Revocation['by'],
        value: String(row['value']),
        until: number(row['until']),
      }))
  }

  saveRevocation({ id, issuer, by, value, until }: Revocation): void {
    this.#sql.exec(
      'INSERT OR REPLACE INTO revocations (id, issuer, revoked_by, value, until) VALUES (?, ?, ?, ?, ?)',
      id,
      issuer,
      by,
      value,
      until,
    )
  }

  pruneRevocations(now: number): void {
    this.#sql.exec('DELETE FROM revocations WHERE until <= ?', now)
  }

  /** Sums of the ledger in [from, to). */
  totals(from: number, to: number): Readonly<Record<Account | 'granted', number>> {
    const row = this.#sql
      .exec<Row>(
        `SELECT sum(granted) AS granted, sum(used) AS used, sum(returned) AS returned,
         sum(outstanding) AS outstanding, sum(unsettled) AS unsettled FROM ledger WHERE hour >= ? AND hour < ?`,
        from,
        to,
      )
      .one()
    return {
      granted: number(row['granted']),
      used: number(row['used']),
      returned: number(row['returned']),
      outstanding: number(row['outstanding']),
      unsettled: number(row['unsettled']),
    }
  }

  /** The first `limit` rows of [from, to), grouped by `by`; each column's name and text stand in `groupColumns`. */
  usage({ from, to, by }: UsageQuery, limit = Number.MAX_SAFE_INTEGER): readonly UsageGroup[] {
    const columns = by.map((column) => `${groupColumns[column]} AS ${column}`)
    const sums = `sum(requests) AS requests, sum(bytes_in) AS bytesIn, sum(bytes_out) AS bytesOut,
      sum(millis) AS millis, max(last_at) AS lastAt`
    const grouped = by.length === 0 ? '' : `GROUP BY ${by.join(', ')}`
    const rows = this.#sql.exec<Row>(
      `SELECT ${[...columns, sums].join(', ')} FROM usage WHERE hour >= ? AND hour < ? AND requests <> 0
       ${grouped} HAVING sum(requests) <> 0 ${by.length === 0 ? '' : `ORDER BY ${by.join(', ')}`} LIMIT ?`,
      from,
      to,
      limit,
    )
    return rows.toArray().map((row) => ({
      by: by.map((column) => row[column] as string | number),
      requests: number(row['requests']),
      bytesIn: row['bytesIn'] === null ? null : number(row['bytesIn']),
      bytesOut: row['bytesOut'] === null ? null : number(row['bytesOut']),
      millis: number(row['millis']),
      lastAt: number(row['lastAt']),
    }))
  }

  refused(from: number, to: number): readonly { readonly code: string; readonly requests: number }[] {
    return this.#sql
      .exec<Row>(
        'SELECT code, sum(requests) AS requests FROM refused WHERE hour >= ? AND hour < ? GROUP BY code ORDER BY code',
        from,
        to,
      )
      .toArray()
      .map((row) => ({ code: String(row['code']), requests: number(row['requests']) }))
  }

  observed(from: number, to: number): readonly { readonly limit: string; readonly requests: number }[] {
    return this.#sql
      .exec<Row>(
        'SELECT limit_name, sum(requests) AS requests FROM observed WHERE hour >= ? AND hour < ? GROUP BY limit_name',
        from,
        to,
      )
      .toArray()
      .map((row) => ({ limit: String(row['limit_name']), requests: number(row['requests']) }))
  }

  dirtyDays(): readonly DirtyDay[] {
    return this.#sql
      .exec<Row>('SELECT day, put_at, dirty FROM rollups WHERE dirty > 0 ORDER BY day')
      .toArray()
      .map((row) => ({
        day: number(row['day']),
        putAt: number(row['put_at']),
        changes: number(row['dirty']),
      }))
  }

  markDirty(day: number): void {
    this.#sql.exec(
      'INSERT INTO rollups (day, put_at, dirty) VALUES (?, 0, 1) ON CONFLICT (day) DO UPDATE SET dirty = dirty + 1',
      day,
    )
  }

  /** After a put: the day is clean unless it was marked again meanwhile. */
  markPut({ day, changes }: DirtyDay, now: number): void {
    this.#sql.exec(
      'UPDATE rollups SET put_at = ?, dirty = CASE WHEN dirty = ? THEN 0 ELSE dirty END WHERE day = ?',
      now,
      changes,
      day,
    )
  }

  /** Folds old hours into days, and forgets what is too old to keep. */
  prune(now: number): void {
    const hourly = dayOf(now - hourlyRowsMillis)
    for (const statement of foldHours) this.#sql.exec(statement, hourly)
    const daily = dayOf(now - dailyRowsMillis)
    for (const table of ['usage', 'ledger', 'refused', 'observed'])
      this.#sql.exec(`DELETE FROM ${table} WHERE hour < ?`, daily)
    this.#sql.exec('DELETE FROM rollups WHERE day < ? AND dirty = 0', daily)
    this.#sql.exec("DELETE FROM usage WHERE outcome = 'open' AND requests = 0")
    const silent = now - isolateMemoryMillis
    this.#sql.exec('DELETE FROM leases WHERE isolate IN (SELECT id FROM isolates WHERE seen_at < ?)', silent)
    this.#sql.exec('DELETE FROM isolates WHERE seen_at < ?', silent)
  }

  #saveLease(id: string, lease: Lease | undefined): void {
    if (lease === undefined) {
      this.#sql.exec('DELETE FROM leases WHERE id = ?', id)
      return
    }
    this.#sql.exec(
      `INSERT OR REPLACE INTO leases (id, isolate, sequence, set_id, serial, granted_at, units, used, returned, unsettled)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      lease.isolate,
      lease.sequence,
      lease.set,
      lease.serial,
      lease.grantedAt,
      lease.units,
      lease.used,
      lease.returned,
      lease.unsettled ? 1 : 0,
    )
  }

  #one(query: string): SqlStorageValue | undefined {
    return this.#sql.exec<Row>(query).one()['n']
  }
}

export interface DirtyDay {
  readonly day: number
  /** When it was last written to KV; 0: never. */
  readonly putAt: number
  /** How often it was marked as changed since it was clean. */
  readonly changes: number
}

const groupColumns: Readonly<Record<UsageColumn, string>> = {
  hour: 'hour',
  day: `hour - hour % ${dayMillis}`,
  upstream: 'upstream',
  key: 'key',
  subject: 'subject',
  outcome: 'outcome',
}

function number(value: SqlStorageValue | undefined): number {
  return Number(value ?? 0)
}

function isolateOf(row: Row): IsolateRecord {
  return {
    sequence: number(row['sequence']),
    reply: JSON.parse(String(row['reply'])) as IsolateRecord['reply'],
    seenAt: number(row['seen_at']),
  }
}

function leaseOf(row: Row): Lease {
  return {
    isolate: String(row['isolate']),
    sequence: number(row['sequence']),
    set: String(row['set_id']),
    serial: number(row['serial']),
    grantedAt: number(row['granted_at']),
    units: number(row['units']),
    used: number(row['used']),
    returned: number(row['returned']),
    unsettled: number(row['unsettled']) === 1,
  }
}
