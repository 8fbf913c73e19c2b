import { expect, test } from 'vitest'
import { isPrintable } from '../../src/core/printable.ts'

test.each(['ada', 'Åsa Öberg', 'two words', '山田', '👩‍🚀'.replaceAll('\u200d', ''), ''])(
  '%j can be printed as it is',
  (text) => {
    expect(isPrintable(text)).toBe(true)
  },
)

test.each([
  'a\nb',
  'a\0b',
  'a\u007fb',
  'a\u009bb',
  'a\u202eb',
  'a\u2066b',
  'a\u200bb',
  'a\u2028b',
  'a\ud800b',
  'a\ue000b',
])('%j pretends to be something else', (text) => {
  expect(isPrintable(text)).toBe(false)
})
