import { parseList } from 'structured-headers'
import { describe, expect, test } from 'vitest'
import type { Admission } from '../../src/accounts/accounts.ts'
import {
  flushMillis,
  flushRoundsMax,
  syncPatienceMillis,
  unavailableHoldMillis,
} from '../../src/core/limits.ts'
import { Refusal } from '../../src/core/problems.ts'
import { createAccount } from '../../src/core/quota/account.ts'
import { applySync } from '../../src/core/quota/apply-sync.ts'
import type { SyncReply, SyncRequest } from '../../src/core/quota/sync.ts'
import { FakeAccount, isolateOver, limitOf, permitOf, VirtualTime } from './fakes.ts'

const perDay = (requests: number) => limitOf('all', requests, 86_400_000)
const facts = { bytesIn: null, bytesOut: null, millis: 1 }

const isolateWith = (limits = [perDay(100)], delay = 1) => {
  const time = new VirtualTime()
  const account = new FakeAccount(time, limits, delay)
  return { time, account, limits, ...isolateOver(time, () => account) }
}

/** What a call comes to: an admission, or the code that it was refused with. */
const outcomeOf = async (call: () => Admission | Promise<Admission>): Promise<Admission | Refusal> => {
  try {
    return await call()
  } catch (refusal) {
    if (refusal instanceof Refusal) return refusal
    throw refusal
  }
}

const admittedOf = (result: Admission | Refusal): Admission => {
  if (result instanceof Refusal) throw result
  return result
}

const refusalOf = (result: Admission | Refusal): Refusal => {
  if (!(result instanceof Refusal)) throw new Error('it was admitted')
  return result
}

/** Starts a call and lets time pass until it is decided. */
const settledAfter = async <T>(time: VirtualTime, started: T | Promise<T>, millis = 10): Promise<T> => {
  const settling = Promise.resolve(started)
  settling.catch(() => {})
  await time.advance(millis)
  return settling
}

describe('the path without I/O', () => {
  test('admits synchronously while a lease is at hand', async () => {
    const { time, wallet, context, account, limits } = isolateWith([limitOf('all', 10_000, 1_000)])
    const permit = permitOf({ limits })
    for (let round = 0; round < 3; round += 1) {
      const burst = Array.from({ length: 40 }, () => outcomeOf(() => wallet.admit(permit, context)))
      await time.advance(50)
      for (const result of await Promise.all(burst)) admittedOf(result).commit(time.now)
    }
    const before = account.requests.length
    const admission = wallet.admit(permit, context)
    expect(admission).not.toBeInstanceOf(Promise)
    expect(account.requests.length).toBe(before)
  })

  test('R01: four isolates and 1,000 concurrent calls use a limit of 100 exactly', async () => {
    const time = new VirtualTime()
    const limits = [perDay(100)]
    const account = new FakeAccount(time, limits, 3)
    const isolates = Array.from({ length: 4 }, () => isolateOver(time, () => account))
    let used = 0
    let refused = 0
    const calls = Array.from({ length: 1_000 }, async (_, at) => {
      const { wallet, context } = isolates[at % 4] as (typeof isolates)[number]
      const result = await outcomeOf(() => wallet.admit(permitOf({ limits }), context))
      if (result instanceof Refusal) {
        expect(result.code).toBe('rate_limited')
        refused += 1
        return
      }
      if (result.commit(time.now) !== null) used += 1
    })
    await time.advance(5_000)
    await Promise.all(calls)
    expect({ used, refused }).toEqual({ used: 100, refused: 900 })
    expect(account.requests.length).toBeLessThan(100)
    expect(account.totals).toEqual({ granted: 100, used: 100, returned: 0, outstanding: 0, unsettled: 0 })
  })

  test('fetches the next lease in the background, so that steady traffic never waits', async () => {
    const { time, wallet, context, account, limits } = isolateWith([limitOf('all', 100_000, 1_000)], 20)
    const permit = permitOf({ limits })
    let waited = 0
    const call = () => {
      const admission = wallet.admit(permit, context)
      if (!(admission instanceof Promise)) {
        admission.commit(time.now)?.settle('2xx', facts)
        return
      }
      waited += 1
      admission.then((late) => late.commit(time.now)?.settle('2xx', facts))
    }
    const run = async (millis: number) => {
      for (let at = 0; at < millis; at += 1) {
        call()
        await time.advance(1)
      }
    }
    await run(2_000)
    waited = 0
    const before = account.requests.length
    await run(5_000)
    expect(waited).toBe(0)
    // 1,000 requests a second: at most 0.02 account calls per request.
    expect((account.requests.length - before) / 5_000).toBeLessThanOrEqual(0.02)
  })
})

describe('freshness', () => {
  test('a lease ends one second after its sync was sent, and commit says so', async () => {
    const { time, wallet, context, limits } = isolateWith([perDay(100)], 50)
    const admission = await settledAfter(time, wallet.admit(permitOf({ limits }), context), 100)
    await time.advance(899)
    expect(admission.commit(time.now + 1)).toBeNull()
    await settledAfter(time, admission.renew(), 200)
    expect(admission.commit(time.now)).not.toBeNull()
  })

  test('10,000 slow uploads admitted early and sent together stay within the bound', async () => {
    const limits = [limitOf('all', 1_000, 1_000)]
    const { time, wallet, context } = isolateWith(limits)
    const admissions: Admission[] = []
    for (let second = 0; second < 15; second += 1) {
      const wave = Array.from({ length: 1_000 }, () =>
        outcomeOf(() => wallet.admit(permitOf({ limits }), context)),
      )
      await time.advance(1_000)
      for (const result of await Promise.all(wave)) if (!(result instanceof Refusal)) admissions.push(result)
    }
    expect(admissions.length).toBeGreaterThan(9_000)
    const start = time.now
    let sent = 0
    const sending = admissions.map(async (admission) => {
      try {
        for (let attempt = 0; attempt < 3; attempt += 1) {
          if (admission.commit(time.now) !== null) {
            sent += 1
            return
          }
          await admission.renew()
        }
      } catch (refusal) {
        expect((refusal as Refusal).code).toBe('rate_limited')
      }
    })
    await time.advance(500)
    await Promise.all(sending)
    expect(sent).toBeLessThanOrEqual(1_000 + (1_000 * (time.now - start + 1_000)) / 1_000)
    expect(sent).toBeGreaterThan(500)
  })

  test('looks at revocations, suspension and the expiry of the token again at commit', async () => {
    const { time, wallet, context, account, limits } = isolateWith([limitOf('all', 1_000, 1_000)])
    const expiresAt = time.now / 1_000 + 2
    const caller = { expiresAt, tokenId: 'short' }
    const short = await settledAfter(time, wallet.admit(permitOf({ limits, caller }), context))
    await time.advance(6_900)
    expect(short.commit(time.now)).toBeNull()
    await settledAfter(time, short.renew())
    expect(short.commit(expiresAt * 1_000 + 4_999)).not.toBeNull()
    const late = await settledAfter(time, wallet.admit(permitOf({ limits, caller }), context))
    expect(late.commit(expiresAt * 1_000 + 5_000)).toBeNull()
    await expect(settledAfter(time, late.renew(), 200)).rejects.toMatchObject({ code: 'token_expired' })

    const admission = await settledAfter(time, wallet.admit(permitOf({ limits }), context))
    const revocation = {
      id: '1',
      issuer: 'acme',
      by: 'jti',
      value: 'token-1',
      until: time.now + 900_000,
    } as const
    account.change({ revocations: [revocation] })
    await time.advance(1_100)
    expect(admission.commit(time.now)).toBeNull()
    await expect(settledAfter(time, admission.renew())).rejects.toMatchObject({ code: 'token_revoked' })
  })

  test('a revocation and a suspension are effective within two seconds under traffic, and a suspension ends', async () => {
    const { time, wallet, context, account, limits } = isolateWith([limitOf('all', 100_000, 1_000)], 5)
    const codes: string[] = []
    const call = async () => {
      const result = await outcomeOf(() => wallet.admit(permitOf({ limits }), context))
      codes.push(
        result instanceof Refusal ? result.code : result.commit(time.now) === null ? 'stale' : 'sent',
      )
    }
    const run = async (millis: number) => {
      codes.length = 0
      for (let at = 0; at < millis; at += 10) {
        call()
        await time.advance(10)
      }
    }
    await run(1_000)
    account.change({ suspended: true })
    await run(2_000)
    expect(codes).toContain('sent')
    await run(1_000)
    expect(new Set(codes)).toEqual(new Set(['team_suspended']))
    account.change({ suspended: false })
    await run(2_000)
    expect(codes.at(-1)).toBe('sent')
    account.change({
      revocations: [{ id: '1', issuer: null, by: 'sub', value: 'alice', until: time.now + 9e5 }],
    })
    await run(2_000)
    await run(1_000)
    expect(new Set(codes)).toEqual(new Set(['token_revoked']))
  })

  test('R02: an isolate whose clock was set back takes new leases instead of stretching the old ones', async () => {
    const { time, wallet, context, limits, account } = isolateWith([perDay(100)])
    const admission = await settledAfter(time, wallet.admit(permitOf({ limits }), context))
    time.now -= 3_600_000
    expect(admission.commit(time.now)).toBeNull()
    await settledAfter(time, admission.renew(), 50)
    expect(admission.commit(time.now)).not.toBeNull()
    await time.advance(5_000)
    expect(account.totals).toMatchObject({ used: 1, outstanding: 0 })
  })
})

describe('when the account fails', () => {
  test('R04: a lost request or reply is sent again under its number: one unit, one use', async () => {
    const { time, wallet, context, account, limits } = isolateWith()
    account.fates = ['lose the reply', 'lose the request']
    const admission = await settledAfter(time, wallet.admit(permitOf({ limits }), context), 50)
    admission.commit(time.now)?.settle('2xx', facts)
    account.fates = ['lose the reply', 'lose the reply', 'lose the reply', 'lose the request']
    await time.advance(10_000)
    expect(account.totals).toEqual({ granted: 1, used: 1, returned: 0, outstanding: 0, unsettled: 0 })
    expect(account.outcomes).toEqual(new Map([['2xx', 1]]))
  })

  test('R04: an answer that comes after the one to its repetition ends no sync but its own', async () => {
    const time = new VirtualTime()
    const limits = [perDay(100)]
    const state = createAccount()
    const sends: { readonly request: SyncRequest; readonly answer: () => void; readonly lose: () => void }[] =
      []
    const sync = (request: SyncRequest): Promise<SyncReply> =>
      new Promise((resolve, reject) => {
        const answer = () => resolve(applySync(state, request, { now: time.now, limits }).reply)
        sends.push({ request, answer, lose: () => reject(new Error('network connection lost')) })
      })
    const { wallet, context } = isolateOver(time, () => ({ sync }))
    const admitting = outcomeOf(() => wallet.admit(permitOf({ limits }), context))
    await time.advance(syncPatienceMillis)
    expect(sends.map(({ request }) => request.sequence)).toEqual([1, 1])
    sends[1]?.answer()
    await time.advance(1)
    // The lease counts from the first send and is over: the call waits for the next one.
    expect(sends.map(({ request }) => request.sequence)).toEqual([1, 1, 2])
    sends[0]?.answer()
    await time.advance(1)
    sends[2]?.lose()
    await time.advance(1)
    expect(sends.map(({ request }) => request.sequence)).toEqual([1, 1, 2, 2])
    sends[3]?.answer()
    await time.advance(1)
    expect(admittedOf(await admitting).commit(time.now)).not.toBeNull()
  })

  test('R06: out of reach is 503 account_unavailable, asked for again at most every 250 ms, and it heals', async () => {
    const { time, wallet, context, account, limits, failures } = isolateWith()
    account.fates = Array.from({ length: 9 }, () => 'lose the request' as const)
    const codes: string[] = []
    for (let at = 0; at < 60; at += 1) {
      outcomeOf(() => wallet.admit(permitOf({ limits }), context)).then((result) =>
        codes.push(result instanceof Refusal ? result.code : 'admitted'),
      )
      await time.advance(10)
    }
    expect(new Set(codes)).toEqual(new Set(['account_unavailable']))
    expect(account.requests.length).toBeLessThanOrEqual(9)
    expect(failures.length).toBe(3)
    await time.advance(1_000)
    admittedOf(
      await settledAfter(
        time,
        outcomeOf(() => wallet.admit(permitOf({ limits }), context)),
        50,
      ),
    )
  })

  test('R06: an overloaded account is 503 overloaded with Retry-After', async () => {
    const { time, wallet, context, account, limits } = isolateWith()
    account.isolatesMax = 0
    const refusal = refusalOf(
      await settledAfter(
        time,
        outcomeOf(() => wallet.admit(permitOf({ limits }), context)),
      ),
    )
    expect(refusal).toMatchObject({ code: 'overloaded', headers: { 'Retry-After': '1' } })
    account.isolatesMax = 1
    account.fates = ['overloaded']
    await time.advance(1_100)
    const again = refusalOf(
      await settledAfter(
        time,
        outcomeOf(() => wallet.admit(permitOf({ limits }), context)),
      ),
    )
    expect(again.code).toBe('overloaded')
  })

  test('R06: an account that was out of reach is asked again when the hold has ended, and not before', async () => {
    const { time, wallet, context, account, limits } = isolateWith()
    account.fates = Array.from({ length: 3 }, () => 'lose the request' as const)
    const call = () => outcomeOf(() => wallet.admit(permitOf({ limits }), context))
    let refusedAt = 0
    call().then(() => {
      refusedAt = time.now
    })
    while (refusedAt === 0) await time.advance(1)
    await time.advance(refusedAt + unavailableHoldMillis - 1 - time.now)
    expect(refusalOf(await call()).code).toBe('account_unavailable')
    expect(account.requests).toHaveLength(3)
    await time.advance(1)
    admittedOf(await settledAfter(time, call()))
  })

  test("waiting for another request's sync that never ends has a way out", async () => {
    const { time, wallet, context, account, limits } = isolateWith()
    account.fates = ['hang']
    const first = outcomeOf(() => wallet.admit(permitOf({ limits }), context))
    await time.advance(10)
    const second = outcomeOf(() => wallet.admit(permitOf({ limits }), context))
    await time.advance(5_000)
    admittedOf(await second)
    admittedOf(await first)
    await time.advance(5_000)
    expect(account.totals).toMatchObject({ used: 0, outstanding: 0 })
  })

  test('an isolate that lacks the complete list of rules admits nothing', async () => {
    const { time, wallet, context, account, limits } = isolateWith()
    const sync = account.sync.bind(account)
    account.sync = async (request) => ({ ...(await sync(request)), rules: null })
    const result = await settledAfter(
      time,
      outcomeOf(() => wallet.admit(permitOf({ limits }), context)),
      100,
    )
    expect(refusalOf(result).code).toBe('account_unavailable')
  })

  test('a limit that the account does not know yet is never left out', async () => {
    const { time, wallet, context } = isolateWith([perDay(100)])
    const permit = permitOf({ limits: [perDay(100), limitOf('later', 1, 1_000)] })
    const result = await settledAfter(
      time,
      outcomeOf(() => wallet.admit(permit, context)),
    )
    expect(refusalOf(result).code).toBe('account_unavailable')
  })
})

describe('refusals', () => {
  test('a storm of refused calls asks the account at most every 250 ms', async () => {
    const { time, wallet, context, account, limits } = isolateWith([perDay(1)])
    admittedOf(
      await settledAfter(
        time,
        outcomeOf(() => wallet.admit(permitOf({ limits }), context)),
      ),
    ).commit(time.now)
    account.requests.length = 0
    let refused = 0
    for (let at = 0; at < 5_000; at += 1) {
      outcomeOf(() => wallet.admit(permitOf({ limits }), context)).then((result) => {
        if (result instanceof Refusal) {
          refused += 1
          wallet.refused('checkout', result.code, time.now)
        }
      })
      await time.advance(1)
    }
    await time.advance(2_000)
    expect(refused).toBe(5_000)
    expect(account.requests.length).toBeLessThanOrEqual(5_000 / 250 + 2)
    expect(account.refused).toEqual(new Map([['rate_limited', 5_000]]))
  })

  test('R05: RateLimit, RateLimit-Policy and Retry-After are structured fields that tell the tightest limit', async () => {
    const limits = [limitOf('all', 100, 1_000, { burst: 200 }), limitOf('writes', 2, 60_000)]
    const { time, wallet, context } = isolateWith(limits)
    const permit = permitOf({ limits })
    const admission = admittedOf(
      await settledAfter(
        time,
        outcomeOf(() => wallet.admit(permit, context)),
      ),
    )
    admission.commit(time.now)
    const fields = admission.rateLimit(time.now)
    const [policy] = parseList(fields?.policy ?? '')
    const [limit] = parseList(fields?.limit ?? '')
    expect(policy).toEqual([
      'writes',
      new Map([
        ['q', 2],
        ['w', 60],
      ]),
    ])
    expect(limit).toEqual([
      'writes',
      new Map([
        ['r', 1],
        ['t', 30],
      ]),
    ])
    admittedOf(
      await settledAfter(
        time,
        outcomeOf(() => wallet.admit(permit, context)),
      ),
    ).commit(time.now)
    const refusal = refusalOf(
      await settledAfter(
        time,
        outcomeOf(() => wallet.admit(permit, context)),
      ),
    )
    expect(refusal).toMatchObject({ code: 'rate_limited', members: { limit: 'writes' } })
    const [refusedLimit] = parseList(refusal.headers['RateLimit'] ?? '')
    expect(refusedLimit?.[1].get('r')).toBe(0)
    expect(Number(refusal.headers['Retry-After'])).toBeGreaterThanOrEqual(Number(refusedLimit?.[1].get('t')))
    expect(Number(refusal.headers['Retry-After'])).toBeGreaterThanOrEqual(1)
  })

  test('R07: a team that floods takes nothing from another', async () => {
    const time = new VirtualTime()
    const limits = [perDay(10)]
    const accounts = new Map(['a', 'b'].map((team) => [team, new FakeAccount(time, limits)]))
    const { wallet, context } = isolateOver(time, (team) => accounts.get(team) as FakeAccount)
    const of = (team: string) => outcomeOf(() => wallet.admit(permitOf({ team, limits }), context))
    const flood = Array.from({ length: 500 }, () => of('a'))
    await time.advance(100)
    const passed = (await Promise.all(flood)).filter((result) => !(result instanceof Refusal))
    expect(passed).toHaveLength(10)
    for (let at = 0; at < 10; at += 1) admittedOf(await settledAfter(time, of('b')))
    expect(refusalOf(await settledAfter(time, of('b'))).code).toBe('rate_limited')
  })

  test('D01: calls refused before the permit are counted, and never cause a sync', async () => {
    const { time, wallet, account } = isolateWith()
    for (let at = 0; at < 100; at += 1) wallet.refused('checkout', 'scope_insufficient', time.now)
    await time.advance(10_000)
    expect(account.requests).toEqual([])
  })
})

describe('books', () => {
  test('U01: each outcome is booked exactly once, within a second, and `open` until it is known', async () => {
    const { time, wallet, context, account } = isolateWith([])
    const outcomes = ['2xx', '3xx', '4xx', '5xx', 'timeout', 'unreachable', 'aborted'] as const
    const dispatches = []
    for (const _ of outcomes) {
      const admission = admittedOf(
        await settledAfter(
          time,
          outcomeOf(() => wallet.admit(permitOf(), context)),
          5,
        ),
      )
      dispatches.push(admission.commit(time.now))
    }
    await time.advance(1_000)
    expect(account.outcomes).toEqual(new Map([['open', 7]]))
    expect(account.totals).toMatchObject({ used: 7 })
    for (const [at, outcome] of outcomes.entries()) {
      dispatches[at]?.settle(outcome, { bytesIn: at, bytesOut: null, millis: 5 })
      dispatches[at]?.settle('2xx', facts)
    }
    await time.advance(1_000)
    expect(account.outcomes).toEqual(
      new Map([['open', 0], ...outcomes.map((outcome) => [outcome, 1] as const)]),
    )
    expect(account.totals).toMatchObject({ used: 7, outstanding: 0, unsettled: 0 })
  })

  test('what cannot be reported is tried again for so many rounds, within the 30 s that waitUntil has', async () => {
    const { time, wallet, context, account, limits } = isolateWith()
    const start = time.now
    let ended = start
    const waitUntil = (work: Promise<unknown>): void => {
      work.then(() => {
        ended = time.now
      })
    }
    await settledAfter(time, wallet.admit(permitOf({ limits }), { ...context, waitUntil }))
    account.fates = Array.from({ length: 1_000 }, () => 'lose the request' as const)
    await time.advance(120_000)
    expect(ended - start).toBeGreaterThanOrEqual(flushRoundsMax * flushMillis)
    expect(ended - start).toBeLessThan(30_000)
  })

  test('a call that fails before its fetch gives its unit back, in time to be credited', async () => {
    const { time, wallet, context, account, limits } = isolateWith([perDay(1)])
    const of = () => outcomeOf(() => wallet.admit(permitOf({ limits }), context))
    const admission = admittedOf(await settledAfter(time, of()))
    admission.release()
    admission.release()
    expect(admission.commit(time.now)).toBeNull()
    await time.advance(2_000)
    expect(account.totals).toEqual({ granted: 1, used: 0, returned: 1, outstanding: 0, unsettled: 0 })
    admittedOf(await settledAfter(time, of())).commit(time.now)
    expect(refusalOf(await settledAfter(time, of())).code).toBe('rate_limited')
  })

  test('U09: belongs to the hour of dispatch, although the outcome comes after midnight', async () => {
    const time = new VirtualTime(Date.UTC(2026, 10, 22, 23, 59, 59, 500))
    const account = new FakeAccount(time, [])
    const { wallet, context } = isolateOver(time, () => account)
    const dispatch = admittedOf(
      await settledAfter(
        time,
        outcomeOf(() => wallet.admit(permitOf(), context)),
      ),
    ).commit(time.now)
    await time.advance(1_000)
    dispatch?.settle('2xx', facts)
    await time.advance(1_000)
    const hours = account.requests.flatMap(({ usage }) => usage.map(({ hour }) => hour))
    expect(new Set(hours)).toEqual(new Set([Date.UTC(2026, 10, 22, 23)]))
    expect(account.outcomes).toEqual(
      new Map([
        ['open', 0],
        ['2xx', 1],
      ]),
    )
  })

  test('D04: memory is bounded: accounts beyond the maximum push out idle ones, subjects share a row', async () => {
    const time = new VirtualTime()
    const account = new FakeAccount(time, [])
    const { wallet, context } = isolateOver(time, () => account, 2)
    const of = (team: string) => outcomeOf(() => wallet.admit(permitOf({ team }), context))
    const held = [
      admittedOf(await settledAfter(time, of('a'))),
      admittedOf(await settledAfter(time, of('b'))),
    ]
    expect(refusalOf(await settledAfter(time, of('c'))).code).toBe('overloaded')
    for (const admission of held) admission.release()
    await time.advance(3_000)
    admittedOf(await settledAfter(time, of('c')))
    for (let at = 0; at < 2_100; at += 1) {
      const permit = permitOf({ team: 'c', caller: { subject: `user-${at}` } })
      admittedOf(
        await settledAfter(
          time,
          outcomeOf(() => wallet.admit(permit, context)),
          5,
        ),
      ).commit(time.now)
    }
    await time.advance(1_000)
    const subjects = new Set(account.requests.flatMap(({ usage }) => usage.map(({ subject }) => subject)))
    expect(subjects.size).toBe(2_001)
    expect(subjects).toContain('~other')
  })
})
