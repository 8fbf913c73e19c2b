import { expect, test } from 'vitest'
import { signInNextCharsMax } from '../../../src/core/limits.ts'
import { homePath, safeNext, signInPath } from '../../../src/http/sign-in/next.ts'

test.each([
  '/device',
  '/device?user_code=ABCD-EFGH',
  '/oauth/authorize?response_type=code&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcb',
  '/dashboard',
  '/dashboard/audit?team=checkout&from=2026-11-01',
])('leads on to %s', (next) => {
  expect(safeNext(next)).toBe(next)
})

test.each([
  '',
  'device',
  'https://evil.test/device',
  '//evil.test/device',
  '/\\evil.test',
  '/device/../oauth/sign-out',
  '/oauth/sign-out',
  '/dashboard/../device',
  '/dashboard//evil.test',
  '/dashboard/',
  '/Device',
  '/device#x',
  '/device\n?x',
  '/device?x\ny',
  '/device?"><b>',
  '/device?a\\b',
  '/device?ä',
  null,
  undefined,
])('leads home instead of to %j', (next) => {
  expect(safeNext(next)).toBe(homePath)
})

test('takes a path as long as the bound, and no longer', () => {
  const longest = '/device?'.padEnd(signInNextCharsMax, 'x')
  expect(safeNext(longest)).toBe(longest)
  expect(safeNext(`${longest}x`)).toBe(homePath)
})

test('carries it through the sign-in page as one parameter', () => {
  const { pathname, searchParams } = new URL(signInPath('/device?a=b&c=d'), 'https://edge.test')
  expect([pathname, searchParams.get('next')]).toEqual(['/oauth/sign-in', '/device?a=b&c=d'])
})
