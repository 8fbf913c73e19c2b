import { expect, test } from 'vitest'
import { csvText } from '../../../src/http/admin/csv.ts'

test.each([
  ['=1+1', `"'=1+1"`],
  ['+1', `"'+1"`],
  ['-1', `"'-1"`],
  ['@SUM(A1)', `"'@SUM(A1)"`],
  ['\tx', `"'\tx"`],
])('A08: %j is text in a spreadsheet, not a formula', (value, cell) => {
  expect(csvText([[value]])).toBe(`${cell}\r\n`)
})

test.each([
  ['plain', 'plain'],
  ['a,b', '"a,b"'],
  ['say "no"', '"say ""no"""'],
  ['two\nlines', '"two\nlines"'],
])('RFC 4180: %j is written %j', (value, cell) => {
  expect(csvText([[value, 1]])).toBe(`${cell},1\r\n`)
})
