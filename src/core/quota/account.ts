/**
 * The account: what one team has taken, what became of it, and who may not call (docs/leases.md). Pure: the
 * functions change the state they are given and say in a `Journal` what has to be stored; the Durable Object
 * around them loads, calls, and saves without an await between. `now` is milliseconds since 1970 by the
 * account's own clock, which `tick` keeps from running backwards.
 */
import { creditMillis, unsettledMillis } from '../limits.ts'
import { hourMillis, hourOf, LedgerChanges } from './books.ts'
import { type Meter, restoreMeter, type StoredMeter, settleMeter } from './meter.ts'
import type { Rules } from './revocation.ts'
import { limitNames, type SyncReply, type UsageDelta } from './sync.ts'

export interface AccountState {
  /** The latest time that this account has seen. */
  clock: number
  /** Number of the latest grant. */
  serial: number
  rules: Rules
  readonly meters: Map<string, Meter>
  /** The isolates that were looked up; the caller loads the one that speaks before `applySync`. */
  readonly isolates: Map<string, IsolateRecord>
  /** By `leaseId`: all that are outstanding or still creditable, and the unsettled ones of loaded isolates. */
  readonly leases: Map<string, Lease>
  /** When each isolate was last heard, longest silent first. */
  readonly active: Map<string, number>
  /** Subjects with a row of their own, by hour; the caller loads the hours that a sync books into. */
  readonly subjects: Map<number, Set<string>>
}

export interface IsolateRecord {
  readonly sequence: number
  readonly reply: StoredReply
  readonly seenAt: number
}

/** A reply as it is kept for being asked again; the rules are always the present ones. */
export type StoredReply = Pick<SyncReply, 'leases' | 'refusals' | 'limits' | 'overloaded'>

export interface Lease {
  readonly isolate: string
  readonly sequence: number
  readonly set: string
  readonly serial: number
  readonly grantedAt: number
  readonly units: number
  used: number
  returned: number
  /** Nothing was heard for 60 s: what is open of it stands as unsettled. */
  unsettled: boolean
}

/** What has to be stored after a change. */
export interface Journal {
  readonly ledger: LedgerChanges
  readonly usage: UsageDelta[]
  readonly refused: { readonly hour: number; readonly code: string; readonly requests: number }[]
  /** What limits in observe mode would have refused; negative for what came back unspent. */
  readonly observed: { readonly hour: number; readonly limit: string; readonly requests: number }[]
  readonly leases: Set<string>
  readonly meters: Set<string>
}

export function createJournal(): Journal {
  return {
    ledger: new LedgerChanges(),
    usage: [],
    refused: [],
    observed: [],
    leases: new Set(),
    meters: new Set(),
  }
}

/** An account that was never asked. */
export function createAccount(): AccountState {
  const rules = { version: 1, suspended: false, revocations: [] }
  return restoreAccount({ rules, meters: [], leases: [], isolates: [] })
}

interface StoredAccount {
  readonly rules: Rules
  readonly meters: readonly (readonly [name: string, meter: StoredMeter])[]
  /** All that are not settled, and the settled ones that can still be credited. */
  readonly leases: readonly Lease[]
  readonly isolates: readonly (readonly [id: string, isolate: IsolateRecord])[]
}

/**
 * The account as it was when it was last stored. A limit in observe mode may come back a little fuller than it
 * was (what it would have refused in the last two seconds is debited), which refuses nobody.
 */
export function restoreAccount(stored: StoredAccount): AccountState {
  const leases = stored.leases.toSorted((one, other) => one.serial - other.serial)
  const isolates = stored.isolates.toSorted(([, one], [, other]) => one.seenAt - other.seenAt)
  const meters = stored.meters.map(([name, meter]) => {
    const grants = leases
      .filter(({ serial, set }) => serial > meter.folded && limitNames(set).includes(name))
      .map(
        ({ serial, grantedAt, units, returned }) =>
          [serial, { at: grantedAt, units: units - returned }] as const,
      )
    return [name, restoreMeter(meter, grants)] as const
  })
  const latest = leases.at(-1)
  return {
    clock: Math.max(
      latest?.grantedAt ?? 0,
      isolates.at(-1)?.[1].seenAt ?? 0,
      ...meters.map(([, { at }]) => at),
    ),
    serial: Math.max(latest?.serial ?? 0, ...meters.map(([, { folded }]) => folded)),
    rules: stored.rules,
    meters: new Map(meters),
    isolates: new Map(isolates),
    leases: new Map(leases.map((lease) => [leaseId(lease), lease])),
    active: new Map(isolates.map(([id, { seenAt }]) => [id, seenAt])),
    subjects: new Map(),
  }
}

/** What a lease is called in state and storage: the sync that brought it, and its set. */
export function leaseId({ isolate, sequence, set }: Pick<Lease, 'isolate' | 'sequence' | 'set'>): string {
  return `${isolate}/${sequence}/${set}`
}

/** The account's time: a clock that steps back stands still instead, so no limit refills twice. */
export function tick(state: AccountState, now: number): number {
  state.clock = Math.max(state.clock, now)
  return state.clock
}

/** Moves what nothing was heard of for 60 s to unsettled. */
export function sweepUnsettled(state: AccountState, now: number): Journal {
  const journal = createJournal()
  for (const [id, lease] of state.leases) {
    if (lease.unsettled || lease.grantedAt + unsettledMillis > now) continue
    const open = openUnits(lease)
    journal.ledger.add(lease.set, hourOf(lease.grantedAt), { outstanding: -open, unsettled: open })
    if (open > 0) lease.unsettled = true
    journal.leases.add(id)
    settleMeters(state, journal, lease, now)
  }
  dropSettled(state, journal, now)
  return journal
}

/** When the next lease becomes unsettled unless it is heard of; Infinity: none is outstanding. */
export function nextSweepAt(state: AccountState): number {
  for (const lease of state.leases.values())
    if (!lease.unsettled && openUnits(lease) > 0) return lease.grantedAt + unsettledMillis
  return Infinity
}

/** Units that are neither used nor returned. */
export function openUnits(lease: Lease): number {
  return lease.units - lease.used - lease.returned
}

/** What the account's copy in memory can do without: isolates long silent, hours long past. Storage has them. */
export function forgetSilent(state: AccountState, now: number): void {
  for (const [id, { seenAt }] of state.isolates) if (seenAt + unsettledMillis < now) state.isolates.delete(id)
  for (const [id, lease] of state.leases)
    if (lease.unsettled && !state.isolates.has(lease.isolate)) state.leases.delete(id)
  for (const hour of state.subjects.keys()) if (hour + 2 * hourMillis < now) state.subjects.delete(hour)
}

/** Forgets leases of which nothing is open and nothing can be credited any more; the journal deletes their rows. */
export function dropSettled(state: AccountState, journal: Journal, now: number): void {
  for (const [id, lease] of state.leases) {
    if (lease.grantedAt + creditMillis >= now) break
    if (openUnits(lease) > 0) continue
    settleMeters(state, journal, lease, now)
    state.leases.delete(id)
    journal.leases.add(id)
  }
}

/**
 * A meter is restored from the leases since it was stored: a lease that is forgotten, or that is unsettled and so not
 * loaded before its isolate is heard again, must be in its debt first.
 */
function settleMeters(state: AccountState, journal: Journal, lease: Lease, now: number): void {
  for (const name of limitNames(lease.set)) {
    const meter = state.meters.get(name)
    if (meter === undefined || meter.folded >= lease.serial) continue
    settleMeter(meter, now)
    journal.meters.add(name)
  }
}
