import fc from 'fast-check'
import { expect, it } from 'vitest'
import { makeUserCode, readUserCode } from '../../src/tokens/device.ts'

it('T12: a user code has at least 34 bits, each letter as likely as the others', () => {
  // Every byte once: those that would make some letters likelier are left out.
  let next = 0
  const counts = new Map<string, number>()
  for (let code = 0; code < 30; code += 1) {
    const text = makeUserCode((count) => Uint8Array.from({ length: count }, () => next++ % 240))
    for (const letter of text.replace('-', '')) counts.set(letter, (counts.get(letter) ?? 0) + 1)
  }
  expect(counts.size).toBe(20)
  expect(new Set(counts.values())).toEqual(new Set([12]))
  expect(8 * Math.log2(counts.size)).toBeGreaterThan(34)
  let calls = 0
  expect(makeUserCode((count) => new Uint8Array(count).fill(calls++ === 0 ? 255 : 0))).toBe('BBBB-BBBB')
})

it('a user code is read as people type it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (bytes) => {
      const code = makeUserCode((count) =>
        Uint8Array.from({ length: count }, (_, at) => (bytes[at] ?? 0) % 240),
      )
      for (const typed of [code, code.toLowerCase(), code.replace('-', ''), ` ${code.replace('-', ' ')} `])
        expect(readUserCode(typed)).toBe(code)
    }),
  )
})

it.each(['', 'BBBB', 'BBBB-BBBBB', 'ABCD-EFGH', 'BBBB-BBB1', 'ＢBBB-BBBB', 'BBBB-BBBB;'])(
  '%j is no user code',
  (text) => {
    expect(readUserCode(text)).toBeNull()
  },
)
