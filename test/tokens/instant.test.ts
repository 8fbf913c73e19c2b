import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readInstant, writeInstant, writeInstantOrNull } from '../../src/tokens/instant.ts'

test.each([
  ['2026-11-22', Date.UTC(2026, 10, 22)],
  ['2026-11-22T10:20:30Z', Date.UTC(2026, 10, 22, 10, 20, 30)],
  ['2026-11-22T10:20:30.250Z', Date.UTC(2026, 10, 22, 10, 20, 30, 250)],
  ['2026-11-22T10:20:30+02:00', Date.UTC(2026, 10, 22, 8, 20, 30)],
  ['0000-01-01T00:01:00+00:01', Date.UTC(-1, 12)],
  ['2028-02-29', Date.UTC(2028, 1, 29)],
])('reads %s', (text, millis) => {
  expect(readInstant(text)).toBe(millis)
})

test.each([
  '',
  '2026',
  '2026-11',
  '2026-02-29',
  '2026-11-31',
  '2026-13-01',
  '2026-11-22T24:00:00Z',
  '2026-11-22T10:60:00Z',
  '2026-11-22T10:20:30',
  '2026-11-22 10:20:30Z',
  '2026-11-22T10:20Z',
  '2026-11-22T10:20:30z ',
  '22 Nov 2026',
  '1700000000',
  '+002026-11-22T00:00:00Z',
  // In UTC it lies in a year that RFC 3339 has no digits for: what was read could not be written.
  '0000-01-01T00:00:00+00:01',
  '9999-12-31T23:59:59-00:01',
])('refuses %j', (text) => {
  expect(readInstant(text)).toBeNull()
})

test('reads what it writes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_800_000 }), (millis) => {
      expect(readInstant(writeInstant(millis))).toBe(millis)
    }),
  )
  expect(writeInstantOrNull(null)).toBeNull()
})
