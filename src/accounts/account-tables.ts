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
import { type Account, accounts, dayMillis, dayOf } from '../core/quota/books.ts'
import { type StoredMeter, storeMeter } from '../core/quota/meter.ts'
import type { Revocation } from '../core/quota/revocation.ts'
import type { UsageGroup, UsageQuery, UsageReport } from './account-rpc.ts'
import { type CountTables, countTables, schema } from './account-schema.ts'

/** A stretch of time, [from, to), in milliseconds since 1970. */
type Span = Pick<UsageQuery, 'from' | 'to'>

const activeIsolates = `(SELECT id FROM isolates
  WHERE seen_at >= (SELECT max(seen_at) FROM isolates) - ${isolateActiveMillis})`

export class AccountTables {
  readonly #sql: SqlStorage
  readonly #counts = countTables()

  constructor(sql: SqlStorage) {
    this.#sql = sql
    for (const statement of schema) sql.exec(statement)
    for (const { create } of Object.values(this.#counts)) sql.exec(create)
  }

  fact<T>(name: string, otherwise: T): T {
    const [row] = this.#rows<{ value: string }>('SELECT value FROM facts WHERE name = ?', name)
    return row === undefined ? otherwise : (JSON.parse(row.value) as T)
  }

  setFact(name: string, value: unknown): void {
    this.#put('facts', name, JSON.stringify(value))
  }

  /** Everything but isolates that were silent for long and their unsettled leases; `isolate` brings those. */
  load(): AccountState {
    const isolates = this.#rows<IsolateRow>(`SELECT * FROM isolates WHERE id IN ${activeIsolates}`)
    const leases = this.#rows<LeaseRow>(
      `SELECT * FROM leases WHERE unsettled = 0 OR isolate IN ${activeIsolates}`,
    )
    const meters = this.#rows<{ name: string; meter: string }>('SELECT name, meter FROM meters')
    const rules = this.fact('rules', { version: 1, suspended: false })
    return restoreAccount({
      rules: { ...rules, revocations: this.revocations() },
      isolates: isolates.map((row) => [row.id, isolateOf(row)]),
      leases: leases.map(leaseOf),
      meters: meters.map(({ name, meter }) => [name, JSON.parse(meter) as StoredMeter]),
    })
  }

  /** What is remembered of an isolate that was not heard lately; null: nothing. */
  isolate(id: string): { readonly record: IsolateRecord; readonly leases: readonly Lease[] } | null {
    const [row] = this.#rows<IsolateRow>(`SELECT * FROM isolates WHERE id = ?`, id)
    if (row === undefined) return null
    const leases = this.#rows<LeaseRow>(`SELECT * FROM leases WHERE isolate = ? AND unsettled = 1`, id)
    return { record: isolateOf(row), leases: leases.map(leaseOf) }
  }

  subjects(hour: number): Set<string> {
    const rows = this.#rows<{ subject: string }>(
      "SELECT DISTINCT subject FROM usage WHERE hour = ? AND subject <> '~other'",
      hour,
    )
    return new Set(rows.map(({ subject }) => subject))
  }

  /** Everything a change of the account names, in one transaction of the caller. */
  save(state: AccountState, journal: Journal, isolate: string | null): void {
    for (const id of journal.leases) this.#saveLease(id, state.leases.get(id))
    for (const name of journal.meters) {
      const meter = state.meters.get(name)
      if (meter !== undefined) this.#put('meters', name, JSON.stringify(storeMeter(meter)))
    }
    const record = isolate === null ? undefined : state.isolates.get(isolate)
    if (record !== undefined)
      this.#put('isolates', isolate, record.sequence, JSON.stringify(record.reply), record.seenAt)
    for (const entry of journal.ledger.entries())
      this.#add('ledger', entry.hour, entry.set, entry.granted, ...accounts.map((account) => entry[account]))
    for (const { hour, upstream, key, subject, outcome, requests, ...row } of journal.usage) {
      const about = [hour, upstream, key, subject, outcome, '']
      this.#add('usage', ...about, requests, requests, row.bytesIn, row.bytesOut, row.millis, row.lastAt)
    }
    for (const { hour, code, requests } of journal.refused) this.#add('refused', hour, code, requests)
    for (const { hour, limit, requests } of journal.observed) this.#add('observed', hour, limit, requests)
  }

  revocations(): readonly Revocation[] {
    return this.#rows('SELECT id, issuer, revoked_by AS "by", value, until FROM revocations ORDER BY rowid')
  }

  saveRevocation({ id, issuer, by, value, until }: Revocation): void {
    this.#put('revocations', id, issuer, by, value, until)
  }

  pruneRevocations(now: number): void {
    this.#sql.exec('DELETE FROM revocations WHERE until <= ?', now)
  }

  /** Sums of the ledger. */
  totals({ from, to }: Span): Readonly<Record<Account | 'granted', number>> {
    const sums = ['granted', ...accounts].map((column) => `total(${column}) AS ${column}`)
    return this.#sql
      .exec<Record<Account | 'granted', number>>(
        `SELECT ${sums.join()} FROM ledger WHERE hour >= ? AND hour < ?`,
        from,
        to,
      )
      .one()
  }

  /** The first `limit` rows, grouped by `by`. */
  usage({ from, to, by }: UsageQuery, limit = Number.MAX_SAFE_INTEGER): readonly UsageGroup[] {
    const columns = by.map((column) =>
      column === 'day' ? `hour - hour % ${dayMillis} AS day` : `${column} AS ${column}`,
    )
    const sums = `sum(requests) AS requests, sum(bytes_in) AS bytesIn, sum(bytes_out) AS bytesOut,
      sum(millis) AS millis, max(last_at) AS lastAt`
    // By a constant, all rows are one group.
    const groups = [...by, 'NULL'].join()
    const rows = this.#rows<Omit<UsageGroup, 'by'> & Record<string, string | number>>(
      `SELECT ${[...columns, sums].join()} FROM usage WHERE hour >= ? AND hour < ? AND requests <> 0
       GROUP BY ${groups} HAVING sum(requests) <> 0 ORDER BY ${groups} LIMIT ?`,
      from,
      to,
      limit,
    )
    return rows.map(({ requests, bytesIn, bytesOut, millis, lastAt, ...row }) => ({
      by: Object.values(row),
      requests,
      bytesIn,
      bytesOut,
      millis,
      lastAt,
    }))
  }

  refused(span: Span): UsageReport['refused'] {
    return this.#requests('refused', 'code AS code', span)
  }

  observed(span: Span): UsageReport['observed'] {
    return this.#requests('observed', 'limit_name AS "limit"', span)
  }

  dirtyDays(): readonly DirtyDay[] {
    return this.#rows(
      'SELECT day, put_at AS putAt, dirty AS changes FROM rollups WHERE dirty > 0 ORDER BY day',
    )
  }

  markDirty(day: number): void {
    this.#sql.exec(
      'INSERT INTO rollups VALUES (?, 0, 1) ON CONFLICT (day) DO UPDATE SET dirty = dirty + 1',
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
    const daily = dayOf(now - dailyRowsMillis)
    for (const { fold, forget } of Object.values(this.#counts)) {
      for (const statement of fold) this.#sql.exec(statement, hourly)
      this.#sql.exec(forget, daily)
    }
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
    const { isolate, sequence, set, serial, grantedAt, units, used, returned } = lease
    const unsettled = lease.unsettled ? 1 : 0
    this.#put('leases', id, isolate, sequence, set, serial, grantedAt, units, used, returned, unsettled)
  }

  /** Rows as the query names and types their columns. */
  #rows<Row>(query: string, ...values: readonly SqlStorageValue[]): Row[] {
    return this.#sql.exec(query, ...values).toArray() as Row[]
  }

  /** Writes a row whole; `values` in the order of the schema. */
  #put(table: string, ...values: readonly SqlStorageValue[]): void {
    this.#sql.exec(`INSERT OR REPLACE INTO ${table} VALUES (${values.map(() => '?').join()})`, ...values)
  }

  #add(table: keyof CountTables, ...values: readonly SqlStorageValue[]): void {
    this.#sql.exec(this.#counts[table].add, ...values)
  }

  /** Requests of a table of counts by its one column. */
  #requests<Row>(table: keyof CountTables, column: string, { from, to }: Span): Row[] {
    return this.#rows(
      `SELECT ${column}, sum(requests) AS requests FROM ${table} WHERE hour >= ? AND hour < ?
       GROUP BY 1 HAVING sum(requests) <> 0 ORDER BY 1`,
      from,
      to,
    )
  }
}

export interface DirtyDay {
  readonly day: number
  /** When it was last written to KV; 0: never. */
  readonly putAt: number
  /** How often it was marked as changed since it was clean. */
  readonly changes: number
}

interface IsolateRow {
  readonly id: string
  readonly sequence: number
  readonly reply: string
  readonly seen_at: number
}

function isolateOf({ sequence, reply, seen_at: seenAt }: IsolateRow): IsolateRecord {
  return { sequence, reply: JSON.parse(reply) as IsolateRecord['reply'], seenAt }
}

interface LeaseRow extends Omit<Lease, 'set' | 'grantedAt' | 'unsettled'> {
  readonly id: string
  readonly set_id: string
  readonly granted_at: number
  readonly unsettled: number
}

function leaseOf({ id, set_id: set, granted_at: grantedAt, unsettled, ...lease }: LeaseRow): Lease {
  return { ...lease, set, grantedAt, unsettled: unsettled === 1 }
}
