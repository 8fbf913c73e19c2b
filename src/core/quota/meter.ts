/**
 * One limit as a token bucket (GCRA), with the grants of the last two seconds kept apart so that units which
 * come back can be credited by replay. Pure: `now` is the account's clock, in milliseconds, never decreasing.
 *
 * The state is `debt`, the units that are taken and have not yet been refilled: GCRA's TAT - now in units of the
 * emission interval. Kept in units, it survives a change of the limit (TAT - now is
 * rescaled) and keeps its precision where a TAT in milliseconds since 1970 would lose it.
 *
 * Guarantee: the units granted in any window of W seconds, less those credited, are at most burst + rate * W.
 */
import { creditMillis } from '../limits.ts'

/** `burst` units, refilled at `requests` per `perMillis`. */
export interface Rate {
  readonly requests: number
  readonly perMillis: number
  readonly burst: number
}

export interface Meter {
  rate: Rate
  /** Units per millisecond at which debt above `burst` drains: the rate under which it was taken. */
  overRate: number
  /** Debt at `at`, of all grants that are no longer in `recent`. */
  debt: number
  at: number
  /** Grants up to this serial are folded into `debt`. */
  folded: number
  /** Grants that can still be credited, oldest first, by their serial. */
  readonly recent: Map<number, RecentGrant>
  /** Debt at `headAt` with the recent grants replayed: what is looked at. */
  headDebt: number
  headAt: number
}

export interface RecentGrant {
  readonly at: number
  units: number
}

/** Doubles are exact to far better than this; without it, 99.99999999 units would be refused for ever. */
const roundingUnits = 1e-6

function perMilli(rate: Rate): number {
  return rate.requests / rate.perMillis
}

/** A full bucket. */
export function createMeter(rate: Rate, now: number): Meter {
  return restoreMeter({ rate, overRate: perMilli(rate), debt: 0, at: now, folded: 0 }, [])
}

/** What is stored of a meter; its recent grants are the account's leases, which are stored anyway. */
export interface StoredMeter {
  readonly rate: Rate
  readonly overRate: number
  readonly debt: number
  readonly at: number
  readonly folded: number
}

/** Without the recent grants, which `restoreMeter` is given again. */
export function storeMeter({ rate, overRate, debt, at, folded }: Meter): StoredMeter {
  return { rate, overRate, debt, at, folded }
}

/** `grants`: those with a serial above `folded`, oldest first, with what is left of them after returns. */
export function restoreMeter(
  stored: StoredMeter,
  grants: Iterable<readonly [serial: number, grant: RecentGrant]>,
): Meter {
  const meter: Meter = { ...stored, recent: new Map(grants), headDebt: stored.debt, headAt: stored.at }
  replay(meter)
  return meter
}

/** Whole units that can be taken now. */
export function available(meter: Meter, now: number): number {
  return Math.max(0, Math.floor(meter.rate.burst - debtAt(meter, now) + roundingUnits))
}

/** Units taken and not yet refilled. */
export function debtAt(meter: Meter, now: number): number {
  return drained(meter, meter.headDebt, now - meter.headAt)
}

/** Milliseconds until one unit can be taken; 0 when one can be taken now. */
export function waitMillis(meter: Meter, now: number): number {
  const { burst } = meter.rate
  const debt = debtAt(meter, now)
  const excess = Math.max(0, debt - burst)
  const missing = Math.min(debt, burst) - (burst - 1)
  if (missing <= roundingUnits) return 0
  return Math.ceil(excess / meter.overRate + missing / perMilli(meter.rate))
}

/** Takes `units` (at most `available`); `serial` numbers the grant, higher than all before. */
export function debit(meter: Meter, units: number, { now, serial }: { now: number; serial: number }): void {
  settleMeter(meter, now)
  meter.headDebt = debtAt(meter, now) + units
  meter.headAt = now
  meter.recent.set(serial, { at: now, units })
}

/**
 * Credits units of a recent grant as if they had never been granted: the grant is lowered and everything since
 * is computed again. Subtracting them from today's debt instead would forget the refill that the bucket has
 * had meanwhile, and let more than the bound pass. Older grants are not credited.
 *
 * `held`: what was left of the grant. A limit in observe mode debits less than was granted; what it did not have
 * comes back first, and is returned: so many calls it would not have refused after all.
 */
export function credit(
  meter: Meter,
  units: number,
  { now, serial, held }: { now: number; serial: number; held: number },
): number {
  settleMeter(meter, now)
  const grant = meter.recent.get(serial)
  if (grant === undefined) return 0
  const undebited = Math.min(units, held - grant.units)
  grant.units -= units - undebited
  replay(meter)
  return undebited
}

/**
 * Changes the numbers. The debt stays, in units, so a change never makes more available than the new limit
 * would have; what the old burst allowed beyond the new one drains at the old rate, so that a team is not
 * locked out for a hundred days when 1,000 per second become 10 per day.
 */
export function retune(meter: Meter, rate: Rate, now: number): void {
  settleMeter(meter, Infinity)
  meter.debt = drained(meter, meter.debt, now - meter.at)
  meter.at = now
  replay(meter)
  const before = Math.max(perMilli(meter.rate), meter.debt > meter.rate.burst ? meter.overRate : 0)
  meter.overRate = meter.debt > rate.burst ? Math.max(before, perMilli(rate)) : perMilli(rate)
  meter.rate = rate
}

export function sameRate(one: Rate, other: Rate): boolean {
  return one.requests === other.requests && one.perMillis === other.perMillis && one.burst === other.burst
}

/** What is left of `debt` after `elapsed` milliseconds: first what exceeds the burst, then the rest. */
function drained({ rate, overRate }: Meter, debt: number, elapsed: number): number {
  if (elapsed <= 0) return debt
  const excess = debt - rate.burst
  if (excess <= 0) return Math.max(0, debt - elapsed * perMilli(rate))
  const excessMillis = excess / overRate
  if (elapsed <= excessMillis) return debt - elapsed * overRate
  return Math.max(0, rate.burst - (elapsed - excessMillis) * perMilli(rate))
}

/** Takes grants that can no longer be credited into the debt for good, so that their leases can be forgotten. */
export function settleMeter(meter: Meter, now: number): void {
  for (const [serial, grant] of meter.recent) {
    if (grant.at > now - creditMillis) break
    meter.debt = drained(meter, meter.debt, grant.at - meter.at) + grant.units
    meter.at = grant.at
    meter.folded = serial
    meter.recent.delete(serial)
  }
}

function replay(meter: Meter): void {
  let debt = meter.debt
  let at = meter.at
  for (const grant of meter.recent.values()) {
    debt = drained(meter, debt, grant.at - at) + grant.units
    at = grant.at
  }
  meter.headDebt = debt
  meter.headAt = at
}
