import { describe, expect, test } from 'vitest'
import {
  available,
  createMeter,
  credit,
  debit,
  debtAt,
  restoreMeter,
  retune,
  settleMeter,
  storeMeter,
  waitMillis,
} from '../../../src/core/quota/meter.ts'

const perHour = { requests: 100, perMillis: 3_600_000, burst: 100 }
const perSecond = { requests: 100, perMillis: 1_000, burst: 200 }

describe('a limit of 100 per hour', () => {
  test('lets 100 pass at once and then one every 36 s', () => {
    const meter = createMeter(perHour, 0)
    debit(meter, 100, { now: 0, serial: 1 })
    expect(available(meter, 0)).toBe(0)
    expect(waitMillis(meter, 0)).toBe(36_000)
    expect(available(meter, 35_999)).toBe(0)
    expect(available(meter, 36_000)).toBe(1)
    expect(available(meter, 3_600_000)).toBe(100)
    expect(available(meter, 36_000_000)).toBe(100)
  })
})

describe('credit by replay', () => {
  test('makes the debt what it were had the units never been granted', () => {
    const meter = createMeter(perSecond, 0)
    const never = createMeter(perSecond, 0)
    debit(meter, 150, { now: 0, serial: 1 })
    debit(never, 30, { now: 0, serial: 1 })
    for (const each of [meter, never]) debit(each, 40, { now: 700, serial: 2 })
    credit(meter, 120, { now: 900, serial: 1, held: 150 })
    expect(debtAt(meter, 900)).toBe(debtAt(never, 900))
  })

  test('a bucket that was full meanwhile does not forget: plain subtraction would give more', () => {
    const meter = createMeter(perSecond, 0)
    debit(meter, 100, { now: 0, serial: 1 })
    debit(meter, 150, { now: 1_000, serial: 2 })
    expect(debtAt(meter, 1_000)).toBe(150)
    credit(meter, 100, { now: 1_000, serial: 1, held: 100 })
    expect(debtAt(meter, 1_000)).toBe(150)
  })

  test('is not given two seconds after the grant', () => {
    const meter = createMeter(perHour, 0)
    debit(meter, 100, { now: 0, serial: 1 })
    const debts = [debtAt(meter, 1_999), debtAt(meter, 2_000)] as const
    credit(meter, 10, { now: 1_999, serial: 1, held: 100 })
    expect(debtAt(meter, 1_999)).toBeCloseTo(debts[0] - 10)
    credit(meter, 10, { now: 2_000, serial: 1, held: 90 })
    expect(debtAt(meter, 2_000)).toBeCloseTo(debts[1] - 10)
  })
})

describe('a changed limit', () => {
  test('keeps what was taken: raised, more is left at once; lowered, nothing is', () => {
    const meter = createMeter(perHour, 0)
    debit(meter, 100, { now: 0, serial: 1 })
    retune(meter, { ...perHour, requests: 150, burst: 150 }, 0)
    expect(available(meter, 0)).toBe(50)
    retune(meter, { ...perHour, requests: 50, burst: 50 }, 0)
    expect(available(meter, 0)).toBe(0)
    retune(meter, perHour, 0)
    expect(available(meter, 0)).toBe(0)
  })

  test('and changed again, drains what is beyond its burst at the fastest rate under which it was taken', () => {
    const meter = createMeter({ requests: 1_000, perMillis: 1_000, burst: 1_000 }, 0)
    debit(meter, 1_000, { now: 0, serial: 1 })
    for (const requests of [10, 5]) retune(meter, { requests, perMillis: 86_400_000, burst: requests }, 100)
    expect(debtAt(meter, 1_100)).toBeCloseTo(5, 3)
  })

  test('1,000 a second that became 10 a day is usable the day after, not in a hundred days', () => {
    const meter = createMeter({ requests: 1_000, perMillis: 1_000, burst: 1_000 }, 0)
    debit(meter, 1_000, { now: 0, serial: 1 })
    retune(meter, { requests: 10, perMillis: 86_400_000, burst: 10 }, 0)
    expect(available(meter, 1_000)).toBe(0)
    expect(waitMillis(meter, 0)).toBe(990 + 8_640_000)
    expect(available(meter, 990 + 86_400_000)).toBe(10)
  })

  test('is not a way to more: changing to and fro gives nothing', () => {
    const meter = createMeter(perHour, 0)
    debit(meter, 100, { now: 0, serial: 1 })
    for (let change = 0; change < 20; change += 1)
      retune(meter, change % 2 === 0 ? { requests: 1, perMillis: 1_000, burst: 1 } : perHour, change)
    expect(available(meter, 20)).toBe(0)
  })
})

test('R03: comes back from storage as it was, also when a lease was forgotten that only memory had folded in', () => {
  const meter = createMeter(perHour, 0)
  debit(meter, 60, { now: 0, serial: 1 })
  const again = restoreMeter(storeMeter(meter), [[1, { at: 0, units: 60 }]])
  expect(available(again, 0)).toBe(40)
  settleMeter(meter, 5_000)
  const without = restoreMeter(storeMeter(meter), [])
  expect(available(without, 5_000)).toBe(40)
})
