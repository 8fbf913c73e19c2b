/**
 * What one isolate holds of one team's account: leases by limit set, the rules, and the books since the last
 * sync. All I/O is `sync`, one at a time. What was not acknowledged is sent again, unchanged and under the same
 * number, so that a lost reply costs neither units nor truth.
 */

import {
  flushMillis,
  flushRoundsMax,
  overloadedHoldMillis,
  refusalHoldMillis,
  reportRetryMillis,
  syncAttemptsMax,
  syncPatienceMillis,
  unavailableHoldMillis,
} from '../core/limits.ts'
import type { LimitSet, Permit } from '../core/permit.ts'
import type { ProblemCode, Refusal } from '../core/problems.ts'
import { hourOf } from '../core/quota/books.ts'
import { expectedUnits } from '../core/quota/lease-size.ts'
import type { LeaseReport, SyncReply, SyncRequest, Want } from '../core/quota/sync.ts'
import { type SetTimer, within } from '../core/within.ts'
import type { CallContext } from './accounts.ts'
import { KnownRules } from './known-rules.ts'
import { Lease, Pocket } from './lease.ts'
import { type Failure, rateLimited, unavailable } from './refusals.ts'
import { UsageRows } from './usage-rows.ts'

/** The account's side of the RPC: a Durable Object stub, or a fake. */
export interface AccountStub {
  sync(request: SyncRequest): Promise<SyncReply>
}

export interface PurseOptions {
  /** Called for every sync: a stub belongs to the request that made it. */
  readonly openAccount: (team: string) => AccountStub
  readonly setTimer: SetTimer
  /** An account that could not be asked, for the log. */
  readonly onSyncFailed?: (team: string, error: unknown) => void
  /** A name that no other isolate ever has; called when a team is first seen, not before the first request. */
  readonly newIdentity: () => string
}

interface Pending {
  readonly request: SyncRequest
  /** When it was first sent; its leases count from here, however often it was sent again. */
  readonly sentAt: number
  /** The clock was set back since: nobody knows how old its leases are. */
  void: boolean
}

/**
 * A reading so much earlier than one before means that the clock was set back; less may be the reading of a
 * request that had no I/O since. A request that begins reads a fresh clock, one that waited for another may not.
 */
const clockStepMillis = { begin: 50, later: 2_000 }
/** Round trips that the free units of a lease shall outlast while the next one is fetched. */
const roundTripsAhead = 2

export class Purse {
  readonly team: string
  readonly rows = new UsageRows()
  readonly rules = new KnownRules()
  readonly #options: PurseOptions
  readonly #pockets = new Map<string, Pocket>()
  #isolate: string
  #sequence = 0
  #pending: Pending | null = null
  #inFlight: Promise<void> | null = null
  #inFlightSince = 0
  #failure: Failure | null = null
  #refused: { readonly hour: number; readonly code: ProblemCode; requests: number }[] = []
  #roundTripMillis = 20
  #clock = 0
  /** Of the first change that no sync carries yet; 0: there is none. */
  #unreportedSince = 0
  #flushGuardUntil = 0

  constructor(team: string, options: PurseOptions) {
    this.team = team
    this.#isolate = options.newIdentity()
    this.#options = options
  }

  pocket(set: LimitSet): Pocket {
    const known = this.#pockets.get(set.id)
    if (known !== undefined) return known
    const pocket = new Pocket(set)
    this.#pockets.set(set.id, pocket)
    return pocket
  }

  /** The time to judge leases by: never earlier than before, unless the clock was set back, which voids them all. */
  steady(reading: number, moment: keyof typeof clockStepMillis = 'later'): number {
    if (reading < this.#clock - clockStepMillis[moment]) {
      this.#clock = reading
      this.#voidLeases()
    } else if (reading > this.#clock) this.#clock = reading
    return this.#clock
  }

  /** What is known without asking the account. */
  refusalFromMemory({ caller }: Permit, pocket: Pocket, now: number): Refusal | null {
    const forbidden = this.rules.refusalOf(caller, now)
    if (forbidden !== null) return forbidden
    const { refusal } = pocket
    if (holds(refusal, now)) return rateLimited(pocket, refusal, now)
    return holds(this.#failure, now) ? unavailable(this.#failure.code) : null
  }

  /** Waits for the sync that runs, or starts one. Ends after `syncPatienceMillis` at the latest, and never throws. */
  async synced(context: CallContext): Promise<void> {
    const now = this.steady(context.now())
    let running = this.#inFlight
    if (running === null || now - this.#inFlightSince >= syncPatienceMillis) {
      running = this.#start(context, now)
      context.waitUntil(running)
    }
    await this.#orPatience(running)
  }

  /** Starts the sync that brings the next lease, unless one runs. */
  renewInBackground(pocket: Pocket, now: number, context: CallContext): void {
    if (this.#inFlight !== null && now - this.#inFlightSince < syncPatienceMillis) return
    if (holds(pocket.refusal, now) || holds(this.#failure, now)) return
    pocket.renewing = true
    context.waitUntil(this.#start(context, now))
  }

  /** An account that answers and is of no use is asked again no sooner than one that does not answer. */
  giveUp(now: number): Refusal {
    this.#failure = { code: 'account_unavailable', until: now + unavailableHoldMillis }
    return unavailable('account_unavailable', 'no sync brought a lease that was still fresh')
  }

  countRefused(code: ProblemCode, now: number): void {
    const hour = hourOf(now)
    const counted = this.#refused.find((one) => one.hour === hour && one.code === code)
    if (counted === undefined) this.#refused.push({ hour, code, requests: 1 })
    else counted.requests += 1
  }

  /** Makes sure that a sync is sent within a second: something happened that the account has to learn. */
  scheduleFlush(context: CallContext, now: number, rounds = flushRoundsMax): void {
    if (this.#unreportedSince === 0) this.#unreportedSince = now
    if (now < this.#flushGuardUntil || rounds === 0) return
    this.#flushGuardUntil = now + flushMillis
    context.waitUntil(this.#flushLater(context, rounds))
  }

  /** No unit and no use would be lost with it; counts of refused calls, which never cause a sync, may be. */
  get idle(): boolean {
    if (this.#inFlight !== null || this.#pending !== null || this.rows.unreported) return false
    return [...this.#pockets.values()].every((pocket) => pocket.settled && pocket.need === 0)
  }

  #voidLeases(): void {
    for (const pocket of this.#pockets.values()) pocket.voidLeases()
    this.rules.forgetHold()
    this.#failure = null
    this.#flushGuardUntil = 0
    if (this.#unreportedSince !== 0) this.#unreportedSince = this.#clock
    if (this.#pending !== null) this.#pending.void = true
    this.#inFlightSince = -Infinity
  }

  #start(context: CallContext, now: number): Promise<void> {
    this.#inFlightSince = now
    const running: Promise<void> = this.#exchange(context, now).finally(() => {
      if (this.#inFlight === running) this.#inFlight = null
    })
    this.#inFlight = running
    return running
  }

  /** Sends what is pending, or what is new, until it is answered or the attempts are used up. */
  async #exchange(context: CallContext, now: number): Promise<void> {
    this.#abandonForgotten(now)
    this.#pending ??= this.#compose(now)
    const pending = this.#pending
    for (let attempt = 1; ; attempt += 1) {
      try {
        const reply = await this.#options.openAccount(this.team).sync(pending.request)
        // Of two sends of one number the first answer counts.
        if (this.#pending === pending) this.#receive(pending, reply, context)
        return
      } catch (error) {
        if (this.#pending !== pending) return
        const overloaded = (error as { readonly overloaded?: unknown } | null)?.overloaded === true
        if (!overloaded && attempt < syncAttemptsMax) continue
        this.#failure = {
          code: overloaded ? 'overloaded' : 'account_unavailable',
          until: this.steady(context.now()) + unavailableHoldMillis,
        }
        this.#options.onSyncFailed?.(this.team, error)
        return
      }
    }
  }

  /** An account remembers an isolate for 36 hours; what it may have forgotten is not sent again. */
  #abandonForgotten(now: number): void {
    if (this.#pending === null || now - this.#pending.sentAt < reportRetryMillis) return
    this.#pending = null
    this.#isolate = this.#options.newIdentity()
    this.#sequence = 0
  }

  #compose(now: number): Pending {
    const leases: LeaseReport[] = []
    const wants: Want[] = []
    for (const pocket of this.#pockets.values()) {
      pocket.updatePace(now)
      const asks = pocket.need > 0 || pocket.renewing
      const fading = now >= pocket.lease.renewAt
      const keep = asks && fading ? this.#unitsAhead(pocket) : fading ? 0 : Infinity
      leases.push(...pocket.report(now, keep))
      if (asks)
        wants.push({ set: pocket.set.id, need: pocket.need, want: pocket.need + expectedUnits(pocket.pace) })
      else if (pocket.refusal !== null && now < pocket.refusal.until + refusalHoldMillis)
        // It was refused lately and will be asked for again: one question for all sets, not one for each.
        wants.push({ set: pocket.set.id, need: 1, want: 1 })
      pocket.renewing = false
    }
    const refused = this.#refused
    this.#refused = []
    this.#unreportedSince = 0
    this.#flushGuardUntil = 0
    this.#sequence += 1
    const request = {
      isolate: this.#isolate,
      sequence: this.#sequence,
      leases,
      usage: this.rows.drain(),
      refused,
      wants,
      rulesVersion: this.rules.version,
    }
    return { request, sentAt: now, void: false }
  }

  #receive(pending: Pending, reply: SyncReply, context: CallContext): void {
    this.#pending = null
    const { request } = pending
    const now = this.steady(context.now())
    const sentAt = pending.void ? -Infinity : pending.sentAt
    if (!pending.void) this.#roundTripMillis = (this.#roundTripMillis + now - sentAt) / 2
    this.rules.learn(reply, now)
    this.#failure = reply.overloaded ? { code: 'overloaded', until: now + overloadedHoldMillis } : null
    for (const { set } of request.wants) {
      const pocket = this.#pockets.get(set)
      if (pocket === undefined) continue
      pocket.learn(reply.limits, now)
      const refusal = reply.refusals.find((one) => one.set === set)
      pocket.refusal =
        refusal === undefined
          ? null
          : { limit: refusal.limit, until: now + refusal.holdMillis, retryAt: now + refusal.waitMillis }
      const granted = reply.leases.find((one) => one.set === set)
      if (granted === undefined) continue
      pocket.receive(new Lease(reply.sequence, granted.units, { sentAt, lowWater: this.#unitsAhead(pocket) }))
      // Units that nobody asks for any more go back in time to be credited.
      this.scheduleFlush(context, now)
    }
  }

  /** Free units that last while the next lease is fetched. */
  #unitsAhead(pocket: Pocket): number {
    return Math.ceil(pocket.pace * this.#roundTripMillis * roundTripsAhead)
  }

  async #flushLater(context: CallContext, rounds: number): Promise<void> {
    await new Promise<void>((resolve) => this.#options.setTimer(resolve, flushMillis))
    const now = this.steady(context.now())
    const due = this.#unreportedSince !== 0 && now - this.#unreportedSince >= flushMillis * flushTolerance
    if (!due && this.#pending === null) return
    await this.synced(context)
    // What is still reserved, or came back meanwhile, is reported when its lease has ended.
    if (!this.idle) this.scheduleFlush(context, this.#clock, rounds - 1)
  }

  /** Another request's sync may never end when that request is cancelled; this wait has its own way out. */
  async #orPatience(running: Promise<void>): Promise<void> {
    await within(syncPatienceMillis, running, this.#options.setTimer).catch(() => {})
  }
}

/** Timers may fire a little early. */
const flushTolerance = 0.95

function holds<Hold extends { readonly until: number }>(hold: Hold | null, now: number): hold is Hold {
  return hold !== null && now < hold.until
}
