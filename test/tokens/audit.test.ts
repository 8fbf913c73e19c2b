import { expect, test } from 'vitest'
import { Secret } from '../../src/core/redact.ts'
import { addressOf, fingerprint } from '../../src/tokens/audit.ts'

test('A06: a fingerprint names a secret only to those who hold the key', async () => {
  const secret = new Secret('a-secret-that-was-made-up')
  const mark = await fingerprint(secret, new Secret('first key'))
  expect(mark).toMatch(/^[0-9a-f]{16}$/)
  expect(await fingerprint(secret, new Secret('first key'))).toBe(mark)
  expect(await fingerprint(secret, new Secret('other key'))).not.toBe(mark)
  expect(await fingerprint(new Secret('another secret'), new Secret('first key'))).not.toBe(mark)
})

test('where a request came from is what the platform says, not what the caller says', () => {
  expect(addressOf(new Headers({ 'x-forwarded-for': '192.0.2.1' }))).toBeNull()
  expect(addressOf(new Headers({ 'cf-connecting-ip': '192.0.2.7' }))).toBe('192.0.2.7')
})
