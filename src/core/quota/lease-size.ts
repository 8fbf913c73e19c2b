/**
 * How many units one sync asks for and gets. Chosen by simulation; docs/leases.md has the runs.
 */
import { leaseMillis, leaseUnitsMax } from '../limits.ts'

/** An isolate asks for what it will spend in a lease at its present pace, and this much more. */
const headroom = 1.25
/** Units lent ahead of need are at most this part of an isolate's equal share of what is available. */
export const shareOfFreeDefault = 0.5
/** The weight of the newest lease in the pace. */
const paceWeight = 0.5

interface LeaseDemand {
  /** Calls that wait for a unit right now: each of them uses one, so they are served first and whole. */
  readonly need: number
  /** With what the isolate expects to spend in the coming second. */
  readonly want: number
  /** Infinity for the empty set. */
  readonly available: number
  /** Isolates heard lately, this one included. */
  readonly isolates: number
}

/**
 * Units to grant. Callers that wait are certain to spend; units lent ahead may lie idle in one isolate while
 * another refuses, so they come out of a share that shrinks with what is left: when little is left, or the
 * limit is small, a lease is what is needed now, often one unit.
 */
export function leaseUnits(
  { need, want, available, isolates }: LeaseDemand,
  shareOfFree = shareOfFreeDefault,
): number {
  const needed = Math.min(need, available)
  const share = Math.floor(((available - needed) * shareOfFree) / Math.max(1, isolates))
  const ahead = Math.min(Math.max(0, want - need), share)
  return Math.min(needed + ahead, leaseUnitsMax)
}

/** Units that an isolate expects to spend in one lease; `pace` in units per millisecond. */
export function expectedUnits(pace: number): number {
  return Math.min(leaseUnitsMax, Math.ceil(pace * leaseMillis * headroom))
}

/** The pace after `spent` units in `elapsed` milliseconds. Rises at once, falls slowly. */
export function nextPace(pace: number, spent: number, elapsed: number): number {
  const newest = spent / Math.max(1, elapsed)
  return newest > pace ? newest : pace + (newest - pace) * paceWeight
}
