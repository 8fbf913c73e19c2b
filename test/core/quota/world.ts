/**
 * A small world around the account: isolates with clocks of their own, a network that loses and delays, and a
 * storage that holds only what the journal names. It runs a script of steps and checks the promises after each.
 * `flaw` takes one rule of docs/leases.md away; the property tests show that a promise breaks then.
 */
import fc from 'fast-check'
import type { Limit } from '../../../src/core/configuration.ts'
import {
  type AccountState,
  createAccount,
  type IsolateRecord,
  type Journal,
  type Lease,
  openUnits,
  restoreAccount,
  sweepUnsettled,
  tick,
} from '../../../src/core/quota/account.ts'
import { applySync } from '../../../src/core/quota/apply-sync.ts'
import { hourOf } from '../../../src/core/quota/books.ts'
import {
  available,
  createMeter,
  debtAt,
  type StoredMeter,
  storeMeter,
} from '../../../src/core/quota/meter.ts'
import {
  limitNames,
  type SyncReply,
  type SyncRequest,
  type UsageDelta,
} from '../../../src/core/quota/sync.ts'

export type Flaw =
  | 'the lease is not looked at again at commit'
  | 'the lease counts from the reply'
  | 'units come back by plain subtraction'
  | 'units are credited however late'
  | 'a retry is a new request'
  | 'the account clock runs backwards'
  | 'a changed limit starts anew'
  | 'only the tightest limit is debited'
  | 'the reply leaves before the grant is stored'
  | 'an isolate clock that steps back is not noticed'
  | 'a late report is not taken from unsettled'

const isolatesOfWorld = 3
const sets = ['all', 'all,writes', ''] as const

export const baseLimits: readonly Limit[] = [
  {
    name: 'all',
    requests: 20,
    perMillis: 1_000,
    per: '1s',
    burst: 40,
    upstream: null,
    methods: null,
    mode: 'enforce',
  },
  {
    name: 'writes',
    requests: 15,
    perMillis: 1_000,
    per: '1s',
    burst: 36,
    upstream: null,
    methods: null,
    mode: 'enforce',
  },
]

export const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('advance' as const), millis: fc.integer({ min: 1, max: 1_500 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      isolate: fc.nat(isolatesOfWorld - 1),
      set: fc.nat(sets.length - 1),
      need: fc.nat(30),
      ahead: fc.nat(60),
      fate: fc.constantFrom('answered', 'answered', 'request lost', 'reply lost', 'late' as const),
      delay: fc.integer({ min: 1, max: 900 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('use' as const),
      isolate: fc.nat(isolatesOfWorld - 1),
      set: fc.nat(sets.length - 1),
      units: fc.nat(60),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('call' as const),
      isolate: fc.nat(isolatesOfWorld - 1),
      set: fc.nat(sets.length - 1),
      units: fc.integer({ min: 1, max: 50 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('report' as const),
      isolate: fc.nat(isolatesOfWorld - 1),
      giveBack: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('retry' as const), isolate: fc.nat(isolatesOfWorld - 1) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('evict' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('kill' as const), isolate: fc.nat(isolatesOfWorld - 1) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('silence' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('account clock back' as const),
      millis: fc.integer({ min: 1, max: 5_000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('isolate clock' as const),
      isolate: fc.nat(isolatesOfWorld - 1),
      millis: fc.integer({ min: -5_000, max: 5_000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('limit' as const),
      requests: fc.integer({ min: 1, max: 20 }),
      burst: fc.integer({ min: 1, max: 40 }),
    }),
  },
)
export type Step = typeof step extends fc.Arbitrary<infer One> ? One : never

interface ModelLease {
  readonly sequence: number
  readonly set: string
  until: number
  free: number
  used: Map<number, number>
}

class Isolate {
  name = ''
  alive = true
  offset = 0
  sequence = 0
  leases: ModelLease[] = []
  pending: { request: SyncRequest; sentAt: number; late: number | null; reply: SyncReply | null } | null =
    null
  usage: UsageDelta[] = []
}

/** Stored rows, as the Durable Object's tables keep them. */
class Storage {
  readonly leases = new Map<string, Lease>()
  readonly meters = new Map<string, StoredMeter>()
  readonly isolates = new Map<string, IsolateRecord>()
  readonly ledger = new Map<
    string,
    { granted: number; used: number; returned: number; outstanding: number; unsettled: number }
  >()
  booked = 0

  save(state: AccountState, journal: Journal, isolate: string | null): void {
    for (const id of journal.leases) {
      const lease = state.leases.get(id)
      if (lease === undefined) this.leases.delete(id)
      else this.leases.set(id, { ...lease })
    }
    for (const name of journal.meters) {
      const meter = state.meters.get(name)
      if (meter !== undefined) this.meters.set(name, storeMeter(meter))
    }
    if (isolate !== null) {
      const record = state.isolates.get(isolate)
      if (record !== undefined) this.isolates.set(isolate, record)
    }
    for (const entry of journal.ledger.entries()) {
      const key = `${entry.hour}/${entry.set}`
      const row = this.ledger.get(key) ?? { granted: 0, used: 0, returned: 0, outstanding: 0, unsettled: 0 }
      row.granted += entry.granted
      row.used += entry.used
      row.returned += entry.returned
      row.outstanding += entry.outstanding
      row.unsettled += entry.unsettled
      this.ledger.set(key, row)
    }
    for (const delta of journal.usage) this.booked += delta.requests
  }

  load(): AccountState {
    return restoreAccount({
      rules: createAccount().rules,
      meters: [...this.meters],
      isolates: [...this.isolates],
      leases: [...this.leases.values()].map((lease) => ({ ...lease })),
    })
  }

  totals() {
    const sum = { granted: 0, used: 0, returned: 0, outstanding: 0, unsettled: 0 }
    for (const row of this.ledger.values()) {
      sum.granted += row.granted
      sum.used += row.used
      sum.returned += row.returned
      sum.outstanding += row.outstanding
      sum.unsettled += row.unsettled
    }
    return sum
  }
}

export class World {
  readonly #flaw: Flaw | null
  readonly #storage = new Storage()
  #state = createAccount()
  #limits = baseLimits
  readonly #ratesEver: { requests: number; burst: number }[] = [{ requests: 20, burst: 40 }]
  /** Two seconds before a day begins, so that scripts cross the border. */
  #time = Date.UTC(2026, 10, 22, 23, 59, 58)
  #accountOffset = 0
  readonly #isolates: Isolate[]
  /** Time of each use on the account's clock, by limit. */
  readonly #uses = new Map<string, number[]>([
    ['all', []],
    ['writes', []],
  ])
  #usedTruly = 0
  #kills = 0

  constructor(flaw: Flaw | null = null) {
    this.#flaw = flaw
    this.#isolates = Array.from({ length: isolatesOfWorld }, (_, at) => this.#start(`isolate-${at}`))
  }

  run(script: readonly Step[]): void {
    for (const one of script) {
      this.#take(one)
      this.#assertBooks()
    }
    this.#assertBounds()
    this.#settleAll()
  }

  #start(name: string): Isolate {
    const isolate = new Isolate()
    isolate.name = name
    return isolate
  }

  #take(one: Step): void {
    switch (one.do) {
      case 'advance':
        this.#advance(one.millis)
        return
      case 'ask':
        this.#ask(one)
        return
      case 'use':
        this.#use(this.#isolate(one.isolate), sets[one.set] ?? '', one.units)
        return
      case 'call':
        // What most calls are: asked for, answered, used at once.
        this.#ask({ ...one, do: 'ask', need: one.units, ahead: 0, fate: 'answered', delay: 0 })
        this.#use(this.#isolate(one.isolate), sets[one.set] ?? '', one.units)
        return
      case 'report':
        this.#report(this.#isolate(one.isolate), one.giveBack)
        return
      case 'retry':
        this.#retry(this.#isolate(one.isolate))
        return
      case 'evict':
        this.#state = this.#storage.load()
        return
      case 'kill': {
        this.#kills += 1
        this.#isolates[one.isolate] = this.#start(`isolate-${one.isolate}-${this.#kills}`)
        return
      }
      case 'sweep':
        this.#sweep()
        return
      case 'silence':
        this.#advance(61_000)
        this.#sweep()
        return
      case 'account clock back':
        this.#accountOffset -= one.millis
        return
      case 'isolate clock': {
        const isolate = this.#isolate(one.isolate)
        isolate.offset += one.millis
        if (one.millis < 0 && this.#flaw !== 'an isolate clock that steps back is not noticed')
          this.#void(isolate)
        return
      }
      case 'limit':
        this.#limits = baseLimits.map((limit) =>
          limit.name === 'all' ? { ...limit, requests: one.requests, burst: one.burst } : limit,
        )
        this.#ratesEver.push(one)
        return
    }
  }

  #isolate(at: number): Isolate {
    const isolate = this.#isolates[at]
    if (isolate === undefined) throw new Error('no such isolate')
    return isolate
  }

  #advance(millis: number): void {
    this.#time += millis
    for (const isolate of this.#isolates) {
      const { pending } = isolate
      if (pending?.late == null || pending.late > this.#time) continue
      if (pending.reply !== null) this.#receive(isolate, pending.reply)
    }
  }

  #accountNow(): number {
    const raw = this.#time + this.#accountOffset
    return this.#flaw === 'the account clock runs backwards' ? raw : tick(this.#state, raw)
  }

  #compose(isolate: Isolate, giveBack: boolean, wants: SyncRequest['wants']): void {
    const now = this.#time + isolate.offset
    const leases = isolate.leases.flatMap((lease) => {
      const returned = giveBack || now >= lease.until ? lease.free : 0
      lease.free -= returned
      const used = [...lease.used]
      lease.used = new Map()
      return [
        ...used.map(([hour, count]) => ({
          sequence: lease.sequence,
          set: lease.set,
          hour,
          used: count,
          returned: 0,
        })),
        ...(returned > 0
          ? [{ sequence: lease.sequence, set: lease.set, hour: hourOf(now), used: 0, returned }]
          : []),
      ]
    })
    isolate.leases = isolate.leases.filter((lease) => lease.free > 0)
    isolate.sequence += 1
    isolate.pending = {
      sentAt: now,
      late: null,
      reply: null,
      request: {
        isolate: isolate.name,
        sequence: isolate.sequence,
        leases,
        usage: isolate.usage,
        refused: [],
        wants,
        rulesVersion: 1,
      },
    }
    isolate.usage = []
  }

  #ask({ isolate: at, set: which, need, ahead, fate, delay }: Extract<Step, { do: 'ask' }>): void {
    const isolate = this.#isolate(at)
    if (isolate.pending !== null) {
      this.#retry(isolate)
      return
    }
    this.#compose(isolate, false, [{ set: sets[which] ?? '', need, want: need + ahead }])
    if (fate === 'request lost') return
    const reply = this.#deliver(isolate)
    if (fate === 'reply lost') return
    if (fate === 'answered') {
      this.#receive(isolate, reply)
      return
    }
    if (isolate.pending !== null)
      isolate.pending = {
        ...(isolate.pending as NonNullable<Isolate['pending']>),
        late: this.#time + delay,
        reply,
      }
  }

  #report(isolate: Isolate, giveBack: boolean): void {
    if (isolate.pending !== null) {
      this.#retry(isolate)
      return
    }
    this.#compose(isolate, giveBack, [])
    this.#receive(isolate, this.#deliver(isolate))
  }

  #retry(isolate: Isolate): void {
    if (isolate.pending === null) return
    if (this.#flaw === 'a retry is a new request') {
      isolate.sequence += 1
      isolate.pending = {
        ...isolate.pending,
        request: { ...isolate.pending.request, sequence: isolate.sequence },
      }
    }
    this.#receive(isolate, this.#deliver(isolate))
  }

  #deliver(isolate: Isolate): SyncReply {
    const request = structuredClone(isolate.pending?.request)
    if (request === undefined) throw new Error('nothing to send')
    const now = this.#accountNow()
    const before = new Map([...this.#state.meters].map(([name, meter]) => [name, debtAt(meter, now)]))
    this.#breakBefore(request, now)
    const { reply, journal } = applySync(this.#state, request, { now, limits: this.#limits })
    this.#breakAfter(request, reply, { now, before })
    if (this.#flaw !== 'the reply leaves before the grant is stored' || request.wants.length === 0)
      this.#storage.save(this.#state, journal, request.isolate)
    return structuredClone(reply)
  }

  #receive(isolate: Isolate, reply: SyncReply): void {
    const { pending } = isolate
    if (pending === null || pending.request.sequence !== reply.sequence) return
    isolate.pending = null
    const from =
      this.#flaw === 'the lease counts from the reply' ? this.#time + isolate.offset : pending.sentAt
    for (const { set, units } of reply.leases)
      isolate.leases.push({
        sequence: reply.sequence,
        set,
        until: from + 1_000,
        free: units,
        used: new Map(),
      })
  }

  #use(isolate: Isolate, set: string, units: number): void {
    const now = this.#time + isolate.offset
    let left = units
    for (const lease of isolate.leases) {
      if (lease.set !== set) continue
      if (now >= lease.until && this.#flaw !== 'the lease is not looked at again at commit') continue
      const used = Math.min(left, lease.free)
      if (used === 0) continue
      left -= used
      lease.free -= used
      const hour = hourOf(now)
      lease.used.set(hour, (lease.used.get(hour) ?? 0) + used)
      this.#usedTruly += used
      isolate.usage.push({
        hour,
        upstream: 'u',
        key: 'k',
        subject: 's',
        outcome: '2xx',
        requests: used,
        bytesIn: null,
        bytesOut: null,
        millis: 0,
        lastAt: now,
      })
      const at = Math.max(this.#state.clock, this.#time + this.#accountOffset)
      for (const name of limitNames(set))
        for (let count = 0; count < used; count += 1) this.#uses.get(name)?.push(at)
    }
  }

  #void(isolate: Isolate): void {
    for (const lease of isolate.leases) lease.until = Number.NEGATIVE_INFINITY
    if (isolate.pending !== null) isolate.pending.sentAt = Number.NEGATIVE_INFINITY
  }

  #sweep(): void {
    const journal = sweepUnsettled(this.#state, this.#accountNow())
    this.#storage.save(this.#state, journal, null)
  }

  #assertBooks(): void {
    for (const [key, row] of this.#storage.ledger) {
      const sum = row.used + row.returned + row.outstanding + row.unsettled
      if (row.granted !== sum) throw new Error(`${key}: granted ${row.granted}, accounted for ${sum}`)
    }
    const totals = this.#storage.totals()
    if (totals.used !== this.#storage.booked)
      throw new Error(`used ${totals.used}, rows say ${this.#storage.booked}`)
    if (Object.values(totals).some((units) => units < 0))
      throw new Error(`negative: ${JSON.stringify(totals)}`)
    let outstanding = 0
    let unsettled = 0
    for (const lease of this.#storage.leases.values())
      if (lease.unsettled) unsettled += openUnits(lease)
      else outstanding += openUnits(lease)
    if (outstanding !== totals.outstanding || unsettled !== totals.unsettled)
      throw new Error(
        `leases say ${outstanding} outstanding and ${unsettled} unsettled, books ${JSON.stringify(totals)}`,
      )
  }

  /** burst + rate * (W + 1 s), for every window that begins and ends with a use. */
  #assertBounds(): void {
    for (const [name, uses] of this.#uses) {
      const rates = name === 'all' ? this.#ratesEver : [{ requests: 15, burst: 36 }]
      const burst = Math.max(...rates.map((rate) => rate.burst))
      const perMilli = Math.max(...rates.map((rate) => rate.requests)) / 1_000
      uses.sort((one, other) => one - other)
      for (const [from, start] of uses.entries())
        for (let to = from; to < uses.length; to += 1) {
          const bound = burst + perMilli * ((uses[to] ?? 0) - start + 1_000)
          if (to - from + 1 > bound + 1e-6)
            throw new Error(`${name}: ${to - from + 1} in ${(uses[to] ?? 0) - start} ms, bound ${bound}`)
        }
    }
  }

  /** Everyone alive reports and gives back; then silence. Nothing stays outstanding, nothing is lost or counted twice. */
  #settleAll(): void {
    for (const isolate of this.#isolates) {
      this.#retry(isolate)
      this.#void(isolate)
      this.#report(isolate, true)
      this.#assertBooks()
    }
    this.#accountOffset = Math.max(0, this.#accountOffset) + 10 * 61_000
    this.#sweep()
    this.#assertBooks()
    const totals = this.#storage.totals()
    if (totals.outstanding !== 0) throw new Error(`outstanding for ever: ${JSON.stringify(totals)}`)
    if (totals.used > this.#usedTruly || totals.used + totals.unsettled < this.#usedTruly)
      throw new Error(`truly used ${this.#usedTruly}, books ${JSON.stringify(totals)}`)
    if (this.#kills === 0 && (totals.unsettled !== 0 || totals.used !== this.#usedTruly))
      throw new Error(`no isolate died, truly used ${this.#usedTruly}, books ${JSON.stringify(totals)}`)
  }

  #breakBefore(request: SyncRequest, now: number): void {
    if (this.#flaw === 'a changed limit starts anew')
      for (const { name, requests, perMillis, burst } of this.#limits) {
        const meter = this.#state.meters.get(name)
        if (meter !== undefined && (meter.rate.requests !== requests || meter.rate.burst !== burst))
          this.#state.meters.set(name, {
            ...createMeter({ requests, perMillis, burst }, now),
            folded: this.#state.serial,
          })
      }
    if (this.#flaw === 'a late report is not taken from unsettled')
      for (const report of request.leases) {
        const lease = this.#state.leases.get(`${request.isolate}/${report.sequence}/${report.set}`)
        if (lease !== undefined) lease.unsettled = false
      }
    const plain = this.#flaw === 'units come back by plain subtraction'
    if (!plain && this.#flaw !== 'units are credited however late') return
    for (const report of request.leases) {
      const lease = this.#state.leases.get(`${request.isolate}/${report.sequence}/${report.set}`)
      if (lease === undefined || (!plain && now - lease.grantedAt <= 2_000)) continue
      for (const name of limitNames(report.set)) {
        const meter = this.#state.meters.get(name)
        if (meter === undefined) continue
        const debt = Math.max(0, debtAt(meter, now) - report.returned)
        Object.assign(meter, { debt, at: now, headDebt: debt, headAt: now, folded: this.#state.serial })
        meter.recent.clear()
      }
    }
  }

  #breakAfter(
    request: SyncRequest,
    reply: SyncReply,
    { now, before }: { now: number; before: Map<string, number> },
  ): void {
    if (this.#flaw !== 'only the tightest limit is debited' || reply.leases.length === 0) return
    for (const { set } of request.wants) {
      const [first, second] = limitNames(set).map((name) => this.#state.meters.get(name))
      if (first === undefined || second === undefined) continue
      const [looser, name] =
        available(first, now) > available(second, now) ? [first, 'all'] : [second, 'writes']
      const debt = before.get(name) ?? 0
      Object.assign(looser, { debt, at: now, headDebt: debt, headAt: now, folded: this.#state.serial })
      looser.recent.clear()
    }
  }
}
