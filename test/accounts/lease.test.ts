import { describe, expect, test } from 'vitest'
import { Lease, Pocket } from '../../src/accounts/lease.ts'
import { leaseMillis } from '../../src/core/limits.ts'
import type { LimitState } from '../../src/core/quota/sync.ts'
import { limitOf } from './fakes.ts'

const lease = (units: number): Lease => new Lease(1, units, { sentAt: 0, lowWater: 0 })

describe('a lease', () => {
  test('holds until a second after its sync was sent', () => {
    expect([lease(1).holds(leaseMillis - 1), lease(1).holds(leaseMillis)]).toEqual([true, false])
  })

  test('that has ended gives back what is reserved of it, once', () => {
    const ended = lease(3)
    ended.reserve()
    ended.use(10)
    ended.reserve()
    expect(ended.report('all', leaseMillis, 3)).toEqual([
      { sequence: 1, set: 'all', hour: 0, used: 1, returned: 2 },
    ])
    expect(ended.giveBack()).toBe(false)
    expect(ended.report('all', leaseMillis, 3)).toEqual([])
    expect(ended.spent).toBe(true)
  })

  test('keeps what it shall keep while it holds', () => {
    const held = lease(5)
    expect(held.report('all', 0, 2)).toMatchObject([{ used: 0, returned: 3 }])
    expect(held.free).toBe(2)
  })
})

describe('RateLimit', () => {
  const stateOf = (name: string, requests: number, debt: number): LimitState => ({
    name,
    requests,
    perMillis: 1_000,
    burst: 100,
    debt,
    enforced: true,
  })

  test('is of the limit that has the least left at that moment, its policy too', () => {
    const limits = [limitOf('quick', 100, 1_000), limitOf('slow', 1, 1_000)]
    const pocket = new Pocket({ id: 'quick,slow', limits })
    pocket.learn([stateOf('quick', 100, 90), stateOf('slow', 1, 50)], 0)
    expect(pocket.rateLimit(0)).toEqual({ policy: '"quick";q=100;w=1', limit: '"quick";r=10;t=1' })
    expect(pocket.rateLimit(1_000)).toEqual({ policy: '"slow";q=100;w=100', limit: '"slow";r=51;t=49' })
  })

  test('is not there without limits, and not of those that only observe', () => {
    const pocket = new Pocket({ id: 'quick', limits: [limitOf('quick', 100, 1_000)] })
    expect(pocket.rateLimit(0)).toBeNull()
    pocket.learn([{ ...stateOf('quick', 100, 0), enforced: false }], 0)
    expect(pocket.rateLimit(0)).toBeNull()
  })
})
