import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { contentDigestSha256 } from '../../src/core/digest.ts'
import { codeOf } from './refused.ts'

const sha256 = createHash('sha256').update('{"hello": "world"}').digest()
const member = `sha-256=:${sha256.toString('base64')}:`

test('gives the sha-256 member, wherever it stands', () => {
  for (const value of [member, `sha-512=:AAAA:, ${member}`, `${member};note=1`, ` ${member} `]) {
    expect(Buffer.from(contentDigestSha256(value) ?? []).equals(sha256)).toBe(true)
  }
})

test('gives the last of two, as dictionaries are read', () => {
  const other = Buffer.alloc(32, 7)
  const value = `${member}, sha-256=:${other.toString('base64')}:`
  expect(Buffer.from(contentDigestSha256(value) ?? []).equals(other)).toBe(true)
})

test('gives null where there is none', () => {
  expect(contentDigestSha256(`sha-512=:${Buffer.alloc(64).toString('base64')}:`)).toBe(null)
  expect(contentDigestSha256('')).toBe(null)
})

test.each([
  ['31 bytes', `sha-256=:${Buffer.alloc(31).toString('base64')}:`],
  ['33 bytes', `sha-256=:${Buffer.alloc(33).toString('base64')}:`],
  ['no bytes', 'sha-256=::'],
  ['a string', `sha-256="${sha256.toString('base64')}"`],
  ['a token', 'sha-256=abc'],
  ['a bare key', 'sha-256'],
  ['an inner list', `sha-256=(:${sha256.toString('base64')}:)`],
  ['no colons', `sha-256=${sha256.toString('base64')}`],
  ['the old Digest field', `SHA-256=${sha256.toString('base64')}`],
  ['letters that are no base64', 'sha-256=:****:'],
  ['a trailing comma', `${member},`],
])('refuses %s', (_what, value) => {
  expect(codeOf(() => contentDigestSha256(value))).toBe('header_invalid')
})
