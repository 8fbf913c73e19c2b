/** One sync, applied once: books what was reported, credits what came back, grants what is wanted. */
import type { Limit } from '../configuration.ts'
import { accountIsolatesMax, creditMillis, isolateActiveMillis, subjectsPerHourMax } from '../limits.ts'
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
import { grantWants, holdMillis } from './grant.ts'
import { shareOfFreeDefault } from './lease-size.ts'
import { createMeter, credit, retune, sameRate } from './meter.ts'
import { type LeaseReport, limitNames, type SyncReply, type SyncRequest, type UsageDelta } from './sync.ts'

interface SyncContext {
  /** Of `tick`. */
  readonly now: number
  /** Of the account's own configuration, with overrides applied. */
  readonly limits: readonly Limit[]
  readonly isolatesMax?: number
  /** Of what is free, for a lease beyond its need; the simulator tries others. */
  readonly shareOfFree?: number
}

/**
 * Applies a sync once. The same (isolate, sequence) gets the stored reply again and changes nothing, so a lost
 * reply costs neither units nor truth; an older sequence gets an empty one.
 */
export function applySync(
  state: AccountState,
  request: SyncRequest,
  context: SyncContext,
): { readonly reply: SyncReply; readonly journal: Journal } {
  const journal = createJournal()
  const known = state.isolates.get(request.isolate)
  if (known !== undefined && request.sequence <= known.sequence) {
    const again = request.sequence === known.sequence ? known.reply : nothing
    return { reply: replyOf(state, request, again), journal }
  }

  const { now, limits, isolatesMax = accountIsolatesMax, shareOfFree = shareOfFreeDefault } = context
  tuneMeters(state, journal, context)
  for (const report of request.leases) applyReport(state, journal, { report, isolate: request.isolate, now })
  for (const delta of request.usage) journal.usage.push(withBoundedSubject(state, delta))
  journal.refused.push(...request.refused)

  const served = admitIsolate(state, request.isolate, { now, isolatesMax })
  const stored = served
    ? grantWants(state, journal, { request, now, limits, shareOfFree })
    : { ...nothing, overloaded: true }
  state.isolates.set(request.isolate, { sequence: request.sequence, reply: stored, seenAt: now })
  dropSettled(state, journal, now)
  return { reply: replyOf(state, request, stored), journal }
}

const nothing: StoredReply = { leases: [], refusals: [], limits: [], overloaded: false }

function replyOf(state: AccountState, request: SyncRequest, stored: StoredReply): SyncReply {
  return {
    ...stored,
    sequence: request.sequence,
    rules: request.rulesVersion === state.rules.version ? null : state.rules,
    rulesVersion: state.rules.version,
    holdMillis: holdMillis(state),
  }
}

/** Gives every limit its meter, with the numbers that hold now. */
function tuneMeters(state: AccountState, journal: Journal, { now, limits }: SyncContext): void {
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
function applyReport(
  state: AccountState,
  journal: Journal,
  { report, isolate, now }: { report: LeaseReport; isolate: string; now: number },
): void {
  const { set, hour } = report
  const id = leaseId({ isolate, sequence: report.sequence, set })
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
function admitIsolate(
  state: AccountState,
  isolate: string,
  { now, isolatesMax }: { now: number; isolatesMax: number },
): boolean {
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

/** Beyond 1,000 subjects in an hour the rest share a row, for good: the set only grows. */
function withBoundedSubject(state: AccountState, delta: UsageDelta): UsageDelta {
  let subjects = state.subjects.get(delta.hour)
  if (subjects === undefined) {
    subjects = new Set()
    state.subjects.set(delta.hour, subjects)
  }
  if (delta.subject === '~other' || subjects.has(delta.subject)) return delta
  if (subjects.size >= subjectsPerHourMax) return { ...delta, subject: '~other' }
  subjects.add(delta.subject)
  return delta
}
