import { describe, expect, test } from 'vitest'
import type { Limit } from '../../../src/core/configuration.ts'
import { creditMillis } from '../../../src/core/limits.ts'
import {
  createAccount,
  forgetSilent,
  restoreAccount,
  sweepUnsettled,
  tick,
} from '../../../src/core/quota/account.ts'
import { applySync } from '../../../src/core/quota/apply-sync.ts'
import { type StoredMeter, storeMeter } from '../../../src/core/quota/meter.ts'
import type { SyncRequest, Want } from '../../../src/core/quota/sync.ts'

const limit = (name: string, requests: number, more: Partial<Limit> = {}): Limit => ({
  name,
  requests,
  perMillis: 86_400_000,
  per: '1d',
  burst: requests,
  upstream: null,
  methods: null,
  mode: 'enforce',
  ...more,
})

const request = (
  isolate: string,
  sequence: number,
  wants: readonly Want[],
  more: Partial<SyncRequest> = {},
): SyncRequest => ({
  isolate,
  sequence,
  leases: [],
  usage: [],
  refused: [],
  wants,
  rulesVersion: 1,
  ...more,
})

describe('limit sets', () => {
  const limits = [limit('all', 100), limit('writes', 10)]

  test('debit all limits or none, so the tightest decides', () => {
    const state = createAccount()
    const both = applySync(state, request('a', 1, [{ set: 'all,writes', need: 30, want: 30 }]), {
      now: 1,
      limits,
    })
    expect(both.reply.leases).toEqual([{ set: 'all,writes', units: 10 }])
    expect(both.reply.refusals).toMatchObject([{ set: 'all,writes', limit: 'writes' }])
    const all = applySync(state, request('a', 2, [{ set: 'all', need: 200, want: 200 }]), { now: 1, limits })
    expect(all.reply.leases).toEqual([{ set: 'all', units: 90 }])
    const none = applySync(state, request('a', 3, [{ set: 'writes', need: 1, want: 1 }]), { now: 1, limits })
    expect(none.reply.leases).toEqual([])
  })

  test('observe refuses nothing and counts what it would have refused', () => {
    const state = createAccount()
    const observed = [limit('all', 100), limit('trial', 5, { mode: 'observe' })]
    const { reply, journal } = applySync(state, request('a', 1, [{ set: 'all,trial', need: 8, want: 8 }]), {
      now: 1,
      limits: observed,
    })
    expect(reply.leases).toEqual([{ set: 'all,trial', units: 8 }])
    expect(reply.refusals).toEqual([])
    expect(journal.observed).toEqual([{ hour: 0, limit: 'trial', requests: 3 }])
  })

  test('observe counts calls, not units: what comes back unspent would have been refused to nobody', () => {
    const state = createAccount()
    const observed = [limit('all', 100), limit('trial', 5, { mode: 'observe' })]
    const back = (sequence: number, used: number, returned: number, now: number) =>
      applySync(
        state,
        request('a', sequence, [], { leases: [{ sequence: 1, set: 'all,trial', hour: 0, used, returned }] }),
        { now, limits: observed },
      ).journal.observed
    applySync(state, request('a', 1, [{ set: 'all,trial', need: 9, want: 9 }]), { now: 1, limits: observed })
    // Four were beyond the limit. They come back first, and only what was debited is credited.
    expect(back(2, 0, 3, 500)).toEqual([{ hour: 0, limit: 'trial', requests: -3 }])
    expect(back(3, 1, 3, 900)).toEqual([{ hour: 0, limit: 'trial', requests: -1 }])
    expect(back(4, 0, 1, 1_000)).toEqual([])
    const { reply } = applySync(state, request('b', 1, [{ set: 'all,trial', need: 1, want: 1 }]), {
      now: 1_001,
      limits: observed,
    })
    expect(reply.limits.map(({ name, debt }) => [name, Math.ceil(debt)])).toEqual([
      ['all', 3],
      ['trial', 3],
    ])
  })

  test('a team without limits is never refused, and its units are in the books all the same', () => {
    const state = createAccount()
    const { reply, journal } = applySync(state, request('a', 1, [{ set: '', need: 5_000, want: 9_000 }]), {
      now: 1,
      limits,
    })
    expect(reply).toMatchObject({ leases: [{ set: '', units: 9_000 }], refusals: [] })
    expect(journal.ledger.entries()).toMatchObject([{ set: '', granted: 9_000, outstanding: 9_000 }])
  })
})

describe('a request', () => {
  const limits = [limit('all', 100)]
  const want = [{ set: 'all', need: 5, want: 5 }]

  test('that comes again gets its reply again, and takes nothing; an older one gets nothing', () => {
    const state = createAccount()
    applySync(state, request('a', 1, want), { now: 1, limits })
    const { reply } = applySync(state, request('a', 2, want), { now: 2, limits })
    expect(applySync(state, request('a', 2, want), { now: 3, limits }).reply).toEqual(reply)
    const older = applySync(state, request('a', 1, want), { now: 4, limits })
    expect(older.reply).toMatchObject({ sequence: 1, leases: [], refusals: [], limits: [] })
    expect(older.journal.ledger.entries()).toEqual([])
    const rest = [{ set: 'all', need: 100, want: 100 }]
    expect(applySync(state, request('b', 1, rest), { now: 5, limits }).reply.leases).toEqual([
      { set: 'all', units: 90 },
    ])
  })

  test('of a suspended team is granted nothing, and hears why', () => {
    const state = createAccount()
    state.rules = { ...state.rules, version: 2, suspended: true }
    const { reply, journal } = applySync(state, request('a', 1, want), { now: 1, limits })
    expect(reply).toMatchObject({ leases: [], refusals: [], rules: { suspended: true } })
    expect(journal.ledger.entries()).toEqual([])
  })
})

describe('capacity', () => {
  const limits = [limit('all', 1_000)]
  const ask = (state: ReturnType<typeof createAccount>, isolate: string, now: number) =>
    applySync(state, request(isolate, now, [{ set: 'all', need: 1, want: 1 }]), {
      now,
      limits,
      isolatesMax: 2,
    }).reply

  test('one isolate more than it serves is overloaded, until another was silent for two seconds', () => {
    const state = createAccount()
    expect(ask(state, 'a', 1)).toMatchObject({ overloaded: false })
    expect(ask(state, 'b', 2)).toMatchObject({ overloaded: false })
    expect(ask(state, 'c', 3)).toMatchObject({ overloaded: true, leases: [] })
    expect(ask(state, 'a', 1_500)).toMatchObject({ overloaded: false })
    expect(ask(state, 'c', 2_001)).toMatchObject({ overloaded: true })
    expect(ask(state, 'c', 2_002)).toMatchObject({ overloaded: false })
  })

  test('books what an isolate reports also when it grants it nothing', () => {
    const state = createAccount()
    ask(state, 'a', 1)
    ask(state, 'b', 1)
    const report = { leases: [{ sequence: 9, set: 'all', hour: 0, used: 3, returned: 0 }] }
    const { journal } = applySync(state, request('c', 1, [], report), { now: 2, limits, isolatesMax: 2 })
    expect(journal.ledger.entries()).toMatchObject([{ granted: 3, used: 3 }])
  })

  test.each([
    [150, 250],
    [300, 500],
    [600, 1_000],
  ])(
    'with %i isolates a refusal holds %i ms, so that all of them ask at most 600 times a second',
    (isolates, hold) => {
      const state = createAccount()
      for (let at = 0; at < isolates; at += 1) state.active.set(`isolate-${at}`, 1)
      const { reply } = applySync(
        state,
        request('isolate-0', 1, [{ set: 'all', need: 2_000, want: 2_000 }]),
        { now: 1, limits },
      )
      expect(reply.refusals).toMatchObject([{ holdMillis: hold }])
    },
  )
})

describe('memory', () => {
  const limits = [limit('all', 100)]
  const stored = (state: ReturnType<typeof createAccount>) =>
    restoreAccount({
      rules: state.rules,
      meters: [...state.meters].map(([name, meter]) => [name, storeMeter(meter)] as const),
      isolates: [...state.isolates],
      leases: [...state.leases.values()],
    })

  test('R03: a lease that is forgotten stays in the debt of its limit, through storage too', () => {
    const state = createAccount()
    applySync(state, request('a', 1, [{ set: 'all', need: 60, want: 60 }]), { now: 1, limits })
    const used = { leases: [{ sequence: 1, set: 'all', hour: 0, used: 60, returned: 0 }] }
    const { journal } = applySync(state, request('a', 2, [], used), { now: 5_000, limits })
    expect(state.leases.size).toBe(0)
    expect(journal.meters).toContain('all')
    const { reply } = applySync(stored(state), request('b', 1, [{ set: 'all', need: 100, want: 100 }]), {
      now: 5_001,
      limits,
    })
    expect(reply.leases).toEqual([{ set: 'all', units: 40 }])
  })

  test('R03: a return at the very end of its two seconds costs the stored limit nothing of its debt', () => {
    const state = createAccount()
    const stored = new Map<string, StoredMeter>()
    const sync = (
      now: number,
      sequence: number,
      wants: readonly Want[],
      leases: SyncRequest['leases'] = [],
    ) => {
      const { reply, journal } = applySync(state, request('a', sequence, wants, { leases }), { now, limits })
      for (const name of journal.meters) {
        const meter = state.meters.get(name)
        if (meter !== undefined) stored.set(name, storeMeter(meter))
      }
      return reply
    }
    const report = (used: number, returned: number) => [{ sequence: 1, set: 'all', hour: 0, used, returned }]
    sync(1, 1, [{ set: 'all', need: 60, want: 60 }])
    sync(1 + creditMillis, 2, [], report(59, 1))
    sync(2 + creditMillis, 3, [])
    expect(state.leases.size).toBe(0)
    const restored = restoreAccount({ rules: state.rules, meters: [...stored], isolates: [], leases: [] })
    const wants = [{ set: 'all', need: 100, want: 100 }]
    const { reply } = applySync(restored, request('b', 1, wants), { now: 3 + creditMillis, limits })
    expect(reply.leases).toEqual([{ set: 'all', units: 40 }])
  })

  test('R03: units that came back too late are not credited, by storage neither', () => {
    const state = createAccount()
    applySync(state, request('a', 1, [{ set: 'all', need: 60, want: 60 }]), { now: 1, limits })
    const late = { leases: [{ sequence: 1, set: 'all', hour: 0, used: 0, returned: 50 }] }
    const { journal } = applySync(state, request('a', 2, [], late), { now: 2_001, limits })
    expect(journal.meters).toContain('all')
    for (const account of [state, stored(state)])
      expect(
        applySync(account, request('b', 1, [{ set: 'all', need: 100, want: 100 }]), { now: 2_002, limits })
          .reply.leases,
      ).toEqual([{ set: 'all', units: 40 }])
  })

  test('forgets isolates that are long silent, with their unsettled leases; storage has them', () => {
    const state = createAccount()
    applySync(state, request('a', 1, [{ set: 'all', need: 1, want: 1 }]), { now: 1, limits })
    const journal = sweepUnsettled(state, tick(state, 60_001))
    expect(journal.ledger.entries()).toMatchObject([{ granted: 0, outstanding: -1, unsettled: 1 }])
    forgetSilent(state, 70_000)
    expect({ isolates: state.isolates.size, leases: state.leases.size }).toEqual({ isolates: 0, leases: 0 })
  })
})
