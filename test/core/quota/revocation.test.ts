import { describe, expect, test } from 'vitest'
import type { Caller } from '../../../src/core/permit.ts'
import {
  addRevocation,
  indexRevocations,
  isRevoked,
  pruneRevocations,
  type Revocation,
} from '../../../src/core/quota/revocation.ts'

const caller = {
  issuer: { name: 'acme' },
  subject: 'alice',
  tokenId: 'token-1',
  grantId: 'grant-1',
  issuedAt: 1_000,
} as unknown as Caller

const entry = (by: Revocation['by'], value: string, issuer: string | null = 'acme'): Revocation => ({
  id: `${by}-${value}`,
  issuer,
  by,
  value,
  until: 10_000,
})

const revokes = (...entries: readonly Revocation[]): boolean => isRevoked(indexRevocations(entries), caller)

describe('matches', () => {
  test.each([
    ['its jti', entry('jti', 'token-1')],
    ['its subject', entry('sub', 'alice')],
    ['what it descends from', entry('gid', 'grant-1')],
    ['an issue before the time', entry('before', '1001')],
    ['any issuer', entry('sub', 'alice', null)],
  ])('%s', (_what, revocation) => {
    expect(revokes(revocation)).toBe(true)
  })

  test.each([
    ['another jti', entry('jti', 'token-2')],
    ['the jti as a subject', entry('sub', 'token-1')],
    ['the same subject of another issuer', entry('sub', 'alice', 'other')],
    ['a subject that differs in case', entry('sub', 'Alice')],
    ['an issue at the time', entry('before', '1000')],
  ])('not %s', (_what, revocation) => {
    expect(revokes(revocation)).toBe(false)
  })

  test('not a token without jti or gid by an empty value', () => {
    const bare = { ...caller, tokenId: null, grantId: null } as Caller
    expect(isRevoked(indexRevocations([entry('jti', ''), entry('gid', '')]), bare)).toBe(false)
  })
})

describe('the list', () => {
  test('keeps one entry for the same thing, with the later end', () => {
    const first = addRevocation([], entry('jti', 'a'))
    const second = addRevocation(first.revocations, { ...entry('jti', 'a'), id: 'new', until: 20_000 })
    expect(second.revocations).toEqual([{ ...entry('jti', 'a'), until: 20_000 }])
  })

  test('keeps the latest `before` of an issuer', () => {
    const first = addRevocation([], entry('before', '2000'))
    expect(addRevocation(first.revocations, entry('before', '1500')).revocations).toMatchObject([
      { value: '2000' },
    ])
    expect(addRevocation(first.revocations, entry('before', '3000')).revocations).toMatchObject([
      { value: '3000' },
    ])
  })

  test('drops an entry only when no token can match it any more', () => {
    const list = [entry('jti', 'a')]
    expect(pruneRevocations(list, 9_999)).toBe(list)
    expect(pruneRevocations(list, 10_000)).toEqual([])
  })
})
