import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test } from 'vitest'
import { usageRowsMax } from '../../src/core/limits.ts'
import type { SyncRequest } from '../../src/core/quota/sync.ts'
import { clock, logged, type TeamAccount } from '../workerd/accounts/worker.ts'

const accounts = env.ACCOUNTS as unknown as DurableObjectNamespace<TeamAccount>
let count = 0
const newTeam = () => {
  count += 1
  return `team-${count}`
}
const open = (team = newTeam()) => accounts.get(accounts.idFromName(`team:${team}`))
const hour = () => {
  const now = Date.now() + clock.offset
  return now - (now % 3_600_000)
}
const request = (sequence: number, more: Partial<SyncRequest> = {}): SyncRequest => ({
  isolate: 'isolate-1',
  sequence,
  leases: [],
  usage: [],
  refused: [],
  wants: [],
  rulesVersion: 1,
  ...more,
})
const want = (need: number, ahead = 0) => ({ wants: [{ set: 'all', need, want: need + ahead }] })
const use = (sequence: number, units: number, outcome: '2xx' | 'open' = '2xx') => ({
  leases: [{ sequence, set: 'all', hour: hour(), used: units, returned: 0 }],
  usage: [
    {
      hour: hour(),
      upstream: 'plugipay',
      key: 'test',
      subject: 'acme:alice',
      outcome,
      requests: units,
      bytesIn: 10,
      bytesOut: null,
      millis: 5 * units,
      lastAt: Date.now() + clock.offset,
    },
  ],
})
/** A report that is not too long. */
const usageOf = async (account: ReturnType<typeof open>, query: Parameters<TeamAccount['usage']>[0]) => {
  const report = await account.usage(query)
  if ('rowsMax' in report) throw new Error('too many rows')
  return report
}
const allTime = { from: 0, to: 4_102_444_800_000, by: [] }

afterEach(() => {
  clock.offset = 0
  logged.length = 0
})

describe('sync', () => {
  test('R03: units of an isolate that died stay in the debt of their limit when the account is evicted', async () => {
    const account = open()
    const spent = await account.sync(request(1, want(100)))
    expect(spent.leases).toEqual([{ set: 'all', units: 100 }])
    clock.offset = 61_000
    await runDurableObjectAlarm(account)
    for (const sequence of [1, 2]) {
      const reply = await account.sync(request(sequence, { isolate: 'isolate-2', ...want(1) }))
      expect(reply.leases).toEqual([])
      await evictDurableObject(account)
    }
    expect(await account.usage(allTime)).toMatchObject({ granted: 100, unsettled: 100 })
  })

  test('a limit in observe mode counts the calls that it would have refused, and no unit that came back', async () => {
    const account = open('observed')
    const set = 'all,trial'
    const report = (used: number, returned: number) => ({
      leases: [{ sequence: 1, set, hour: hour(), used, returned }],
    })
    await account.sync(request(1, { wants: [{ set, need: 8, want: 8 }] }))
    expect(await account.usage(allTime)).toMatchObject({ observed: [{ limit: 'trial', requests: 3 }] })
    await account.sync(request(2, report(6, 2)))
    expect(await account.usage(allTime)).toMatchObject({ observed: [{ limit: 'trial', requests: 1 }] })
    await evictDurableObject(account)
    // One call waits, and one unit is ahead of need; none is left of the five.
    await account.sync(request(3, { wants: [{ set, need: 1, want: 2 }] }))
    await account.sync(request(4, { leases: [{ sequence: 3, set, hour: hour(), used: 0, returned: 1 }] }))
    expect(await account.usage(allTime)).toMatchObject({ observed: [{ limit: 'trial', requests: 2 }] })
  })

  test('a limit in observe mode that would have refused nobody is not in the list', async () => {
    const account = open('observed-2')
    const set = 'all,trial'
    await account.sync(request(1, { wants: [{ set, need: 5, want: 7 }] }))
    const leases = [{ sequence: 1, set, hour: hour(), used: 5, returned: 2 }]
    await account.sync(request(2, { leases }))
    expect(await account.usage(allTime)).toMatchObject({ used: 5, returned: 2, observed: [] })
  })

  test('R01: grants a limit of 100 once, whoever asks', async () => {
    const account = open()
    const replies = await Promise.all(
      Array.from({ length: 8 }, (_, at) =>
        account.sync(request(1, { isolate: `isolate-${at}`, ...want(30) })),
      ),
    )
    const granted = replies.flatMap(({ leases }) => leases).reduce((sum, { units }) => sum + units, 0)
    expect(granted).toBe(100)
    expect(replies.at(-1)?.refusals).toMatchObject([{ set: 'all', limit: 'all', holdMillis: 250 }])
    expect(await account.usage(allTime)).toMatchObject({
      granted: 100,
      outstanding: 100,
      used: 0,
      unsettled: 0,
    })
  })

  test('R04 U04 U06: the same request gets the same reply and is booked once, also after an eviction', async () => {
    const account = open()
    const first = await account.sync(request(1, want(3)))
    await account.sync(request(2, use(1, 2)))
    const again = await account.sync(request(2, use(1, 2)))
    await evictDurableObject(account)
    expect(await account.sync(request(2, use(1, 2)))).toEqual(again)
    expect(first.leases).toEqual([{ set: 'all', units: 3 }])
    expect(await account.usage(allTime)).toMatchObject({ granted: 3, used: 2, outstanding: 1 })
  })

  test('R03: what was granted stays granted over evictions and crashes, also when the clock steps back', async () => {
    const account = open()
    await account.sync(request(1, want(60)))
    await evictDurableObject(account)
    clock.offset = -7_200_000
    const second = await account.sync(request(2, want(60)))
    await abortAllDurableObjects()
    const third = await open(`team-${count}`).sync(request(3, want(60)))
    expect(second.leases).toEqual([{ set: 'all', units: 40 }])
    expect(third.leases).toEqual([])
  })

  test('credits what comes back within two seconds, and books it as returned only once', async () => {
    const account = open()
    await account.sync(request(1, want(100)))
    await evictDurableObject(account)
    const back = { leases: [{ sequence: 1, set: 'all', hour: hour(), used: 0, returned: 25 }] }
    const second = await account.sync(request(2, { ...back, ...want(50) }))
    expect(second.leases).toEqual([{ set: 'all', units: 25 }])
    expect(await account.usage(allTime)).toMatchObject({ granted: 125, returned: 25, outstanding: 100 })
  })

  test('refuses a limit that its configuration does not have instead of leaving it out', async () => {
    const reply = await open().sync(request(1, { wants: [{ set: 'all,later', need: 1, want: 1 }] }))
    expect(reply).toMatchObject({ leases: [], refusals: [{ set: 'all,later', limit: null }] })
  })
})

describe('the alarm', () => {
  test('U02: units of a dead isolate show as unsettled after 60 s, and a late report takes them out again', async () => {
    const account = open()
    await account.sync(request(1, want(10)))
    clock.offset = 61_000
    expect(await runDurableObjectAlarm(account)).toBe(true)
    expect(await account.usage(allTime)).toMatchObject({ granted: 10, outstanding: 0, unsettled: 10 })
    await evictDurableObject(account)
    await account.sync(request(2, use(1, 4)))
    expect(await account.usage(allTime)).toMatchObject({ granted: 10, used: 4, unsettled: 6 })
  })

  test('sets the alarm again when the change with which it was set was not stored', async () => {
    const account = open()
    await runInDurableObject(account, async (instance, { storage }) => {
      const setAlarm = storage.setAlarm.bind(storage)
      const failing = () => {
        throw new Error('the disk is full')
      }
      Object.assign(storage, { setAlarm: failing })
      expect(() => instance.sync(request(1, want(10)))).toThrow('the disk is full')
      Object.assign(storage, { setAlarm })
      expect(await storage.getAlarm()).toBeNull()
      instance.sync(request(1, want(10)))
      expect(await storage.getAlarm()).not.toBeNull()
    })
    expect(await account.usage(allTime)).toMatchObject({ granted: 10, outstanding: 10 })
  })

  test('U03 K07: writes the day to KV, runs twice without harm, and tries a failed put again', async () => {
    const account = open()
    const day = new Date().toISOString().slice(0, 10)
    await account.sync(request(1, want(10)))
    await account.sync(request(2, use(1, 4)))
    await runInDurableObject(account, async (instance, { storage }) => {
      const { env: bindings } = instance as unknown as { env: { USAGE: KVNamespace } }
      const put = bindings.USAGE.put.bind(bindings.USAGE)
      let failures = 0
      Object.assign(instance, {
        env: {
          USAGE: {
            put: (key: string, value: string) => {
              failures += 1
              if (failures <= 6) throw new Error('429 too many writes to one key')
              return put(key, value)
            },
          },
        },
      })
      for (let run = 0; run < 6; run += 1) {
        await instance.alarm()
        expect(await storage.getAlarm()).not.toBeNull()
      }
      await instance.alarm()
      await instance.alarm()
      expect(failures).toBe(7)
    })
    expect(logged).toHaveLength(6)
    const stored = await env.USAGE.get(`usage:team-${count}:${day}`, 'json')
    expect(stored).toMatchObject({
      v: 1,
      team: `team-${count}`,
      day,
      granted: 10,
      used: 4,
      returned: 0,
      unsettled: 0,
      rows: [{ upstream: 'plugipay', key: 'test', outcome: '2xx', requests: 4, bytesIn: 10, bytesOut: null }],
    })
    expect(Object.keys((stored as { lastUsed: object }).lastUsed)).toEqual(['plugipay/test'])
    expect(await account.usage(allTime)).toMatchObject({ granted: 10, used: 4, outstanding: 6 })
  })

  test('K07: writes one key at most every 15 minutes, and once more when the day has closed', async () => {
    const account = open()
    await account.sync(request(1, want(10)))
    await account.sync(request(2, use(1, 1)))
    await runInDurableObject(account, async (instance, { storage }) => {
      const puts: string[] = []
      Object.assign(instance, { env: { USAGE: { put: async (key: string) => puts.push(key) } } })
      await instance.alarm()
      expect(puts).toHaveLength(1)
      instance.sync(request(3, use(1, 1)))
      clock.offset = 60_000
      await instance.alarm()
      expect(puts).toHaveLength(1)
      const due = await storage.getAlarm()
      const closes = (Math.floor(Date.now() / 86_400_000) + 1) * 86_400_000 + 5_000
      expect(due).toBeGreaterThan(Date.now())
      expect(due).toBeLessThanOrEqual(Math.min(closes, Date.now() + 900_000))
      clock.offset = 901_000
      await instance.alarm()
      expect(puts).toHaveLength(2)
    })
  })

  test('folds hours older than 35 days into days without subjects, and keeps the sums', async () => {
    const account = open()
    await account.sync(request(1, want(10)))
    await account.sync(request(2, use(1, 4)))
    const before = await usageOf(account, allTime)
    clock.offset = 37 * 86_400_000
    await runInDurableObject(account, (instance) => instance.alarm())
    const after = await usageOf(account, { ...allTime, by: ['hour', 'subject'] })
    expect(after).toMatchObject({ granted: before.granted, used: before.used, unsettled: 6 })
    expect(after.rows).toMatchObject([{ requests: 4, by: [expect.any(Number), ''] }])
    expect(Number(after.rows[0]?.by[0]) % 86_400_000).toBe(0)
    clock.offset = 402 * 86_400_000
    await runInDurableObject(account, (instance) => instance.alarm())
    expect(await account.usage(allTime)).toMatchObject({ granted: 0, used: 0, rows: [] })
  })
})

describe('rules', () => {
  test('a revocation, a suspension and an override survive a restart and travel whole with the next sync', async () => {
    const account = open()
    const until = Date.now() + 900_000
    const entry = await account.revoke({ issuer: 'acme', by: 'jti', value: 'token-1', until })
    await account.patch({ suspended: true, limits: { all: { requests: 7 } } })
    await abortAllDurableObjects()
    const again = open(`team-${count}`)
    const reply = await again.sync(request(1, want(5)))
    expect(reply.rules).toEqual({
      version: 3,
      suspended: true,
      revocations: [{ id: entry?.id, issuer: 'acme', by: 'jti', value: 'token-1', until }],
    })
    expect(reply.leases).toEqual([])
    expect((await again.sync(request(2, { rulesVersion: 3 }))).rules).toBeNull()
    expect(await again.describe()).toEqual({
      suspended: true,
      limits: [{ name: 'all', requests: 7, per: '86400s', burst: 7, overridden: true }],
    })
    await again.patch({ suspended: false, limits: { all: null } })
    expect(await again.describe()).toMatchObject({
      suspended: false,
      limits: [{ requests: 100, overridden: false }],
    })
  })

  test('an unknown limit changes nothing', async () => {
    const account = open()
    expect(await account.patch({ suspended: true, limits: { none: { requests: 1 } } })).toEqual({
      unknownLimit: 'none',
    })
    expect(await account.describe()).toMatchObject({ suspended: false })
  })

  test('a change that was made of what is no longer so changes nothing', async () => {
    const account = open()
    const seen = await account.describe()
    const both = await Promise.all([
      account.patch({ limits: { all: { requests: 7 } } }, seen),
      account.patch({ limits: { all: { requests: 8 } } }, seen),
    ])
    expect(both).toMatchObject([{ limits: [{ requests: 7 }] }, null])
    expect(await account.describe()).toMatchObject({ limits: [{ requests: 7 }] })
    expect(await account.patch({ suspended: true }, await account.describe())).toMatchObject({
      suspended: true,
    })
  })

  test('is bounded: the 1,001st entry is refused, `before` always finds room, and what is over is pruned', async () => {
    const account = open()
    const until = Date.now() + 1_000
    await runInDurableObject(account, async (instance) => {
      for (let at = 0; at < 1_000; at += 1)
        expect(instance.revoke({ issuer: 'acme', by: 'jti', value: `token-${at}`, until })).not.toBeNull()
      expect(instance.revoke({ issuer: 'acme', by: 'jti', value: 'one-more', until })).toBeNull()
      expect(instance.revoke({ issuer: 'acme', by: 'before', value: '1800000000', until })).not.toBeNull()
      clock.offset = 2_000
      await instance.alarm()
      expect(instance.revocations()).toEqual([])
      expect(
        instance.revoke({ issuer: 'acme', by: 'jti', value: 'one-more', until: until + 9_000 }),
      ).not.toBeNull()
    })
  })
})

describe('books', () => {
  test('beyond 1,000 subjects in an hour the rest share a row, also after an eviction', async () => {
    const account = open()
    const usage = (from: number, to: number) =>
      Array.from(
        { length: to - from },
        (_, at) => ({ ...use(1, 1).usage[0], subject: `acme:${from + at}` }) as never,
      )
    await account.sync(request(1, { usage: usage(0, 999) }))
    await evictDurableObject(account)
    await account.sync(request(2, { usage: usage(990, 1_005) }))
    const { rows } = await usageOf(account, { ...allTime, by: ['subject'] })
    expect(rows).toHaveLength(1_001)
    expect(rows.find(({ by }) => by[0] === '~other')).toMatchObject({ requests: 5 })
  })

  test('D02: a report of more rows than an account should hold is refused, one of as many is not', async () => {
    const account = open()
    const subjectsOf = (hours: number, subjects: number) =>
      Array.from(
        { length: subjects },
        (_, at) =>
          ({ ...use(1, 1).usage[0], hour: hour() - hours * 3_600_000, subject: `acme:${at}` }) as never,
      )
    for (let hours = 0; hours < usageRowsMax / 1_000; hours += 1)
      await account.sync(request(hours + 1, { usage: subjectsOf(hours, 1_000) }))
    const by = ['hour', 'subject'] as const
    expect((await usageOf(account, { ...allTime, by })).rows).toHaveLength(usageRowsMax)
    await account.sync(request(100, { usage: subjectsOf(60, 1) }))
    expect(await account.usage({ ...allTime, by })).toMatchObject({ rowsMax: usageRowsMax })
    expect((await usageOf(account, { ...allTime, by: ['hour'] })).rows).toHaveLength(51)
  })

  test('U09: refused calls are counted by code, apart from use', async () => {
    const account = open()
    const refused = [{ hour: hour(), code: 'rate_limited' as const, requests: 3 }]
    await account.sync(request(1, { refused }))
    await account.sync(request(2, { refused }))
    expect(await account.usage(allTime)).toMatchObject({
      used: 0,
      refused: [{ code: 'rate_limited', requests: 6 }],
    })
  })
})
