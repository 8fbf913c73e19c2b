import { expect, test } from 'vitest'
import { adminKeyCharsMin } from '../../../src/core/limits.ts'
import { Refusal } from '../../../src/core/problems.ts'
import { Secret } from '../../../src/core/redact.ts'
import {
  type Administrator,
  type AuthorizeDeps,
  authorize,
  mayAdminister,
  maySee,
  requireAdmin,
  requireTeamAdmin,
} from '../../../src/http/admin/authorize.ts'

const key = 'k'.repeat(adminKeyCharsMin)
const keyOnly: AuthorizeDeps = { adminKey: new Secret(key), verifyAdministrator: null }

const request = (authorization?: string): Request =>
  new Request(
    'https://edge.test/api/whoami',
    authorization === undefined ? {} : { headers: { authorization } },
  )

const refusalOf = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  return error instanceof Refusal ? error.code : `not refused: ${String(error)}`
}

const administrator = (role: Administrator['role'], team: string | null): Administrator => ({
  subject: 'someone',
  role,
  team,
  scopes: [],
  expiresAt: null,
  grantId: null,
})

test('takes the admin key for the platform admin', async () => {
  expect(await authorize(request(`Bearer ${key}`), keyOnly)).toMatchObject({
    subject: 'admin-key',
    role: 'admin',
    team: null,
    expiresAt: null,
  })
  expect(await authorize(request(`bearer ${key}`), keyOnly)).toMatchObject({ role: 'admin' })
})

test('A01: refuses a call without a credential as token_missing', async () => {
  expect(await refusalOf(authorize(request(), keyOnly))).toBe('token_missing')
})

test.each([
  ['a prefix of the key', `Bearer ${key.slice(0, -1)}`],
  ['the key and more', `Bearer ${key}k`],
  ['another scheme', `Basic ${key}`],
  ['an empty credential', 'Bearer '],
  ['two credentials', `Bearer ${key}, Bearer ${key}`],
  ['the bare key', key],
])('A01: refuses %s as token_invalid', async (_what, header) => {
  expect(await refusalOf(authorize(request(header), keyOnly))).toBe('token_invalid')
})

test.each([
  ['missing', null],
  ['empty', new Secret('')],
  ['one character short', new Secret('k'.repeat(adminKeyCharsMin - 1))],
])('A02: an admin key that is %s opens nothing', async (_what, adminKey) => {
  const presented = `Bearer ${adminKey?.reveal() || 'x'}`
  expect(await refusalOf(authorize(request(presented), { adminKey, verifyAdministrator: null }))).toBe(
    'token_invalid',
  )
})

test('hands everything that is not the admin key to the verifier of access tokens', async () => {
  const seen: string[] = []
  const found = await authorize(request('Bearer some.access.token'), {
    adminKey: new Secret(key),
    verifyAdministrator: async (token) => {
      seen.push(token)
      return administrator('member', 'checkout')
    },
  })
  expect(found.role).toBe('member')
  expect(seen).toEqual(['some.access.token'])
})

test('A01: each role administers and sees only what is its own', () => {
  const rows = [
    [administrator('admin', null), true, true, true, true],
    [administrator('team-admin', 'checkout'), true, false, true, false],
    [administrator('member', 'checkout'), false, false, true, false],
    [administrator('team-admin', null), false, false, false, false],
  ] as const
  for (const [who, ownChange, otherChange, ownRead, otherRead] of rows) {
    expect(mayAdminister(who, 'checkout')).toBe(ownChange)
    expect(mayAdminister(who, 'search')).toBe(otherChange)
    expect(maySee(who, 'checkout')).toBe(ownRead)
    expect(maySee(who, 'search')).toBe(otherRead)
  }
})

test('A01: says which role is missing', () => {
  expect(() => requireAdmin(administrator('team-admin', 'checkout'))).toThrow(
    expect.objectContaining({ code: 'scope_insufficient', members: { scope: 'admin' } }),
  )
  expect(() => requireTeamAdmin(administrator('member', 'checkout'), 'checkout')).toThrow(
    expect.objectContaining({ code: 'scope_insufficient', members: { scope: 'team-admin' } }),
  )
})
