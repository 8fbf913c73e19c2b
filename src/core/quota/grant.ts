/** What an isolate gets of what it wants: a lease, a refusal, or a part and both. */
import type { Limit } from '../configuration.ts'
import { refusalHoldIsolates, refusalHoldMillis } from '../limits.ts'
import { type AccountState, type Journal, leaseId, type StoredReply } from './account.ts'
import { hourOf } from './books.ts'
import { leaseUnits } from './lease-size.ts'
import { available, createMeter, debit, debtAt, type Meter, waitMillis } from './meter.ts'
import {
  type LeaseGrant,
  type LimitState,
  limitNames,
  type SetRefusal,
  type SyncRequest,
  type Want,
} from './sync.ts'

interface GrantContext {
  readonly request: SyncRequest
  readonly now: number
  readonly limits: readonly Limit[]
  readonly shareOfFree: number
}

export function grantWants(
  state: AccountState,
  journal: Journal,
  { request, now, limits, shareOfFree }: GrantContext,
): StoredReply {
  const leases: LeaseGrant[] = []
  const refusals: SetRefusal[] = []
  const states = new Map<string, LimitState>()
  for (const want of request.wants) {
    const chosen = chooseLimits(limits, want.set)
    if (chosen === null) {
      const hold = holdMillis(state)
      refusals.push({ set: want.set, limit: null, waitMillis: hold, holdMillis: hold })
      continue
    }
    const units = state.rules.suspended
      ? 0
      : grantSet(state, journal, { want, limits: chosen, now, shareOfFree })
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
function grantSet(
  state: AccountState,
  journal: Journal,
  { want, limits, now, shareOfFree }: Omit<GrantContext, 'request'> & { readonly want: Want },
): number {
  let least = Number.POSITIVE_INFINITY
  for (const limit of limits)
    if (limit.mode === 'enforce') least = Math.min(least, available(meterOf(state, limit, now), now))
  const units = leaseUnits({ ...want, available: least, isolates: state.active.size }, shareOfFree)
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

function recordLease(
  state: AccountState,
  journal: Journal,
  { request, set, units, now }: { request: SyncRequest; set: string; units: number; now: number },
): void {
  const id = leaseId({ isolate: request.isolate, sequence: request.sequence, set })
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

/**
 * How long isolates refuse from memory: long enough that all of them together stay within what an account can
 * answer, however many calls they refuse.
 */
export function holdMillis(state: AccountState): number {
  return Math.ceil(refusalHoldMillis * Math.max(1, state.active.size / refusalHoldIsolates))
}

/** The limit that keeps the set waiting longest, and how long to refuse without asking. */
function refusalOf(
  state: AccountState,
  set: string,
  { limits, now }: { limits: readonly Limit[]; now: number },
): SetRefusal {
  let limit = ''
  let wait = 1
  let collects = Number.POSITIVE_INFINITY
  for (const candidate of limits) {
    if (candidate.mode === 'observe') continue
    const meter = meterOf(state, candidate, now)
    collects = Math.min(collects, (meter.rate.burst * meter.rate.perMillis) / meter.rate.requests)
    const waits = waitMillis(meter, now)
    if (limit !== '' && waits <= wait) continue
    wait = Math.max(1, waits)
    limit = candidate.name
  }
  // While isolates refuse from memory the bucket collects; not longer than it can collect, or units spill.
  const hold = Math.min(holdMillis(state), Math.max(wait, Math.ceil(collects)))
  return { set, limit, waitMillis: wait, holdMillis: hold }
}

function stateOf(state: AccountState, limit: Limit, now: number): LimitState {
  return {
    name: limit.name,
    requests: limit.requests,
    perMillis: limit.perMillis,
    burst: limit.burst,
    debt: debtAt(meterOf(state, limit, now), now),
    enforced: limit.mode === 'enforce',
  }
}

function meterOf(state: AccountState, { name, requests, perMillis, burst }: Limit, now: number): Meter {
  let meter = state.meters.get(name)
  if (meter === undefined) {
    meter = createMeter({ requests, perMillis, burst }, now)
    state.meters.set(name, meter)
  }
  return meter
}

/** The limits of a set by name; null when one is not in the account's configuration: never unlimited by mistake. */
function chooseLimits(limits: readonly Limit[], set: string): readonly Limit[] | null {
  const chosen: Limit[] = []
  for (const name of limitNames(set)) {
    const limit = limits.find((one) => one.name === name)
    if (limit === undefined) return null
    chosen.push(limit)
  }
  return chosen
}
