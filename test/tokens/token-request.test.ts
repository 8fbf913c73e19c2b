import fc from 'fast-check'
import { expect, test } from 'vitest'
import { personalTokenDaysMax, tokenNameCharsMax, tokenScopesMax } from '../../src/core/limits.ts'
import { Refusal } from '../../src/core/problems.ts'
import { readTokenRequest } from '../../src/tokens/token-request.ts'

const now = Date.UTC(2026, 10, 22)
const day = 86_400_000
const good = { name: 'build', team: 'checkout', scopes: ['orders:order:read'], expiresIn: '30d' }

const refusalOf = (body: unknown): Refusal | null => {
  try {
    readTokenRequest(body, now)
    return null
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}
const detailOf = (body: unknown): string => refusalOf(body)?.detail ?? 'accepted'

test('reads a request', () => {
  expect(readTokenRequest(good, now)).toEqual({
    name: 'build',
    team: 'checkout',
    scopes: ['orders:order:read'],
    expiresAt: now + 30 * day,
    service: false,
  })
})

test('a token ends in 30 or 90 days, at a time, or never for a service', () => {
  const end = (over: object) => readTokenRequest({ ...good, expiresIn: undefined, ...over }, now).expiresAt
  expect(end({ expiresIn: '90d' })).toBe(now + 90 * day)
  expect(end({ expiresIn: 'never', service: true })).toBeNull()
  expect(end({ expiresAt: '2026-12-24T18:00:00+01:00' })).toBe(Date.UTC(2026, 11, 24, 17))
})

test('only a service may have a token that never ends, or that ends after a year', () => {
  expect(detailOf({ ...good, expiresIn: 'never' })).toContain('service')
  const at = (days: number, service: boolean) =>
    detailOf({ ...good, expiresIn: undefined, expiresAt: new Date(now + days * day).toISOString(), service })
  expect(at(personalTokenDaysMax, false)).toBe('accepted')
  expect(at(personalTokenDaysMax + 1, false)).toContain('or earlier')
  expect(at(10 * 365, true)).toBe('accepted')
  expect(at(100 * 365, true)).toContain('or earlier')
})

test.each([
  ['both kinds of end', { expiresAt: '2027-01-01T00:00:00Z' }],
  ['no end', { expiresIn: undefined }],
  ['another span', { expiresIn: '1d' }],
  ['an end in the past', { expiresIn: undefined, expiresAt: '2026-11-21T23:59:59Z' }],
  ['an end that is now', { expiresIn: undefined, expiresAt: '2026-11-22T00:00:00Z' }],
  ['an end in milliseconds', { expiresIn: undefined, expiresAt: now + day }],
  ['an empty name', { name: '' }],
  ['a blank name', { name: '  ' }],
  ['a name with a line end', { name: 'a\nb' }],
  ['a name that turns the direction of text', { name: 'a\u202eb' }],
  ['a name that is too long', { name: 'a'.repeat(tokenNameCharsMax + 1) }],
  ['no team', { team: undefined }],
  ['a team that is a list', { team: ['checkout'] }],
  ['one text for scopes', { scopes: 'orders:order:read' }],
  ['a scope without its upstream', { scopes: ['order'] }],
  ['a scope that is a number', { scopes: [1] }],
  ['too many scopes', { scopes: Array.from({ length: tokenScopesMax + 1 }, (_, n) => `orders:s${n}`) }],
  ['a service that is a text', { service: 'true' }],
  ['an unknown member', { role: 'admin' }],
])('A08: refuses %s', (_what, over) => {
  expect(refusalOf({ ...good, ...over })?.code).toBe('request_invalid')
})

test('just within its bounds', () => {
  const scopes = Array.from({ length: tokenScopesMax }, (_, n) => `orders:s${n}`)
  expect(refusalOf({ ...good, name: 'ä'.repeat(tokenNameCharsMax), scopes })).toBeNull()
})

test('A08: lists every fault at once', () => {
  const detail = detailOf({ name: 1, team: 2, scopes: 3, expiresIn: 4, service: 5, extra: 6 })
  expect(detail).toBe(
    "Send nothing but name, team, scopes, expiresIn, expiresAt, service; name as 1 to 64 printable characters; team as a team of the configuration; scopes as an array of at most 64, each like upstream:scope or upstream@key:scope; service as true or false; expiresIn as '30d', '90d' or 'never'.",
  )
})

test('A08: a prototype lends no member, and __proto__ is an unknown one', () => {
  expect(refusalOf(Object.create(good))?.code).toBe('request_invalid')
  expect(detailOf(JSON.parse(`{"__proto__":{"service":true},${JSON.stringify(good).slice(1)}`))).toContain(
    'nothing but name',
  )
})

test('any JSON is accepted or refused with request_invalid, and a refusal is bounded', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (body, value) => {
      for (const candidate of [
        body,
        { ...good, name: value },
        { ...good, scopes: value },
        { ...good, expiresAt: value },
      ]) {
        const refusal = refusalOf(candidate)
        if (refusal !== null) expect(refusal.code).toBe('request_invalid')
      }
    }),
  )
})
