/**
 * Leases as an isolate holds them: units taken in advance, spent without I/O until one second after the sync
 * that brought them was sent. Always `units = free + reserved + used + returned`.
 */
import { leaseMillis, leaseRenewMillis } from '../core/limits.ts'
import type { LimitSet } from '../core/permit.ts'
import { hourOf } from '../core/quota/books.ts'
import { nextPace } from '../core/quota/lease-size.ts'
import type { LeaseReport, LimitState } from '../core/quota/sync.ts'
import type { RateLimitFields } from './accounts.ts'

/** Units of one lease that were used in one hour. */
interface Use {
  readonly hour: number
  used: number
}

const noUse: Use = { hour: -1, used: 0 }

/** Of a lease this small nothing is fetched ahead of need. */
const lowWaterUnitsMin = 8

export class Lease {
  readonly sequence: number
  /** By the isolate's clock: when the sync that brought it was sent. */
  readonly sentAt: number
  readonly renewAt: number
  /** Fewer free units than this start the next sync in the background. */
  readonly lowWater: number
  until: number
  free: number
  reserved = 0
  #closed = false
  /** Used and not reported, by hour; the last one is at hand. */
  #uses: Use[] = []
  #use = noUse

  constructor(sequence: number, units: number, { sentAt, lowWater }: { sentAt: number; lowWater: number }) {
    this.sequence = sequence
    this.sentAt = sentAt
    this.until = sentAt + leaseMillis
    this.renewAt = sentAt + leaseRenewMillis
    this.lowWater = units >= lowWaterUnitsMin ? Math.min(lowWater, units >> 1) : 0
    this.free = units
  }

  holds(now: number): boolean {
    return now < this.until
  }

  lends(now: number): boolean {
    return this.free > 0 && this.holds(now)
  }

  reserve(): void {
    this.free -= 1
    this.reserved += 1
  }

  /** false: it has ended and its units went back already. */
  giveBack(): boolean {
    if (this.#closed) return false
    this.reserved -= 1
    this.free += 1
    return true
  }

  use(now: number): void {
    this.reserved -= 1
    const hour = hourOf(now)
    if (hour !== this.#use.hour) {
      this.#use = { hour, used: 0 }
      this.#uses.push(this.#use)
    }
    this.#use.used += 1
  }

  /** What is reported in the next sync: use by hour, and what goes back now. Keeps `keep` free units if it holds. */
  report(set: string, now: number, keep: number): readonly LeaseReport[] {
    let returned = Math.max(0, this.free - (this.holds(now) ? keep : 0))
    this.free -= returned
    if (!this.holds(now)) {
      // What is reserved cannot be committed any more, whatever the clock does: it goes back, its admission renews.
      returned += this.reserved
      this.reserved = 0
      this.#closed = true
      this.until = -Infinity
    }
    const uses = this.#uses
    this.#uses = []
    this.#use = noUse
    if (returned > 0 && uses.length === 0) uses.push({ hour: hourOf(now), used: 0 })
    const { sequence } = this
    return uses.map((use, at) => ({ sequence, set, ...use, returned: at === 0 ? returned : 0 }))
  }

  /** Nothing can happen to it any more, and all of it was reported. */
  get spent(): boolean {
    return this.free === 0 && this.reserved === 0 && this.#uses.length === 0
  }
}

/** What the account said, by the isolate's clock. */
export interface PocketRefusal {
  readonly limit: string | null
  /** Refused from memory until then. */
  readonly until: number
  /** When one more unit can be had. */
  readonly retryAt: number
}

/** No lease yet: holds at no time. */
function none(): Lease {
  return new Lease(0, 0, { sentAt: -Infinity, lowWater: 0 })
}

/** What an isolate has and knows of one limit set of one team. */
export class Pocket {
  readonly set: LimitSet
  lease = none()
  /** Older leases, of which units are reserved, unreported, or left for a need. */
  fading: Lease[] = []
  /** Calls that wait for a unit. */
  need = 0
  /** The next sync fetches the following lease. */
  renewing = false
  /** Units per millisecond. */
  pace = 0
  refusal: PocketRefusal | null = null
  #spent = 0
  #pacedAt = 0
  #limits: readonly LimitState[] = []
  #limitsAt = 0
  #tightest: LimitState | null = null
  #policy = ''

  constructor(set: LimitSet) {
    this.set = set
  }

  /** Reserves a unit of the newest lease that has one; null when none holds. */
  take(now: number): Lease | null {
    const lease = this.lease.lends(now) ? this.lease : this.#older(now)
    if (lease === undefined) return null
    lease.reserve()
    this.#spent += 1
    return lease
  }

  /** Apart, since a closure over `now` would cost every call that takes of the newest. */
  #older(now: number): Lease | undefined {
    return this.fading.find((lease) => lease.lends(now))
  }

  receive(lease: Lease): void {
    if (!this.lease.spent) this.fading.push(this.lease)
    this.lease = lease
  }

  /** All that became of its leases since the last sync. `keep`: free units that the current lease keeps. */
  report(now: number, keep: number): readonly LeaseReport[] {
    const { id } = this.set
    const reports = this.fading.flatMap((lease) => lease.report(id, now, 0))
    this.fading = this.fading.filter((lease) => !lease.spent)
    return [...reports, ...this.lease.report(id, now, keep)]
  }

  get settled(): boolean {
    return this.lease.spent && this.fading.length === 0
  }

  updatePace(now: number): void {
    const elapsed = now - this.#pacedAt
    if (elapsed < paceMillisMin) return
    this.pace = nextPace(this.pace, this.#spent, Math.min(elapsed, paceMillisMax))
    this.#spent = 0
    this.#pacedAt = now
  }

  /** `now`: when the answer came; assuming that the limits refill from then on errs on the careful side. */
  learn(limits: readonly LimitState[], now: number): void {
    const names = new Set(this.set.limits.map(({ name }) => name))
    const known = limits.filter(({ name, enforced }) => enforced && names.has(name))
    if (known.length === 0) return
    this.#limits = known
    this.#limitsAt = now
    this.#tightest = null
  }

  voidLeases(): void {
    for (const lease of [this.lease, ...this.fading]) lease.until = -Infinity
    this.refusal = null
  }

  /** RateLimit fields of the limit with the least left, as far as this isolate knows; null without limits. */
  rateLimit(now: number): RateLimitFields | null {
    let least = Infinity
    let tightest: LimitState | null = null
    for (const limit of this.#limits) {
      const left = limit.burst - debtOf(limit, now - this.#limitsAt)
      if (left < least) {
        least = left
        tightest = limit
      }
    }
    if (tightest === null) return null
    if (tightest !== this.#tightest) {
      this.#tightest = tightest
      this.#policy = policyOf(tightest)
    }
    const { name, burst, requests, perMillis } = tightest
    const remaining = Math.max(0, Math.min(burst, Math.floor(least) + this.lease.free))
    const fullSeconds = Math.ceil(((burst - remaining) * perMillis) / requests / 1000)
    return { policy: this.#policy, limit: `"${name}";r=${remaining};t=${fullSeconds}` }
  }

  /** The same for a refusal by `name`: nothing is left, and `t` is when one unit is. */
  refusedRateLimit(name: string, retrySeconds: number): RateLimitFields | null {
    const limit = this.#limits.find((one) => one.name === name)
    return limit === undefined ? null : { policy: policyOf(limit), limit: `"${name}";r=0;t=${retrySeconds}` }
  }
}

/** Spending is measured over at least this time: three calls in one millisecond are not 3,000 a second. */
const paceMillisMin = 100
/** After a longer silence it says nothing about the coming second. */
const paceMillisMax = 2_000

function debtOf({ debt, requests, perMillis }: LimitState, elapsed: number): number {
  return Math.max(0, debt - (Math.max(0, elapsed) * requests) / perMillis)
}

function policyOf({ name, burst, requests, perMillis }: LimitState): string {
  return `"${name}";q=${burst};w=${Math.max(1, Math.ceil((burst * perMillis) / requests / 1000))}`
}
