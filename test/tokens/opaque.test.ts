import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { digestOf, makePersonalToken, parsePersonalToken, sameDigest } from '../../src/tokens/opaque.ts'

const random = fc.uint8Array({ minLength: 42, maxLength: 42 })
const textOf = (bytes: Uint8Array): string => makePersonalToken(bytes).text.reveal()

test('a personal token reads cst_<id>_<secret>_<crc> and is read back', () => {
  fc.assert(
    fc.property(random, (bytes) => {
      const made = makePersonalToken(bytes)
      expect(made.text.reveal()).toMatch(/^cst_[0-9A-Za-z]{14}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/)
      const parsed = parsePersonalToken(made.text.reveal())
      expect(parsed.kind === 'token' && parsed.token.id).toBe(made.id)
    }),
  )
})

test('its checksum is the CRC-32 of zlib', () => {
  const text = textOf(new Uint8Array(42).fill(7))
  const [, body = '', crc = ''] = /^(.*)_(.{6})$/.exec(text) ?? []
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  const value = [...crc].reduce((sum, digit) => sum * 62 + digits.indexOf(digit), 0)
  expect(value).toBe(crc32(body))
})

test('different randomness makes different tokens: all 336 bits are in the text', () => {
  fc.assert(
    fc.property(random, fc.nat(41), fc.integer({ min: 1, max: 255 }), (bytes, index, flip) => {
      const other = Uint8Array.from(bytes, (byte, at) => (at === index ? byte ^ flip : byte))
      expect(textOf(other)).not.toBe(textOf(bytes))
    }),
  )
})

test('tells a token with one changed character from one that is merely not known', () => {
  fc.assert(
    fc.property(random, fc.nat(68), fc.constantFrom(...'0aZ_'), (bytes, at, replacement) => {
      const text = textOf(bytes)
      const index = 4 + (at % (text.length - 4))
      const changed = text.slice(0, index) + replacement + text.slice(index + 1)
      fc.pre(changed !== text)
      expect(parsePersonalToken(changed).kind).toBe('mistyped')
    }),
  )
})

test.each([
  ['cut', (text: string) => text.slice(0, -1)],
  ['longer', (text: string) => `${text}a`],
  ['with a line end', (text: string) => `${text}\n`],
])('a token that is %s is mistyped', (_what, change) => {
  expect(parsePersonalToken(change(textOf(new Uint8Array(42))))).toEqual({ kind: 'mistyped' })
})

test('what does not begin with cst_ is something else', () => {
  expect(parsePersonalToken('eyJhbGciOiJFUzI1NiJ9.e30.AA')).toEqual({ kind: 'other' })
})

test('T07: a token prints as [redacted] and is stored as its SHA-256', async () => {
  const made = makePersonalToken(new Uint8Array(42).fill(1))
  expect(`${made.text} ${JSON.stringify(made)}`).not.toContain(made.text.reveal())
  const expected = Buffer.from(
    await crypto.subtle.digest('SHA-256', new TextEncoder().encode(made.text.reveal())),
  )
  expect(await digestOf(made.text)).toBe(expected.toString('hex'))
})

test('T07: digests are equal only when every character is', () => {
  expect(sameDigest('abcd', 'abcd')).toBe(true)
  expect(sameDigest('abcd', 'abce')).toBe(false)
  expect(sameDigest('abcd', 'abc')).toBe(false)
  expect(sameDigest('', '')).toBe(true)
})
