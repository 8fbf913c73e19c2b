import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pageItemsDefault, pageItemsMax } from '../../src/core/limits.ts'
import { Refusal } from '../../src/core/problems.ts'
import { cursorOf, pageOf, readCursor, readPageLimit } from '../../src/tokens/page.ts'

test('walking the pages shows every row once, whatever is added in front meanwhile', () => {
  fc.assert(
    fc.property(fc.nat(60), fc.integer({ min: 1, max: 7 }), (count, limit) => {
      let rows = Array.from({ length: count }, (_, index) => count - index)
      const seen: number[] = []
      let before = Number.MAX_SAFE_INTEGER
      for (let pages = 0; pages <= count; pages += 1) {
        const behind = rows.filter((row) => row < before).slice(0, limit + 1)
        const page = pageOf(behind, limit, (row) => row)
        seen.push(...page.items)
        rows = [count + pages + 1, ...rows]
        if (page.next === null) break
        before = readCursor(page.next)
      }
      expect(seen).toEqual(Array.from({ length: count }, (_, index) => count - index))
    }),
  )
})

test.each(['', '1', 'p1', '%', cursorOf(5).slice(0, -1), `${cursorOf(5)}=`, btoa('p-1'), btoa('p1e9')])(
  'A08: refuses the cursor %j, which no page handed out',
  (cursor) => {
    expect(() => readCursor(cursor)).toThrow(Refusal)
  },
)

test('the size of a page is bounded', () => {
  expect(readPageLimit(undefined)).toBe(pageItemsDefault)
  expect(readPageLimit('1')).toBe(1)
  expect(readPageLimit(String(pageItemsMax))).toBe(pageItemsMax)
  for (const text of ['0', String(pageItemsMax + 1), '-1', '1.5', '', 'all']) {
    expect(() => readPageLimit(text)).toThrow(Refusal)
  }
})
