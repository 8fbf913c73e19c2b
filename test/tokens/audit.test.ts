import { expect, test } from 'vitest'
import { Secret } from '../../src/core/redact.ts'
import { addressOf, fingerprint, networkOf } from '../../src/tokens/audit.ts'

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

test('D03: attempts are counted by the address, of IPv6 by the /64 that one host may choose from', () => {
  const of = (address: string) => networkOf(new Headers({ 'cf-connecting-ip': address }))
  expect(networkOf(new Headers())).toBeNull()
  expect(of('192.0.2.7')).toBe('192.0.2.7')
  expect(of('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64')
  for (const same of ['2001:db8:1:2::1', '2001:DB8:0001:2:ffff::', '2001:db8:1:2:0:0:9:9'])
    expect(of(same)).toBe('2001:db8:1:2::/64')
  expect(of('2001:db8::1')).toBe('2001:db8:0:0::/64')
  expect(of('::1')).toBe('0:0:0:0::/64')
  expect(of('2001:db8:1:3::1')).not.toBe(of('2001:db8:1:2::1'))
})
