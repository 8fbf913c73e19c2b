/** What an isolate gets of what it wants: a lease, a refusal, or a part and both. */
import type { Limit } from '../configuration.ts'
import { refusalHoldIsolates, refusalHoldMillis } from '../limits.ts'
import { type AccountState, type Journal, leaseId, type StoredReply } from './account.ts'
import { hourOf } from './books.ts'
import { leaseUnits } from './lease-size.ts'
import { available, debit, debtAt, type Meter, waitMillis } from './meter.ts'
import {
  type LeaseGrant,
  type LimitState,
  limitNames,
  type SetRefusal,
  type SyncRequest,
  type Want,
} from './sync.ts'

/** One sync while it is applied: what was asked of which account, and what has to be stored of it. */
export interface Sync {
  readonly state: AccountState
  readonly request: SyncRequest
  readonly journal: Journal
  /** Of `tick`. */
  readonly now: number
  /** Of the account's own configuration, with overrides applied; each has its meter. */
  readonly limits: readonly Limit[]
  /** Of what is free, for a lease beyond its need; the simulator tries others. */
  readonly shareOfFree?: number
}

interface MeteredLimit {
  readonly limit: Limit
  readonly meter: Meter
  readonly enforced: boolean
}

/** Serves the wants of a sync in their order; debits the meters of its state, and notes in its journal what to store. */
export function grantWants(sync: Sync): StoredReply {
  const { state, now } = sync
  const leases: LeaseGrant[] = []
  const refusals: SetRefusal[] = []
  const wanted = new Map<string, MeteredLimit>()
  for (const want of sync.request.wants) {
    const { set } = want
    const limits = limitsOf(sync, set)
    if (limits === null) {
      const hold = holdMillis(state)
      refusals.push({ set, limit: null, waitMillis: hold, holdMillis: hold })
      continue
    }
    for (const one of limits) wanted.set(one.limit.name, one)
    if (state.rules.suspended) continue
    const units = grantSet(sync, want, limits)
    if (units > 0) leases.push({ set, units })
    if (units < want.need) refusals.push(refusalOf(sync, set, limits))
  }
  const limits = [...wanted.values()].map((one) => stateOf(one, now))
  return { leases, refusals, limits, overloaded: false }
}

/** Debits all limits of the set, or none: what the one with the least left can give. */
function grantSet(
  { state, request, journal, now, shareOfFree }: Sync,
  want: Want,
  limits: readonly MeteredLimit[],
): number {
  let least = Infinity
  for (const { meter, enforced } of limits) if (enforced) least = Math.min(least, available(meter, now))
  const units = leaseUnits({ ...want, available: least, isolates: state.active.size }, shareOfFree)
  if (units === 0) return 0
  state.serial += 1
  const { set } = want
  const { serial } = state
  const hour = hourOf(now)
  for (const { limit, meter, enforced } of limits) {
    const taken = enforced ? units : Math.min(units, available(meter, now))
    debit(meter, taken, { now, serial })
    journal.meters.add(limit.name)
    if (taken < units) journal.observed.push({ hour, limit: limit.name, requests: units - taken })
  }
  const { isolate, sequence } = request
  const lease = {
    isolate,
    sequence,
    set,
    serial,
    grantedAt: now,
    units,
    used: 0,
    returned: 0,
    unsettled: false,
  }
  const id = leaseId(lease)
  state.leases.set(id, lease)
  journal.leases.add(id)
  journal.ledger.add(set, hour, { outstanding: units })
  return units
}

/**
 * How long isolates refuse from memory: long enough that all of them together stay within what an account can
 * answer, however many calls they refuse.
 */
export function holdMillis(state: AccountState): number {
  return Math.ceil(refusalHoldMillis * Math.max(1, state.active.size / refusalHoldIsolates))
}

/** The limit that keeps the set waiting longest, and how long to refuse without asking. */
function refusalOf({ state, now }: Sync, set: string, limits: readonly MeteredLimit[]): SetRefusal {
  let slowest = ''
  let wait = 1
  let collects = Infinity
  for (const { limit, meter, enforced } of limits) {
    if (!enforced) continue
    const { burst, perMillis, requests } = meter.rate
    collects = Math.min(collects, (burst * perMillis) / requests)
    const waits = waitMillis(meter, now)
    if (slowest !== '' && waits <= wait) continue
    wait = Math.max(1, waits)
    slowest = limit.name
  }
  // While isolates refuse from memory the bucket collects; not longer than it can collect, or units spill.
  const hold = Math.min(holdMillis(state), Math.max(wait, Math.ceil(collects)))
  return { set, limit: slowest, waitMillis: wait, holdMillis: hold }
}

function stateOf({ limit, meter, enforced }: MeteredLimit, now: number): LimitState {
  const { name, requests, perMillis, burst } = limit
  return { name, requests, perMillis, burst, debt: debtAt(meter, now), enforced }
}

/** The limits of a set by name; null when one is not in the account's configuration: never unlimited by mistake. */
function limitsOf({ state, limits }: Sync, set: string): readonly MeteredLimit[] | null {
  const chosen: MeteredLimit[] = []
  for (const name of limitNames(set)) {
    const limit = limits.find((one) => one.name === name)
    const meter = state.meters.get(name)
    if (limit === undefined || meter === undefined) return null
    chosen.push({ limit, meter, enforced: limit.mode === 'enforce' })
  }
  return chosen
}
