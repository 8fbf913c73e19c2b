/**
 * The isolate's side of accounts: spends leases without I/O. While a lease is at hand, a call costs one object
 * and no promise; `sync` carries everything else, about once per second and team.
 *
 * Lost with the isolate: what it used within the last second. The account shows it as unsettled.
 */

import type { admitted } from '../core/admission.ts'
import { acceptedUntil } from '../core/claims.ts'
import { admissionMillisMax, admissionWaitsMax, walletAccountsMax } from '../core/limits.ts'
import type { Permit } from '../core/permit.ts'
import { Refusal } from '../core/problems.ts'
import type {
  Accounts,
  Admission,
  CallContext,
  CallFacts,
  Dispatch,
  dispatched,
  Outcome,
  RateLimitFields,
} from './accounts.ts'
import type { Lease, Pocket } from './lease.ts'
import { Purse, type PurseOptions } from './purse.ts'
import { unavailable } from './refusals.ts'
import type { UsageRow } from './usage-rows.ts'

interface WalletOptions extends PurseOptions {
  readonly accountsMax?: number
}

/** The accounts of one isolate: a purse for each team, of `accountsMax` teams at once; idle ones give way. */
export function createWallet(options: WalletOptions): Accounts {
  const { accountsMax = walletAccountsMax } = options
  const purses = new Map<string, Purse>()

  /** Bounds memory: the first idle purse goes; false when every one is in use. */
  const makeRoom = (): boolean => {
    if (purses.size < accountsMax) return true
    for (const [team, purse] of purses) if (purse.idle) return purses.delete(team)
    return false
  }

  const purseOf = (team: string): Purse => {
    const known = purses.get(team)
    if (known !== undefined) return known
    if (!makeRoom())
      throw unavailable('overloaded', 'the wallet holds as many accounts as it may, all in use')
    const purse = new Purse(team, options)
    purses.set(team, purse)
    return purse
  }

  return {
    admit(permit, context) {
      const purse = purseOf(permit.team.name)
      const unit = new Unit(permit, context, purse)
      return unit.takeNow(purse.steady(context.now(), 'begin')) ? unit : unit.take().then(() => unit)
    },
    refused(team, code, now) {
      if (purses.has(team) || makeRoom()) purseOf(team).countRefused(code, now)
    },
  }
}

/** One unit, from admission to outcome: one object for the whole life of a call. */
class Unit implements Admission, Dispatch {
  declare readonly [admitted]: true
  declare readonly [dispatched]: true
  readonly permit: Permit
  readonly #context: CallContext
  readonly #purse: Purse
  readonly #pocket: Pocket
  /** Of which the unit is reserved, until it is used or given back. */
  #lease: Lease | null = null
  /** Where the use is booked, until its outcome is. */
  #row: UsageRow | null = null
  #used = false

  constructor(permit: Permit, context: CallContext, purse: Purse) {
    this.permit = permit
    this.#context = context
    this.#purse = purse
    this.#pocket = purse.pocket(permit.limitSet)
  }

  /** Without I/O. */
  takeNow(now: number): boolean {
    if (!this.#purse.rules.allows(this.permit.caller)) return false
    const lease = this.#pocket.take(now)
    if (lease === null) return false
    if (now >= lease.renewAt || lease.free < lease.lowWater)
      this.#purse.renewInBackground(this.#pocket, now, this.#context)
    this.#lease = lease
    return true
  }

  /** With a sync, unless memory already says no. */
  async take(): Promise<void> {
    const since = this.#now()
    // One sync may run, the next is its own; after that, other calls were faster or leases stale on arrival.
    for (let waits = 0; ; waits += 1) {
      const now = this.#now()
      // Units first: an answer may bring some and refuse the rest.
      if (this.takeNow(now)) return
      const refusal = this.#purse.refusalFromMemory(this.permit, this.#pocket, now)
      if (refusal !== null) {
        // The pipeline counts this refusal in a moment; the books shall show it although nobody calls again.
        this.#purse.scheduleFlush(this.#context, now)
        throw refusal
      }
      if (waits === admissionWaitsMax || now - since >= admissionMillisMax) throw this.#purse.giveUp(now)
      this.#pocket.need += 1
      try {
        await this.#purse.synced(this.#context)
      } finally {
        this.#pocket.need -= 1
      }
    }
  }

  commit(reading: number): Dispatch | null {
    const lease = this.#lease
    if (lease === null) return null
    const now = this.#purse.steady(reading)
    const { caller, key } = this.permit
    if (!lease.holds(now) || this.#expired(now) || !this.#purse.rules.allows(caller)) return null
    lease.use(now)
    this.#lease = null
    this.#used = true
    this.#row = this.#purse.rows.row(key, caller, now)
    this.#row.dispatched(now)
    this.#purse.scheduleFlush(this.#context, now)
    return this
  }

  async renew(): Promise<void> {
    if (this.#used) return
    this.release()
    if (this.#expired(this.#now()))
      throw new Refusal('token_expired', { reason: 'expired before its call was sent' })
    await this.take()
  }

  release(): void {
    const lease = this.#lease
    this.#lease = null
    if (lease?.giveBack()) this.#purse.scheduleFlush(this.#context, this.#now())
  }

  rateLimit(now: number): RateLimitFields | null {
    return this.#pocket.rateLimit(now)
  }

  settle(outcome: Outcome, facts: CallFacts): void {
    const row = this.#row
    if (row === null) return
    this.#row = null
    row.settled(outcome, facts)
    this.#purse.scheduleFlush(this.#context, this.#now())
  }

  #now(): number {
    return this.#purse.steady(this.#context.now())
  }

  /** The same instant that the token's verification used. */
  #expired(now: number): boolean {
    return now >= acceptedUntil(this.permit.caller)
  }
}
