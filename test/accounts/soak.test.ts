import { describe, expect, test } from 'vitest'
import { Random } from '../../bench/simulate/random.ts'
import type { Admission, Outcome } from '../../src/accounts/accounts.ts'
import { Refusal } from '../../src/core/problems.ts'
import { FakeAccount, isolateOver, limitOf, permitOf, VirtualTime } from './fakes.ts'

const calls = 100_000
const faults = 0.05

interface Soak {
  /** Isolates that die without a word. */
  readonly kills: number
  readonly seed: number
}

/**
 * 100,000 calls of six isolates at one account; one in twenty meets a fault: an upstream that resets, is silent, or
 * a caller that leaves; a sync whose request or reply is lost. Some calls are held for seconds between admission
 * and dispatch, as slow uploads are.
 */
const soak = async ({ kills, seed }: Soak) => {
  const random = new Random(seed)
  const time = new VirtualTime(Date.UTC(2026, 10, 22, 23, 59, 20))
  const limits = [limitOf('all', 3_000, 1_000)]
  const account = new FakeAccount(time, limits, 4)
  const answer = account.sync.bind(account)
  account.sync = (request) => {
    if (random.next() < faults)
      account.fates.push(random.next() < 0.5 ? 'lose the reply' : 'lose the request')
    return answer(request)
  }
  const start = () => {
    const life = { over: false }
    const stub = {
      sync: (request: never) => (life.over ? new Promise<never>(() => {}) : account.sync(request)),
    }
    return { life, ...isolateOver(time, () => stub) }
  }
  const isolates = Array.from({ length: 6 }, start)
  let arrived = 0
  const call = async (at: number): Promise<void> => {
    const isolate = isolates[at] as ReturnType<typeof start>
    const subject = `user-${random.below(40)}`
    let admission: Admission
    try {
      admission = await isolate.wallet.admit(permitOf({ limits, caller: { subject } }), isolate.context)
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal
      isolate.wallet.refused('checkout', refusal.code, time.now)
      return
    }
    if (random.next() < 0.02) await time.sleep(random.between(100, 4_000))
    if (random.next() < 0.01) return admission.release()
    for (let renewals = 0; renewals < 3; renewals += 1) {
      if (isolate.life.over) return
      const dispatch = admission.commit(time.now)
      if (dispatch === null) {
        try {
          await admission.renew()
        } catch {
          return
        }
        continue
      }
      const outcome = outcomeOf(random)
      // A reset, a timeout or a caller that left: nobody knows whether the upstream saw it.
      const uncertain = outcome === 'unreachable' || outcome === 'timeout' || outcome === 'aborted'
      if (!uncertain || random.next() < 0.5) arrived += 1
      await time.sleep(random.between(1, 60))
      if (!isolate.life.over) dispatch.settle(outcome, { bytesIn: 10, bytesOut: null, millis: 5 })
      return
    }
    admission.release()
  }
  const running: Promise<void>[] = []
  const step = 10
  const perStep = 25
  for (let made = 0; made < calls; made += perStep) {
    for (let one = 0; one < perStep; one += 1) running.push(call(random.below(isolates.length)))
    await time.advance(step)
    if (kills > 0 && made > 0 && made % Math.floor(calls / kills) < perStep) {
      const at = random.below(isolates.length)
      const dead = isolates[at]
      if (dead !== undefined) dead.life.over = true
      isolates[at] = start()
    }
  }
  await time.advance(90_000)
  account.sweep()
  return { account, arrived }
}

const outcomeOf = (random: Random): Outcome => {
  if (random.next() >= faults) return '2xx'
  return (['timeout', 'unreachable', 'aborted', '5xx'] as const)[random.below(4)] ?? '5xx'
}

const uncertainOf = ({ outcomes }: FakeAccount): number =>
  ['unreachable', 'aborted', 'timeout'].reduce((sum, outcome) => sum + (outcomes.get(outcome) ?? 0), 0)

describe('U08: 100,000 calls with 5 % faults', () => {
  test('without kills every unit is accounted for: unsettled is 0, nothing is open', async () => {
    const { account, arrived } = await soak({ kills: 0, seed: 1 })
    const { granted, used, returned, outstanding, unsettled } = account.totals
    expect(granted).toBe(used + returned + outstanding + unsettled)
    expect({ outstanding, unsettled, open: account.outcomes.get('open') ?? 0 }).toEqual({
      outstanding: 0,
      unsettled: 0,
      open: 0,
    })
    expect([...account.outcomes.values()].reduce((sum, requests) => sum + requests, 0)).toBe(used)
    expect(used).toBeGreaterThan(calls / 2)
    expect(arrived).toBeGreaterThanOrEqual(used - uncertainOf(account))
    expect(arrived).toBeLessThanOrEqual(used)
  }, 120_000)

  test('with kills what is missing in the books is at most what shows as unsettled', async () => {
    const { account, arrived } = await soak({ kills: 40, seed: 2 })
    const { granted, used, returned, outstanding, unsettled } = account.totals
    expect(granted).toBe(used + returned + outstanding + unsettled)
    expect(outstanding).toBe(0)
    expect(arrived).toBeGreaterThanOrEqual(used - uncertainOf(account))
    expect(arrived).toBeLessThanOrEqual(used + unsettled)
    expect(unsettled).toBeGreaterThan(0)
  }, 120_000)
})
