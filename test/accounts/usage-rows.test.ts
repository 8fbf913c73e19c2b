import { describe, expect, test } from 'vitest'
import { UsageRows } from '../../src/accounts/usage-rows.ts'
import { hourMillis } from '../../src/core/quota/books.ts'
import { permitOf } from './fakes.ts'

const { key, caller } = permitOf()
const facts = { bytesIn: 3, bytesOut: null, millis: 20 }
const noon = 12 * hourMillis

describe('use is booked in the hour of its dispatch', () => {
  test('also when its outcome comes in the next one', () => {
    const rows = new UsageRows()
    const row = rows.row(key, caller, noon + hourMillis - 1)
    row.dispatched(noon + hourMillis - 1)
    rows.row(key, caller, noon + hourMillis).dispatched(noon + hourMillis)
    row.settled('2xx', facts)
    expect(rows.drain().map(({ hour, outcome, requests }) => [hour, outcome, requests])).toEqual([
      [noon, '2xx', 1],
      [noon + hourMillis, 'open', 1],
    ])
  })

  test('also when the clock was set back', () => {
    const rows = new UsageRows()
    rows.row(key, caller, noon)
    expect(rows.row(key, caller, noon - 1).hour).toBe(noon - hourMillis)
  })
})

test('a change is told once, and bytes stay unknown where they are known of no call', () => {
  const rows = new UsageRows()
  const row = rows.row(key, caller, noon)
  row.dispatched(noon)
  expect(rows.drain()).toMatchObject([{ outcome: 'open', requests: 1, bytesIn: null, lastAt: noon }])
  row.settled('timeout', facts)
  expect(rows.drain()).toMatchObject([
    { outcome: 'open', requests: -1 },
    { outcome: 'timeout', requests: 1, bytesIn: 3, bytesOut: null, millis: 20 },
  ])
  expect([rows.unreported, rows.drain()]).toEqual([false, []])
})
