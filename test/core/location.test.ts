import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Relocated, relocate } from '../../src/core/location.ts'

const upstream = { name: 'orders', origin: 'https://up.test', basePath: '/v1' }
const bare = { name: 'bare', origin: 'https://up.test', basePath: '' }
const options = { calledUrl: 'https://up.test/v1/a/b?x=1', ownOrigin: 'https://edge.test' }

const where = (location: string, of = upstream): string => {
  const found: Relocated = relocate(location, of, options)
  return found.kind === 'refused' ? 'refused' : `${found.kind} ${found.location}`
}

describe("inside of the upstream's base, Location becomes a path of ours", () => {
  test.each([
    ['https://up.test/v1/orders/7?x=1#y', '/orders/orders/7?x=1#y'],
    ['https://up.test/v1', '/orders'],
    ['https://up.test/v1/', '/orders/'],
    ['https://up.test/v1?x', '/orders?x'],
    ['https://up.test:443/v1/x', '/orders/x'],
    ['HTTPS://UP.TEST/v1/x', '/orders/x'],
    ['//up.test/v1/x', '/orders/x'],
    ['/v1/x', '/orders/x'],
    ['c', '/orders/a/c'],
    ['./c', '/orders/a/c'],
    ['../c', '/orders/c'],
    ['?y=2', '/orders/a/b?y=2'],
    ['', '/orders/a/b?x=1'],
    ['https://user:pw@up.test/v1/x', '/orders/x'],
    ['https://up.test/v1//evil.test/x', '/orders//evil.test/x'],
    ['https://up.test/v1/a/../b', '/orders/b'],
    [String.raw`https:\\up.test\v1\x`, '/orders/x'],
  ])('%s -> %s', (location, ours) => {
    expect(where(location)).toBe(`inside ${ours}`)
  })

  test('a bare origin has everything inside', () => {
    expect(where('/anything', bare)).toBe('inside /bare/anything')
    expect(where('https://up.test', bare)).toBe('inside /bare/')
    expect(where('https://up.test//evil.test/x', bare)).toBe('inside /bare//evil.test/x')
  })
})

describe('elsewhere, it stays what it was, as an absolute URL', () => {
  test.each([
    ['another host', 'https://other.test/x', 'https://other.test/x'],
    ['another host, without a slash', 'https://other.test', 'https://other.test'],
    ['another scheme', 'http://up.test/v1/x', 'http://up.test/v1/x'],
    ['another port', 'https://up.test:8443/v1/x', 'https://up.test:8443/v1/x'],
    ['a longer host', 'https://up.test.evil.test/v1/x', 'https://up.test.evil.test/v1/x'],
    ['our host as a name of a user', 'https://up.test@evil.test/v1/x', 'https://up.test@evil.test/v1/x'],
    ['a path that only begins like the base', 'https://up.test/v10/x', 'https://up.test/v10/x'],
    ['such a path, relative', '/v10/x', 'https://up.test/v10/x'],
    ['a path above the base', '/admin', 'https://up.test/admin'],
    ['a path that climbs out', '../../admin', 'https://up.test/admin'],
    ['one that climbs out of the base', 'https://up.test/v1/../admin', 'https://up.test/v1/../admin'],
    ['one that climbs out encoded', '/v1/%2e%2e/admin', 'https://up.test/admin'],
    ['another scheme altogether', 'myapp://callback', 'myapp://callback'],
    ['a script', 'javascript:alert(1)', 'javascript:alert(1)'],
    ['a blob of the upstream', 'blob:https://up.test/v1/x', 'blob:https://up.test/v1/x'],
    ['a relative host', '//evil.test/x', 'https://evil.test/x'],
    ['a host behind backslashes', String.raw`\\evil.test\x`, 'https://evil.test/x'],
    ['a host with tabs', 'ht\ttps://evil.test/x', 'https://evil.test/x'],
  ])('%s: %s', (_what, location, passed) => {
    expect(where(location)).toBe(`elsewhere ${passed}`)
  })
})

describe('to our own origin', () => {
  test('it may name its own paths, and no other upstream', () => {
    expect(where('https://edge.test/orders/7')).toBe('inside /orders/7')
    expect(where('https://edge.test/orders')).toBe('inside /orders')
    for (const path of ['/plugipay/refunds', '/', '/orders2/x', '/api/teams', '/orders/../plugipay']) {
      expect(where(`https://edge.test${path}`)).toBe('refused')
    }
  })
})

test('what cannot be read is refused', () => {
  for (const garbage of [
    'http://',
    'https://[::1',
    'https://up.test:99999/',
    'https://a b/',
    'https://%00/',
  ]) {
    expect(where(garbage)).toBe('refused')
  }
})

test('no Location leads a client to us but below the name of the upstream that sent it', () => {
  const part = fc.constantFrom(
    ...['/', '//', '\\', '.', '..', '%2e', ':', '@', '?', '#', 'v1', 'v10', 'orders', 'plugipay', 'https:'],
    ...['edge.test', 'up.test', 'evil.test', 'https://edge.test', 'https://up.test', '\t', 'blob:', ';'],
  )
  const location = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(location, fc.constantFrom(upstream, bare), (text, of) => {
      const found = relocate(text, of, options)
      if (found.kind === 'refused') return
      const followed = new URL(found.location, 'https://edge.test/orders/a/b')
      if (followed.origin !== 'https://edge.test') {
        expect(found.kind).toBe('elsewhere')
        return
      }
      expect(found.kind).toBe('inside')
      expect(followed.pathname === `/${of.name}` || followed.pathname.startsWith(`/${of.name}/`)).toBe(true)
    }),
    { numRuns: 20_000 },
  )
})
