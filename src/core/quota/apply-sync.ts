/** One sync, applied once: books what was reported, credits what came back, grants what is wanted. */
import { accountIsolatesMax, isolateActiveMillis, subjectsPerHourMax } from '../limits.ts'
import {
  type AccountState,
  createJournal,
  dropSettled,
  type Journal,
  leaseId,
  openUnits,
  type StoredReply,
} from './account.ts'
import { hourOf } from './books.ts'
import { grantWants, holdMillis, type Sync } from './grant.ts'
import { createMeter, credit, retune, sameRate } from './meter.ts'
import { type LeaseReport, limitNames, type SyncReply, type SyncRequest, type UsageDelta } from './sync.ts'

interface SyncContext extends Pick<Sync, 'now' | 'limits' | 'shareOfFree'> {
  readonly isolatesMax?: number
}

/**
 * Applies a sync once. The same (isolate, sequence) gets the stored reply again and changes nothing, so a lost
 * reply costs neither units nor truth; an older sequence gets an empty one.
 */
export function applySync(
  state: AccountState,
  request: SyncRequest,
  { isolatesMax = accountIsolatesMax, ...context }: SyncContext,
): { readonly reply: SyncReply; readonly journal: Journal } {
  const journal = createJournal()
  const { isolate, sequence } = request
  const known = state.isolates.get(isolate)
  if (known !== undefined && sequence <= known.sequence)
    return { reply: replyOf(state, request, sequence === known.sequence ? known.reply : nothing), journal }

  const sync: Sync = { state, request, journal, ...context }
  tuneMeters(sync)
  for (const report of request.leases) applyReport(sync, report)
  for (const delta of request.usage) journal.usage.push(withBoundedSubject(state, delta))
  journal.refused.push(...request.refused)

  const reply = admitIsolate(sync, isolatesMax) ? grantWants(sync) : { ...nothing, overloaded: true }
  state.isolates.set(isolate, { sequence, reply, seenAt: sync.now })
  dropSettled(state, journal, sync.now)
  return { reply: replyOf(state, request, reply), journal }
}

const nothing: StoredReply = { leases: [], refusals: [], limits: [], overloaded: false }

function replyOf(state: AccountState, request: SyncRequest, stored: StoredReply): SyncReply {
  const { rules } = state
  return {
    ...stored,
    sequence: request.sequence,
    rules: request.rulesVersion === rules.version ? null : rules,
    rulesVersion: rules.version,
    holdMillis: holdMillis(state),
  }
}

/** Gives every limit its meter, with the numbers that hold now. */
function tuneMeters({ state, journal, now, limits }: Sync): void {
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
function applyReport({ state, request, journal, now }: Sync, report: LeaseReport): void {
  const { sequence, set } = report
  // Use that no known grant covers (its lease was forgotten) is granted and used at once, so that it is not lost.
  journal.ledger.add(set, report.hour, { used: report.used })
  const id = leaseId({ isolate: request.isolate, sequence, set })
  const lease = state.leases.get(id)
  if (lease === undefined) return
  const used = Math.min(report.used, openUnits(lease))
  lease.used += used
  const returned = Math.min(report.returned, openUnits(lease))
  const held = lease.units - lease.returned
  lease.returned += returned
  const hour = hourOf(lease.grantedAt)
  const from = lease.unsettled ? 'unsettled' : 'outstanding'
  journal.ledger.add(set, hour, { returned, [from]: -used - returned })
  journal.leases.add(id)
  if (returned === 0) return
  for (const name of limitNames(set)) {
    const meter = state.meters.get(name)
    if (meter === undefined) continue
    const requests = -credit(meter, returned, { now, serial: lease.serial, held })
    if (requests < 0) journal.observed.push({ hour, limit: name, requests })
    // Stored also when they came too late: restored without it, the limit would credit them after all.
    journal.meters.add(name)
  }
}

/** Notes that the isolate was heard; false when the account serves as many others as it can. */
function admitIsolate({ state: { active }, request: { isolate }, now }: Sync, isolatesMax: number): boolean {
  for (const [silent, seenAt] of active) {
    if (seenAt + isolateActiveMillis > now) break
    active.delete(silent)
  }
  if (!active.has(isolate) && active.size >= isolatesMax) return false
  // Deleted first, so that the order of the Map is the order of being heard.
  active.delete(isolate)
  active.set(isolate, now)
  return true
}

/** Beyond 1,000 subjects in an hour the rest share a row, for good: the set only grows. */
function withBoundedSubject({ subjects }: AccountState, delta: UsageDelta): UsageDelta {
  const { hour, subject } = delta
  const known = subjects.get(hour) ?? new Set()
  subjects.set(hour, known)
  if (subject === '~other' || known.has(subject)) return delta
  if (known.size >= subjectsPerHourMax) return { ...delta, subject: '~other' }
  known.add(subject)
  return delta
}
