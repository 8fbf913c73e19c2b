import { expect, test } from 'vitest'
import type { Issuer, Role } from '../../../src/core/configuration.ts'
import type { Caller } from '../../../src/core/permit.ts'
import { Refusal } from '../../../src/core/problems.ts'
import { parseTokenScopes } from '../../../src/core/scope.ts'
import { administratorVerifier } from '../../../src/http/admin/administrator.ts'
import type { DirectoryRpc } from '../../../src/tokens/directory-rpc.ts'
import type { Standing, StandingQuery } from '../../../src/tokens/records.ts'

const now = 1_800_000_000_000

const caller: Caller = {
  issuer: { name: 'countersign' } as Issuer,
  team: 'checkout',
  subject: 'signin/ann',
  tokenId: 'jti',
  grantId: 'session:1',
  role: 'team-admin',
  issuedAt: now / 1000,
  expiresAt: now / 1000 + 600,
  scopes: parseTokenScopes('orders:order:* orders@main:x'),
}

const verify = (over: Partial<Caller>, standing: Standing | Error) => {
  const asked: StandingQuery[] = []
  const directory = {
    standing: async (query: StandingQuery) => {
      asked.push(query)
      if (standing instanceof Error) throw standing
      return standing
    },
  } as Partial<DirectoryRpc> as DirectoryRpc
  const nothing = () => Promise.reject(new Error('not asked'))
  const verifier = {
    verify: nothing,
    verifySubjectToken: nothing,
    verifyAdministration: () => ({ ...caller, ...over }),
  }
  return {
    asked,
    found: administratorVerifier({ verifier, directory: () => directory, now: () => now })('token'),
  }
}

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'not refused',
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  )

test('asks for the standing of everything that the token could be ended by', async () => {
  const { asked, found } = verify({}, { good: true, role: 'team-admin' })
  expect(await found).toEqual({
    subject: 'signin/ann',
    role: 'team-admin',
    team: 'checkout',
    scopes: ['orders:order:*', 'orders@main:x'],
    expiresAt: now / 1000 + 600,
    grantId: 'session:1',
  })
  expect(asked).toEqual([
    { grantId: 'session:1', tokenId: 'jti', subject: 'signin/ann', team: 'checkout', issuedAt: now, now },
  ])
})

test('T02: the role is the lesser of what the token says and what its owner has now', async () => {
  const rows: readonly (readonly [said: Role, now: Role, expected: Role])[] = [
    ['admin', 'admin', 'admin'],
    ['admin', 'member', 'member'],
    ['member', 'admin', 'member'],
    ['team-admin', 'admin', 'team-admin'],
    ['admin', 'team-admin', 'team-admin'],
  ]
  for (const [said, held, expected] of rows) {
    expect((await verify({ role: said }, { good: true, role: held }).found).role).toBe(expected)
  }
})

test('an admin without a team has none', async () => {
  expect((await verify({ team: '', role: 'admin' }, { good: true, role: 'admin' }).found).team).toBeNull()
})

test('A01: refuses a token whose origin has ended, and one that says too little to find that out', async () => {
  expect(await codeOf(verify({}, { good: false, reason: 'revoked' }).found)).toBe('token_revoked')
  for (const over of [{ tokenId: null }, { grantId: null }, { role: null }]) {
    const { asked, found } = verify(over, { good: true, role: 'admin' })
    expect(await codeOf(found)).toBe('token_invalid')
    expect(asked).toEqual([])
  }
})

test('fails closed when the directory cannot be reached', async () => {
  expect(await codeOf(verify({}, new Error('overloaded')).found)).toBe('account_unavailable')
})
