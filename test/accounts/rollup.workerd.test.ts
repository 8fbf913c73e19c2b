import { expect, test } from 'vitest'
import { rollupDueAt } from '../../src/accounts/rollup.ts'
import { rollupClosingMillis, rollupFirstMillis } from '../../src/core/limits.ts'

const day = Date.UTC(2026, 10, 22)
const closed = day + 86_400_000 + rollupClosingMillis
const minutes = 60_000
const due = (putAt: number, now = putAt) => rollupDueAt({ day, putAt }, 15, now)

test("a day's first roll-up follows its first use", () => {
  expect(due(0, day + 5)).toBe(day + 5 + rollupFirstMillis)
  expect(due(0, closed + 5)).toBe(closed + 5 + rollupFirstMillis)
})

test('while it lasts, one follows the other by the interval', () => {
  expect(due(day + 1)).toBe(day + 1 + 15 * minutes)
  expect(due(closed - 15 * minutes)).toBe(closed)
})

test('its last one waits for what isolates flush just after midnight, and comes no later', () => {
  expect(due(closed - 15 * minutes + 1)).toBe(closed)
  expect(due(closed - 1)).toBe(closed)
})

test('what comes when it has closed is written at the interval again', () => {
  expect(due(closed)).toBe(closed + 15 * minutes)
})
