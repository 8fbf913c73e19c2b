import { describe, expect, test } from 'vitest'
import type { Limit } from '../../../src/core/configuration.ts'
import { LedgerChanges } from '../../../src/core/quota/books.ts'
import { expectedUnits, leaseUnits, nextPace } from '../../../src/core/quota/lease-size.ts'
import { applyOverrides, changeOverrides } from '../../../src/core/quota/overrides.ts'

describe('the size of a lease', () => {
  test('callers that wait are served first, and whole', () => {
    expect(leaseUnits({ need: 250, want: 250, available: 100, isolates: 4 })).toBe(100)
    expect(leaseUnits({ need: 30, want: 30, available: 100, isolates: 4 })).toBe(30)
  })

  test('ahead of need it is a share of what is free, so 1 when little is left', () => {
    expect(leaseUnits({ need: 1, want: 1_000, available: 1_001, isolates: 10 })).toBe(51)
    expect(leaseUnits({ need: 1, want: 1_000, available: 8, isolates: 4 })).toBe(1)
    expect(leaseUnits({ need: 0, want: 50, available: 1, isolates: 1 })).toBe(0)
  })

  test('has an end without limits too', () => {
    expect(leaseUnits({ need: 1, want: 1e9, available: Number.POSITIVE_INFINITY, isolates: 1 })).toBe(100_000)
  })

  test('the pace rises at once and falls slowly', () => {
    expect(nextPace(0.1, 100, 1_000)).toBe(0.1)
    expect(nextPace(0.1, 500, 1_000)).toBe(0.5)
    expect(nextPace(0.5, 0, 1_000)).toBe(0.25)
    expect(expectedUnits(0.1)).toBe(125)
  })
})

describe('the double entry', () => {
  test('a unit stands in the hour of its grant until it is used, then in that of its dispatch', () => {
    const changes = new LedgerChanges()
    changes.add('all', 0, { outstanding: 10 })
    changes.add('all', 0, { outstanding: -4 })
    changes.add('all', 3_600_000, { used: 4 })
    expect(changes.entries()).toEqual([
      { set: 'all', hour: 0, granted: 6, used: 0, returned: 0, outstanding: 6, unsettled: 0 },
      { set: 'all', hour: 3_600_000, granted: 4, used: 4, returned: 0, outstanding: 0, unsettled: 0 },
    ])
  })
})

describe('overrides', () => {
  const limit = (requests: number, burst: number): Limit =>
    ({ name: 'all', requests, burst, perMillis: 1_000, per: '1s' }) as unknown as Limit

  test('a burst that was the default follows, one of its own stays', () => {
    expect(applyOverrides([limit(100, 100)], { all: { requests: 7 } })).toMatchObject([
      { requests: 7, burst: 7 },
    ])
    expect(applyOverrides([limit(100, 200)], { all: { requests: 7 } })).toMatchObject([
      { requests: 7, burst: 200 },
    ])
    expect(applyOverrides([limit(100, 100)], { all: { burst: 9 } })).toMatchObject([
      { requests: 100, burst: 9 },
    ])
  })

  test('a change leaves the rest of an override as it was', () => {
    const throttled = changeOverrides({}, { all: { requests: 5 } })
    const both = changeOverrides(throttled, { all: { burst: 7 } })
    expect(both).toEqual({ all: { requests: 5, burst: 7 } })
    expect(changeOverrides(both, { all: { requests: 6 }, writes: { burst: 1 } })).toEqual({
      all: { requests: 6, burst: 7 },
      writes: { burst: 1 },
    })
  })

  test('null takes one back, and a name from Object.prototype is none', () => {
    expect(changeOverrides({ all: { requests: 7 } }, { all: null })).toEqual({})
    expect(applyOverrides([{ ...limit(1, 1), name: 'constructor' }], {})).toMatchObject([{ requests: 1 }])
  })
})
