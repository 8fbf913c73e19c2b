/**
 * The books of one team as an isolate keeps them between two syncs: what changed, by hour of dispatch,
 * upstream, key, subject and outcome. A call holds on to its row, so that its outcome lands where its dispatch
 * was booked, however much later. Bounded: beyond 2,000 rows in an hour, subjects share `~other`.
 */
import type { Key } from '../core/configuration.ts'
import { walletRowsMax } from '../core/limits.ts'
import type { Caller } from '../core/permit.ts'
import { hourMillis, hourOf } from '../core/quota/books.ts'
import type { UsageDelta } from '../core/quota/sync.ts'
import type { CallFacts, Outcome } from './accounts.ts'

interface Tally {
  requests: number
  bytesIn: number | null
  bytesOut: number | null
  millis: number
}

const noTally: Readonly<Tally> = { requests: 0, bytesIn: null, bytesOut: null, millis: 0 }

export class UsageRow {
  readonly hour: number
  readonly #key: Key
  readonly #subject: string
  readonly #changed: UsageRow[]
  readonly #tallies = new Map<Outcome, Tally>()
  #listed = false
  #open = 0
  #lastAt = 0

  constructor(hour: number, key: Key, { subject, changed }: { subject: string; changed: UsageRow[] }) {
    this.hour = hour
    this.#key = key
    this.#subject = subject
    this.#changed = changed
  }

  dispatched(now: number): void {
    this.#open += 1
    this.#lastAt = now
    this.#list()
  }

  settled(outcome: Outcome, { bytesIn, bytesOut, millis }: CallFacts): void {
    this.#open -= 1
    let tally = this.#tallies.get(outcome)
    if (tally === undefined) {
      tally = { ...noTally }
      this.#tallies.set(outcome, tally)
    }
    tally.requests += 1
    if (bytesIn !== null) tally.bytesIn = (tally.bytesIn ?? 0) + bytesIn
    if (bytesOut !== null) tally.bytesOut = (tally.bytesOut ?? 0) + bytesOut
    tally.millis += millis
    this.#list()
  }

  /** Adds the changes since the last time to `deltas`, and starts from nothing again. */
  drainInto(deltas: UsageDelta[]): void {
    this.#listed = false
    const row = {
      hour: this.hour,
      upstream: this.#key.upstream,
      key: this.#key.name,
      subject: this.#subject,
      lastAt: this.#lastAt,
    }
    if (this.#open !== 0) deltas.push({ ...row, outcome: 'open', ...noTally, requests: this.#open })
    this.#open = 0
    for (const [outcome, tally] of this.#tallies) deltas.push({ ...row, outcome, ...tally })
    this.#tallies.clear()
  }

  #list(): void {
    if (this.#listed) return
    this.#listed = true
    this.#changed.push(this)
  }
}

export class UsageRows {
  readonly #changed: UsageRow[] = []
  #hour = -1
  #rows = new Map<Key, Map<string, UsageRow>>()
  #count = 0

  get unreported(): boolean {
    return this.#changed.length > 0
  }

  /** The row of a call that is dispatched now. */
  row(key: Key, caller: Caller, now: number): UsageRow {
    if (now - this.#hour >= hourMillis || now < this.#hour) {
      this.#hour = hourOf(now)
      this.#rows = new Map()
      this.#count = 0
    }
    let subjects = this.#rows.get(key)
    if (subjects === undefined) {
      subjects = new Map()
      this.#rows.set(key, subjects)
    }
    const subject = `${caller.issuer.name}:${caller.subject}`
    return subjects.get(subject) ?? this.#create(key, subjects, subject)
  }

  drain(): readonly UsageDelta[] {
    const deltas: UsageDelta[] = []
    for (const row of this.#changed) row.drainInto(deltas)
    // Emptied in place: every row holds on to this array.
    this.#changed.length = 0
    return deltas
  }

  #create(key: Key, subjects: Map<string, UsageRow>, named: string): UsageRow {
    const subject = this.#count < walletRowsMax ? named : '~other'
    const known = subjects.get(subject)
    if (known !== undefined) return known
    const row = new UsageRow(this.#hour, key, { subject, changed: this.#changed })
    subjects.set(subject, row)
    this.#count += 1
    return row
  }
}
