/**
 * The lease protocol at internet scale without a network: the wallet and the account are the ones that run in
 * production; places, distances, traffic, deaths and time are simulated. One team has one limit, or none.
 */
import type { Admission, CallContext } from '../../src/accounts/accounts.ts'
import { createWallet } from '../../src/accounts/wallet.ts'
import type { Limit } from '../../src/core/configuration.ts'
import type { Permit } from '../../src/core/permit.ts'
import { Refusal } from '../../src/core/problems.ts'
import { createAccount, tick } from '../../src/core/quota/account.ts'
import { applySync } from '../../src/core/quota/apply-sync.ts'
import type { SyncReply, SyncRequest } from '../../src/core/quota/sync.ts'
import { Clock, settled } from './clock.ts'
import { Random } from './random.ts'

export interface WorldOptions {
  readonly seed: number
  readonly places: number
  readonly isolates: number
  readonly teams: number
  /** Over all teams, in requests per second. */
  readonly requestsPerSecond: number
  readonly seconds: number
  /** Not counted: while leases find their size. */
  readonly warmUpSeconds: number
  /** Mean life of an isolate. */
  readonly isolateLifeSeconds: number
  /** What one sync takes of the account's one thread. */
  readonly serviceMillis: number
  readonly isolatesPerAccountMax: number
  readonly shareOfFree?: number
}

export interface TeamResult {
  readonly name: string
  readonly requestsPerSecond: number
  readonly isolates: number
  readonly limit: Limit | null
  /** Offered traffic over what the limit refills. */
  readonly pressure: number
  arrived: number
  used: number
  rateLimited: number
  overloaded: number
  unavailable: number
  /** Refused as rate_limited although less than the limit had been used. */
  refusedWithQuotaLeft: number
  /** What one central bucket would have let pass of the same traffic. */
  idealUsed: number
  syncs: number
  syncsWithRefusal: number
  /** Calls that had to wait for a sync. */
  waited: number
  /** The fullest that a bucket of burst + rate * 1 s got by what was really used, in units above its size. */
  overshoot: number
  busiestSecond: number
  /** Units that died with isolates. */
  lostUnits: number
  /** Per 100 ms. */
  readonly timeline: { arrived: number; used: number }[]
}

/** A bucket that only measures: never refuses, tells how full it is. */
class Gauge {
  readonly #limit: Limit
  #level = 0
  #at = 0

  constructor(limit: Limit) {
    this.#limit = limit
  }

  level(now: number): number {
    return Math.max(0, this.#level - ((now - this.#at) * this.#limit.requests) / this.#limit.perMillis)
  }

  add(now: number): number {
    this.#level = this.level(now) + 1
    this.#at = now
    return this.#level
  }
}

interface Isolate {
  readonly place: number
  wallet: ReturnType<typeof createWallet>
  readonly context: CallContext
}

class Team {
  readonly result: TeamResult
  readonly permit: Permit
  readonly members: readonly number[]
  readonly account = createAccount()
  /** Of what was used, of the bound, of an ideal central bucket. */
  readonly used: Gauge | null
  readonly ideal: Gauge | null
  busyUntil = 0
  secondCount = 0

  constructor(result: TeamResult, permit: Permit, members: readonly number[]) {
    this.result = result
    this.permit = permit
    this.members = members
    this.used = result.limit === null ? null : new Gauge(result.limit)
    this.ideal = result.limit === null ? null : new Gauge(result.limit)
  }
}

const facts = { bytesIn: null, bytesOut: null, millis: 0 }

/** Traffic over limit, in turn: comfortable, at the edge, over it, flooded, and no limit at all. */
const pressures = [0.5, 0.9, 1.1, 2, 10, null] as const

export class World {
  readonly #options: WorldOptions
  readonly #random: Random
  readonly #clock = new Clock()
  readonly #isolates: Isolate[]
  readonly #teams: Team[]
  #counting = false
  #identities = 0

  constructor(options: WorldOptions) {
    this.#options = options
    this.#random = new Random(options.seed)
    this.#isolates = Array.from({ length: options.isolates }, (_, at) => this.#start(at % options.places))
    this.#teams = Array.from({ length: options.teams }, (_, rank) => this.#team(rank))
  }

  async run(): Promise<readonly TeamResult[]> {
    const { seconds, warmUpSeconds, isolates, isolateLifeSeconds } = this.#options
    const deathsPerMilli = isolates / isolateLifeSeconds / 1_000
    for (let milli = 0; milli < (seconds + warmUpSeconds) * 1_000; milli += 1) {
      this.#counting = milli >= warmUpSeconds * 1_000
      await this.#clock.step()
      for (let deaths = this.#random.poisson(deathsPerMilli); deaths > 0; deaths -= 1) this.#kill()
      let waiting = false
      for (const team of this.#teams) waiting = this.#arrivals(team, milli) || waiting
      if (waiting) await settled()
    }
    return this.#teams.map(({ result, account }) => {
      for (const lease of account.leases.values())
        if (lease.grantedAt + 10_000 < this.#clock.now)
          result.lostUnits += lease.units - lease.used - lease.returned
      return result
    })
  }

  #team(rank: number): Team {
    const { teams, requestsPerSecond, isolates } = this.#options
    let harmonic = 0
    for (let at = 1; at <= teams; at += 1) harmonic += 1 / at
    const rate = requestsPerSecond / (rank + 1) / harmonic
    const pressure = pressures[rank % pressures.length] ?? null
    // Room for those that start anew while the dead still count; one team has too many, to see it refused.
    const most = rank === 4 ? 700 : 550
    const count = Math.min(isolates, most, Math.max(3, Math.ceil(rate / 20)))
    const first = this.#random.below(isolates)
    const members = Array.from({ length: count }, (_, at) => (first + at) % isolates)
    const limit = pressure === null ? null : this.#limit(rank, Math.max(1, Math.round(rate / pressure)))
    const name = `team-${rank}`
    const result: TeamResult = {
      name,
      requestsPerSecond: rate,
      isolates: count,
      limit,
      pressure: pressure ?? 0,
      arrived: 0,
      used: 0,
      rateLimited: 0,
      overloaded: 0,
      unavailable: 0,
      refusedWithQuotaLeft: 0,
      idealUsed: 0,
      syncs: 0,
      syncsWithRefusal: 0,
      waited: 0,
      overshoot: 0,
      busiestSecond: 0,
      lostUnits: 0,
      timeline: [],
    }
    return new Team(result, permitOf(name, limit), members)
  }

  /** Per second, per minute or per hour, with a burst of a second's worth at least. */
  #limit(rank: number, perSecond: number): Limit {
    const perMillis = [1_000, 1_000, 60_000][rank % 3] ?? 1_000
    const requests = Math.max(1, Math.round((perSecond * perMillis) / 1_000))
    const burst = perMillis === 1_000 ? requests * (1 + (rank % 2)) : Math.max(1, Math.round(requests / 20))
    return {
      name: 'all',
      requests,
      perMillis,
      per: '',
      burst,
      upstream: null,
      methods: null,
      mode: 'enforce',
    }
  }

  #start(place: number): Isolate {
    const clock = this.#clock
    return {
      place,
      context: { now: () => clock.now, waitUntil: () => {} },
      wallet: createWallet({
        openAccount: (name) => ({ sync: (request) => this.#sync(name, place, request) }),
        newIdentity: () => {
          this.#identities += 1
          return `${this.#identities}`
        },
        setTimer: clock.setTimer,
      }),
    }
  }

  /** An isolate dies without a word; another one starts in its place. */
  #kill(): void {
    const at = this.#random.below(this.#isolates.length)
    const dead = this.#isolates[at]
    if (dead !== undefined) this.#isolates[at] = this.#start(dead.place)
  }

  /** 5 to 150 ms there and back, always the same between a place and an account. */
  #roundTrip(team: number, place: number): number {
    const mixed = Math.imul(team * 7_919 + place * 104_729 + 1, 2_654_435_761) >>> 0
    return 5 + (mixed / 4_294_967_296) ** 2 * 145
  }

  async #sync(name: string, place: number, request: SyncRequest): Promise<SyncReply> {
    const rank = Number(name.slice('team-'.length))
    const team = this.#teams[rank]
    if (team === undefined) throw new Error('no such team')
    const half = this.#roundTrip(rank, place) / 2
    await this.#clock.sleep(half)
    const { serviceMillis, isolatesPerAccountMax, shareOfFree } = this.#options
    team.busyUntil = Math.max(team.busyUntil, this.#clock.now) + serviceMillis
    if (team.busyUntil - this.#clock.now > 1) await this.#clock.sleep(team.busyUntil - this.#clock.now)
    const { reply } = applySync(team.account, request, {
      now: tick(team.account, this.#clock.now),
      limits: team.permit.limitSet.limits,
      isolatesMax: isolatesPerAccountMax,
      ...(shareOfFree === undefined ? {} : { shareOfFree }),
    })
    team.secondCount += 1
    if (this.#counting) {
      team.result.syncs += 1
      if (reply.refusals.length > 0) team.result.syncsWithRefusal += 1
    }
    await this.#clock.sleep(half)
    return reply
  }

  #arrivals(team: Team, milli: number): boolean {
    const { result } = team
    if (milli % 1_000 === 0) {
      if (this.#counting) result.busiestSecond = Math.max(result.busiestSecond, team.secondCount)
      team.secondCount = 0
    }
    if (this.#counting && milli % 100 === 0) result.timeline.push({ arrived: 0, used: 0 })
    let waiting = false
    for (let calls = this.#random.poisson(result.requestsPerSecond / 1_000); calls > 0; calls -= 1)
      waiting = this.#call(team) || waiting
    return waiting
  }

  #call(team: Team): boolean {
    const isolate = this.#isolates[team.members[this.#random.below(team.members.length)] ?? 0]
    if (isolate === undefined) return false
    this.#countArrival(team)
    const admitted = isolate.wallet.admit(team.permit, isolate.context)
    if (!(admitted instanceof Promise)) {
      this.#use(team, admitted)
      return false
    }
    if (this.#counting) team.result.waited += 1
    admitted.then(
      (admission) => this.#use(team, admission),
      (refusal) => this.#refused(team, refusal),
    )
    return true
  }

  #countArrival({ result, ideal }: Team): void {
    const { now } = this.#clock
    const fits = ideal === null || result.limit === null || ideal.level(now) + 1 <= result.limit.burst
    if (fits) ideal?.add(now)
    if (!this.#counting) return
    result.arrived += 1
    if (fits) result.idealUsed += 1
    const slot = result.timeline.at(-1)
    if (slot !== undefined) slot.arrived += 1
  }

  #use({ result, used }: Team, admission: Admission): void {
    const { now } = this.#clock
    const dispatch = admission.commit(now)
    if (dispatch === null) {
      admission.renew().then(
        () => admission.commit(now)?.settle('2xx', facts),
        () => {},
      )
      if (this.#counting) result.unavailable += 1
      return
    }
    dispatch.settle('2xx', facts)
    if (used !== null && result.limit !== null) {
      const { burst, requests, perMillis } = result.limit
      const level = used.add(now)
      result.overshoot = Math.max(result.overshoot, level - burst - (requests / perMillis) * 1_000)
    }
    if (!this.#counting) return
    result.used += 1
    const slot = result.timeline.at(-1)
    if (slot !== undefined) slot.used += 1
  }

  #refused({ result, used }: Team, refusal: unknown): void {
    if (!this.#counting) return
    const code = refusal instanceof Refusal ? refusal.code : 'internal_error'
    if (code === 'overloaded') result.overloaded += 1
    else if (code !== 'rate_limited') result.unavailable += 1
    else {
      result.rateLimited += 1
      if (used !== null && result.limit !== null && used.level(this.#clock.now) + 1 <= result.limit.burst)
        result.refusedWithQuotaLeft += 1
    }
  }
}

/** The parts of a permit that accounts look at. */
const permitOf = (team: string, limit: Limit | null): Permit =>
  ({
    team: { name: team },
    key: { upstream: 'upstream', name: 'key', versions: ['KEY'] },
    caller: {
      issuer: { name: 'issuer', clockToleranceSeconds: 5 },
      team,
      subject: 'subject',
      tokenId: null,
      grantId: null,
      issuedAt: 0,
      expiresAt: Number.MAX_SAFE_INTEGER,
    },
    limitSet: { id: limit === null ? '' : limit.name, limits: limit === null ? [] : [limit] },
  }) as unknown as Permit
