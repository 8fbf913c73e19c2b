/**
 * The account: what one team has taken, what became of it, and who may not call (design section 6). Pure: the
 * functions change the state they are given and say in a `Journal` what has to be stored; the Durable Object
 * around them loads, calls, and saves without an await between. `now` is milliseconds since 1970 by the
 * account's own clock, which `tick` keeps from running backwards.
 */
import type { Limit } from '../configuration.ts'
import {
  accountIsolatesMax,
  creditMillis,
  isolateActiveMillis,
  refusalHoldMillisMax,
  subjectsPerHourMax,
  unsettledMillis,
} from '../limits.ts'
import { hourOf, LedgerChanges } from './books.ts'
import { leaseUnits } from './lease-size.ts'
import {
  available,
  createMeter,
  credit,
  debit,
  debtAt,
  type Meter,
  restoreMeter,
  retune,
  type StoredMeter,
  sameRate,
  settleMeter,
  waitMillis,
} from './meter.ts'
import type { Rules } from './revocation.ts'
import {
  type LeaseGrant,
  type LeaseReport,
  type LimitState,
  limitNames,
  type SetRefusal,
  type SyncReply,
  type SyncRequest,
  type UsageDelta,
  type Want,
} from './sync.ts'

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
  /** What limits in observe mode would have refused. */
  readonly observed: { readonly hour: number; readonly limit: string; readonly requests: number }[]
  readonly leases: Set<string>
  readonly meters: Set<string>
}

export const createJournal = (): Journal => ({
  ledger: new LedgerChanges(),
  usage: [],
  refused: [],
  observed: [],
  leases: new Set(),
  meters: new Set(),
})

export const createAccount = (): AccountState => ({
  clock: 0,
  serial: 0,
  rules: { version: 1, suspended: false, revocations: [] },
  meters: new Map(),
  isolates: new Map(),
  leases: new Map(),
  active: new Map(),
  subjects: new Map(),
})

interface StoredAccount {
  readonly rules: Rules
  readonly meters: Iterable<readonly [name: string, meter: StoredMeter]>
  /** All that are not settled, and the settled ones that can still be credited. */
  readonly leases: readonly Lease[]
  readonly isolates: Iterable<readonly [id: string, isolate: IsolateRecord]>
}

/**
 * The account as it was when it was last stored. A limit in observe mode may come back a little fuller than it
 * was (what it would have refused in the last two seconds is debited), which refuses nobody.
 */
export const restoreAccount = (stored: StoredAccount): AccountState => {
  const state = createAccount()
  state.rules = stored.rules
  for (const [id, isolate] of stored.isolates) {
    state.isolates.set(id, isolate)
    state.clock = Math.max(state.clock, isolate.seenAt)
  }
  const leases = stored.leases.toSorted((one, other) => one.serial - other.serial)
  for (const lease of leases) {
    state.leases.set(leaseId(lease.isolate, lease.sequence, lease.set), lease)
    state.serial = Math.max(state.serial, lease.serial)
    state.clock = Math.max(state.clock, lease.grantedAt)
  }
  for (const [name, meter] of stored.meters) {
    const grants = leases
      .filter(({ serial, set }) => serial > meter.folded && limitNames(set).includes(name))
      .map(
        ({ serial, grantedAt, units, returned }) =>
          [serial, { at: grantedAt, units: units - returned }] as const,
      )
    state.meters.set(name, restoreMeter(meter, grants))
    state.serial = Math.max(state.serial, meter.folded)
    state.clock = Math.max(state.clock, meter.at)
  }
  const byLastHeard = [...state.isolates].toSorted(([, one], [, other]) => one.seenAt - other.seenAt)
  for (const [id, { seenAt }] of byLastHeard) state.active.set(id, seenAt)
  return state
}

export const leaseId = (isolate: string, sequence: number, set: string): string =>
  `${isolate}/${sequence}/${set}`

/** The account's time: a clock that steps back stands still instead, so no limit refills twice. */
export const tick = (state: AccountState, now: number): number => {
  state.clock = Math.max(state.clock, now)
  return state.clock
}

interface SyncContext {
  /** Of `tick`. */
  readonly now: number
  /** Of the account's own configuration, with overrides applied. */
  readonly limits: readonly Limit[]
  readonly isolatesMax?: number
}

/**
 * Applies a sync once. The same (isolate, sequence) gets the stored reply again and changes nothing, so a lost
 * reply costs neither units nor truth; an older sequence gets an empty one.
 */
export const applySync = (
  state: AccountState,
  request: SyncRequest,
  context: SyncContext,
): { readonly reply: SyncReply; readonly journal: Journal } => {
  const journal = createJournal()
  const known = state.isolates.get(request.isolate)
  if (known !== undefined && request.sequence <= known.sequence) {
    const again = request.sequence === known.sequence ? known.reply : nothing
    return { reply: replyOf(state, request, again), journal }
  }

  const { now, limits, isolatesMax = accountIsolatesMax } = context
  tuneMeters(state, journal, context)
  for (const report of request.leases) applyReport(state, journal, { report, isolate: request.isolate, now })
  for (const delta of request.usage) journal.usage.push(withBoundedSubject(state, delta))
  journal.refused.push(...request.refused)

  const served = admitIsolate(state, request.isolate, { now, isolatesMax })
  const stored = served
    ? grantWants(state, journal, { request, now, limits })
    : { ...nothing, overloaded: true }
  state.isolates.set(request.isolate, { sequence: request.sequence, reply: stored, seenAt: now })
  dropSettled(state, journal, now)
  return { reply: replyOf(state, request, stored), journal }
}

/** Moves what nothing was heard of for 60 s to unsettled. */
export const sweepUnsettled = (state: AccountState, now: number): Journal => {
  const journal = createJournal()
  for (const [id, lease] of state.leases) {
    if (lease.unsettled || lease.grantedAt + unsettledMillis > now) continue
    const hour = hourOf(lease.grantedAt)
    journal.ledger.transfer(lease.set, openUnits(lease), {
      from: 'outstanding',
      fromHour: hour,
      to: 'unsettled',
      toHour: hour,
    })
    if (openUnits(lease) > 0) lease.unsettled = true
    journal.leases.add(id)
  }
  dropSettled(state, journal, now)
  return journal
}

/** When the next lease becomes unsettled unless it is heard of; null: none is outstanding. */
export const nextSweepAt = (state: AccountState): number | null => {
  for (const lease of state.leases.values())
    if (!lease.unsettled && openUnits(lease) > 0) return lease.grantedAt + unsettledMillis
  return null
}

export const openUnits = (lease: Lease): number => lease.units - lease.used - lease.returned

const nothing: StoredReply = { leases: [], refusals: [], limits: [], overloaded: false }

const replyOf = (state: AccountState, request: SyncRequest, stored: StoredReply): SyncReply => ({
  ...stored,
  sequence: request.sequence,
  rules: request.rulesVersion === state.rules.version ? null : state.rules,
  rulesVersion: state.rules.version,
})

/** Gives every limit its meter, with the numbers that hold now. */
const tuneMeters = (state: AccountState, journal: Journal, { now, limits }: SyncContext): void => {
  for (const { name, requests, perMillis, burst } of limits) {
    const rate = { requests, perMillis, burst }
    const meter = state.meters.get(name)
    if (meter === undefined) state.meters.set(name, createMeter(rate, now))
    else if (!sameRate(meter.rate, rate)) retune(meter, rate, now)
    else continue
    journal.meters.add(name)
  }
}

/** Books what became of a lease's units, and credits those that came back in time. */
const applyReport = (
  state: AccountState,
  journal: Journal,
  { report, isolate, now }: { report: LeaseReport; isolate: string; now: number },
): void => {
  const { set, hour } = report
  const id = leaseId(isolate, report.sequence, set)
  const lease = state.leases.get(id)
  if (lease === undefined) {
    journal.ledger.useWithoutGrant(set, hour, report.used)
    return
  }
  const from = lease.unsettled ? 'unsettled' : 'outstanding'
  const fromHour = hourOf(lease.grantedAt)
  const used = Math.min(report.used, openUnits(lease))
  journal.ledger.transfer(set, used, { from, fromHour, to: 'used', toHour: hour })
  journal.ledger.useWithoutGrant(set, hour, report.used - used)
  lease.used += used
  const returned = Math.min(report.returned, openUnits(lease))
  journal.ledger.transfer(set, returned, { from, fromHour, to: 'returned', toHour: fromHour })
  lease.returned += returned
  journal.leases.add(id)
  if (returned === 0 || now - lease.grantedAt > creditMillis) return
  for (const name of limitNames(set)) {
    const meter = state.meters.get(name)
    if (meter !== undefined && credit(meter, returned, { now, serial: lease.serial }))
      journal.meters.add(name)
  }
}

/** Notes that the isolate was heard; false when the account serves as many others as it can. */
const admitIsolate = (
  state: AccountState,
  isolate: string,
  { now, isolatesMax }: { now: number; isolatesMax: number },
): boolean => {
  for (const [silent, seenAt] of state.active) {
    if (seenAt + isolateActiveMillis > now) break
    state.active.delete(silent)
  }
  if (!state.active.has(isolate) && state.active.size >= isolatesMax) return false
  // Deleted first, so that the order of the Map is the order of being heard.
  state.active.delete(isolate)
  state.active.set(isolate, now)
  return true
}

const grantWants = (
  state: AccountState,
  journal: Journal,
  { request, now, limits }: { request: SyncRequest; now: number; limits: readonly Limit[] },
): StoredReply => {
  const leases: LeaseGrant[] = []
  const refusals: SetRefusal[] = []
  const states = new Map<string, LimitState>()
  for (const want of request.wants) {
    const chosen = chooseLimits(limits, want.set)
    if (chosen === null) {
      const holdMillis = refusalHoldMillisMax
      refusals.push({ set: want.set, limit: null, waitMillis: holdMillis, holdMillis })
      continue
    }
    const units = state.rules.suspended ? 0 : grantSet(state, journal, { want, limits: chosen, now })
    if (units > 0) {
      leases.push({ set: want.set, units })
      recordLease(state, journal, { request, set: want.set, units, now })
    }
    if (units < want.need && !state.rules.suspended)
      refusals.push(refusalOf(state, want.set, { limits: chosen, now }))
  }
  for (const { set } of request.wants)
    for (const limit of chooseLimits(limits, set) ?? []) states.set(limit.name, stateOf(state, limit, now))
  return { leases, refusals, limits: [...states.values()], overloaded: false }
}

/** Debits all limits of the set, or none: what the one with the least left can give. */
const grantSet = (
  state: AccountState,
  journal: Journal,
  { want, limits, now }: { want: Want; limits: readonly Limit[]; now: number },
): number => {
  let least = Number.POSITIVE_INFINITY
  for (const limit of limits)
    if (limit.mode === 'enforce') least = Math.min(least, available(meterOf(state, limit, now), now))
  const units = leaseUnits({ ...want, available: least, isolates: state.active.size })
  if (units === 0) return 0
  state.serial += 1
  for (const limit of limits) {
    const meter = meterOf(state, limit, now)
    const taken = limit.mode === 'enforce' ? units : Math.min(units, available(meter, now))
    debit(meter, taken, { now, serial: state.serial })
    journal.meters.add(limit.name)
    if (taken < units)
      journal.observed.push({ hour: hourOf(now), limit: limit.name, requests: units - taken })
  }
  return units
}

const recordLease = (
  state: AccountState,
  journal: Journal,
  { request, set, units, now }: { request: SyncRequest; set: string; units: number; now: number },
): void => {
  const id = leaseId(request.isolate, request.sequence, set)
  state.leases.set(id, {
    isolate: request.isolate,
    sequence: request.sequence,
    set,
    serial: state.serial,
    grantedAt: now,
    units,
    used: 0,
    returned: 0,
    unsettled: false,
  })
  journal.leases.add(id)
  journal.ledger.grant(set, hourOf(now), units)
}

/** The limit that keeps the set waiting longest, and how long to refuse without asking. */
const refusalOf = (
  state: AccountState,
  set: string,
  { limits, now }: { limits: readonly Limit[]; now: number },
): SetRefusal => {
  let limit = ''
  let wait = -1
  let hold = refusalHoldMillisMax
  for (const candidate of limits) {
    if (candidate.mode === 'observe') continue
    const meter = meterOf(state, candidate, now)
    const waits = waitMillis(meter, now)
    // While isolates refuse from memory the bucket collects; never longer than it can collect, or units spill.
    hold = Math.min(hold, Math.ceil((meter.rate.burst * meter.rate.perMillis) / meter.rate.requests))
    if (waits > wait) {
      wait = waits
      limit = candidate.name
    }
  }
  const waits = Math.max(1, wait)
  return { set, limit, waitMillis: waits, holdMillis: Math.min(refusalHoldMillisMax, Math.max(hold, waits)) }
}

const stateOf = (state: AccountState, limit: Limit, now: number): LimitState => ({
  name: limit.name,
  requests: limit.requests,
  perMillis: limit.perMillis,
  burst: limit.burst,
  debt: debtAt(meterOf(state, limit, now), now),
  enforced: limit.mode === 'enforce',
})

const meterOf = (state: AccountState, { name, requests, perMillis, burst }: Limit, now: number): Meter => {
  let meter = state.meters.get(name)
  if (meter === undefined) {
    meter = createMeter({ requests, perMillis, burst }, now)
    state.meters.set(name, meter)
  }
  return meter
}

/** The limits of a set by name; null when one is not in the account's configuration: never unlimited by mistake. */
const chooseLimits = (limits: readonly Limit[], set: string): readonly Limit[] | null => {
  const chosen: Limit[] = []
  for (const name of limitNames(set)) {
    const limit = limits.find((one) => one.name === name)
    if (limit === undefined) return null
    chosen.push(limit)
  }
  return chosen
}

/** Beyond 1,000 subjects in an hour the rest share a row, for good: the set only grows. */
const withBoundedSubject = (state: AccountState, delta: UsageDelta): UsageDelta => {
  let subjects = state.subjects.get(delta.hour)
  if (subjects === undefined) {
    subjects = new Set()
    state.subjects.set(delta.hour, subjects)
  }
  if (subjects.has(delta.subject)) return delta
  if (subjects.size >= subjectsPerHourMax) return { ...delta, subject: '~other' }
  subjects.add(delta.subject)
  return delta
}

/** Forgets leases of which nothing is open and nothing can be credited any more; the journal deletes their rows. */
const dropSettled = (state: AccountState, journal: Journal, now: number): void => {
  for (const [id, lease] of state.leases) {
    if (lease.grantedAt + creditMillis >= now) break
    if (openUnits(lease) > 0) continue
    // A meter is restored from the leases since it was stored: one that is forgotten must be in its debt first.
    for (const name of limitNames(lease.set)) {
      const meter = state.meters.get(name)
      if (meter === undefined || meter.folded >= lease.serial) continue
      settleMeter(meter, now)
      journal.meters.add(name)
    }
    state.leases.delete(id)
    journal.leases.add(id)
  }
}
