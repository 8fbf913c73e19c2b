import { expect, test } from 'vitest'
import type { Role } from '../../src/core/configuration.ts'
import { judgeStanding, statusOf, subjectOf, type TokenRecord } from '../../src/tokens/records.ts'

const now = 1_800_000_000_000

const record: TokenRecord = {
  id: 'abc',
  digest: 'd1',
  name: 'build',
  team: 'checkout',
  scopes: [],
  owner: 'admin-key',
  service: false,
  parent: null,
  createdAt: now - 1,
  expiresAt: null,
  lastUsedAt: null,
  revokedAt: null,
}
const person = (role: Role, team: string | null) => ({ subject: 'signin/ann', role, team })

test('a token is active until its end, and what is revoked stays revoked', () => {
  expect(statusOf(record, now)).toBe('active')
  expect(statusOf({ ...record, expiresAt: now + 1 }, now)).toBe('active')
  expect(statusOf({ ...record, expiresAt: now }, now)).toBe('expired')
  expect(statusOf({ ...record, expiresAt: now, revokedAt: now }, now)).toBe('revoked')
})

test('T01: revoked and expired tokens are told apart for the log alone', () => {
  const judge = (token: TokenRecord) => judgeStanding(token, { owner: null, now })
  expect(judge(record)).toEqual({ good: true, role: 'member' })
  expect(judge({ ...record, revokedAt: now })).toEqual({ good: false, reason: 'revoked' })
  expect(judge({ ...record, expiresAt: now })).toEqual({ good: false, reason: 'expired' })
})

test('T02: a token carries no more than its owner has now', () => {
  const of = (owner: ReturnType<typeof person> | null, over: Partial<TokenRecord> = {}) =>
    judgeStanding({ ...record, owner: 'signin/ann', ...over }, { owner, now })
  expect(of(person('team-admin', 'checkout'))).toEqual({ good: true, role: 'team-admin' })
  expect(of(person('admin', null))).toEqual({ good: true, role: 'team-admin' })
  expect(of(person('member', 'checkout'))).toEqual({ good: true, role: 'member' })
  expect(of(person('team-admin', 'search'))).toEqual({ good: false, reason: 'owner left the team' })
  expect(of(null)).toEqual({ good: false, reason: 'owner unknown' })
  expect(of(person('team-admin', 'checkout'), { service: true })).toEqual({ good: true, role: 'member' })
  expect(of(person('team-admin', 'search'), { service: true })).toEqual({
    good: false,
    reason: 'owner left the team',
  })
  expect(of(person('team-admin', 'checkout'), { parent: 'def' })).toEqual({ good: true, role: 'member' })
})

test('what acts for itself is its own subject, which no issuer can name', () => {
  expect(subjectOf(record)).toBe('token/abc')
  expect(subjectOf({ ...record, owner: 'signin/ann' })).toBe('signin/ann')
  expect(subjectOf({ ...record, owner: 'signin/ann', service: true })).toBe('token/abc')
})
