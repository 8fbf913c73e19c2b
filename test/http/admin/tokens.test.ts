/** Who may make, see and revoke personal tokens, by role; the directory is a fake, the rules are not. */
import { beforeEach, expect, test } from 'vitest'
import type { Grant, Key, Role, Team } from '../../../src/core/configuration.ts'
import { Refusal } from '../../../src/core/problems.ts'
import { Secret } from '../../../src/core/redact.ts'
import { compileScopes } from '../../../src/core/scope.ts'
import type { Administrator } from '../../../src/http/admin/authorize.ts'
import type { Administration } from '../../../src/http/admin/operations.ts'
import { administrationRoutes } from '../../../src/http/admin/routes.ts'
import type { AuditDraft } from '../../../src/tokens/audit.ts'
import type { DirectoryRpc } from '../../../src/tokens/directory-rpc.ts'
import type { TokenFilter, TokenRecord } from '../../../src/tokens/records.ts'
import type { EndedTokens, TokenService } from '../../../src/tokens/token-service.ts'

const now = Date.UTC(2026, 10, 22)

const teamOf = (name: string): Team => {
  const grant = {
    keys: new Map([['main', { upstream: 'orders', name: 'main' } as Key]]),
    defaultKey: null,
    scopes: compileScopes(['order:*']),
  } as unknown as Grant
  return { name, grants: new Map([['orders', grant]]), limits: [], origins: new Set() }
}

let kept: Map<string, TokenRecord>
let audit: AuditDraft[]
let filters: TokenFilter[]
let ended: (EndedTokens & object)[]
let service: TokenService
beforeEach(() => {
  kept = new Map()
  audit = []
  filters = []
  ended = []
  const directory: Partial<DirectoryRpc> = {
    createToken: async (record, entry) => {
      kept.set(record.id, record)
      audit.push(entry)
      return 'created'
    },
    findToken: async (id) => kept.get(id) ?? null,
    listTokens: async (filter) => {
      filters.push(filter)
      return { items: [...kept.values()].filter(({ team }) => team === filter.team), next: null }
    },
    listAudit: async ({ team }) => ({
      items: audit.filter((entry) => entry.team === team).map((entry, id) => ({ ...entry, id, at: now })),
      next: null,
    }),
    revokeToken: async (id, _now, entry) => {
      audit.push(entry)
      return [{ grantId: `pat:${id}`, team: kept.get(id)?.team ?? null }]
    },
  }
  service = {
    config: {
      url: 'https://edge.test',
      teams: new Map(['checkout', 'search'].map((name) => [name, teamOf(name)])),
      clients: new Map(),
    },
    signing: null,
    directory: () => directory as DirectoryRpc,
    accounts: {
      revoke: async (_team, what) => {
        if (what !== 'all') ended.push(what)
      },
      revoked: async () => false,
    },
    verifier: {} as TokenService['verifier'],
    fingerprintKey: new Secret('a key for fingerprints'),
    now: () => now,
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
  }
})

const who = (role: Role, over: Partial<Administrator> = {}): Administrator => ({
  subject: 'signin/ann',
  role,
  team: role === 'admin' ? null : 'checkout',
  scopes: ['orders:order:*'],
  expiresAt: null,
  grantId: 'session:1',
  ...over,
})

const send = async (
  administrator: Administrator,
  method: string,
  path: string,
  body?: object,
): Promise<string> => {
  const deps = { service, config: service.config } as unknown as Administration
  const app = administrationRoutes(deps, async () => administrator).onError((error) => {
    throw error
  })
  const init = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  try {
    const response = await app.request(`https://edge.test/api/tokens${path}`, { method, ...init })
    return String(response.status)
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

const wanted = { name: 'x', team: 'checkout', scopes: ['orders:order:read'], expiresIn: '30d' }
const make = (administrator: Administrator, over: object = {}) =>
  send(administrator, 'POST', '', { ...wanted, ...over })

test('a token of thirty days ends thirty days after it was made, to the millisecond', async () => {
  let clock = now
  service = { ...service, now: () => clock++ }
  const routes = administrationRoutes({ service } as Administration, async () => who('admin'))
  const answer = await routes.request('/api/tokens', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'a', team: 'checkout', scopes: [], expiresIn: '30d' }),
  })
  const { createdAt, expiresAt } = (await answer.json()) as Record<'createdAt' | 'expiresAt', string>
  expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(30 * 86_400_000)
})

test('A01: an admin makes tokens for every team; others for their own alone', async () => {
  expect(await make(who('admin'), { team: 'search' })).toBe('201')
  expect(await make(who('team-admin'))).toBe('201')
  expect(await make(who('member'))).toBe('201')
  expect(await make(who('team-admin'), { team: 'search' })).toBe('scope_insufficient')
  expect(await make(who('member'), { team: 'search' })).toBe('scope_insufficient')
})

test('A01: tokens of services are for those who administer the team', async () => {
  const service = { service: true, expiresIn: 'never' }
  expect(await make(who('admin'), service)).toBe('201')
  expect(await make(who('team-admin'), service)).toBe('201')
  expect(await make(who('member'), service)).toBe('scope_insufficient')
})

test('T02: what one makes is no wider than oneself; an admin is bounded by the grants of the team', async () => {
  const narrow = { scopes: ['orders:order:read'] }
  expect(await make(who('team-admin', narrow))).toBe('201')
  expect(await make(who('team-admin', narrow), { scopes: ['orders:order:write'] })).toBe('scope_insufficient')
  expect(await make(who('member', { scopes: [] }))).toBe('scope_insufficient')
  expect(await make(who('admin', { scopes: [] }))).toBe('201')
  expect(await make(who('admin'), { scopes: ['orders:refund:write'] })).toBe('request_invalid')
})

test('what a person makes is theirs; what a token makes descends from it; what a JWT was exchanged for makes none', async () => {
  await make(who('member'))
  await make(who('admin', { subject: 'admin-key', grantId: null }))
  kept.set('parent', { ...[...kept.values()][0], id: 'parent', expiresAt: null } as TokenRecord)
  await make(who('member', { grantId: 'pat:parent' }))
  expect([...kept.values()].map(({ owner, parent }) => [owner, parent])).toEqual([
    ['signin/ann', null],
    ['admin-key', null],
    ['signin/ann', null],
    ['signin/ann', 'parent'],
  ])
  expect(await make(who('member', { grantId: 'jwt:x' }))).toBe('scope_insufficient')
})

test('A06: the audit entry holds a fingerprint of the token, and nothing that it could be found by', async () => {
  await make(who('admin'))
  const [record] = [...kept.values()]
  expect(audit[0]).toMatchObject({
    action: 'token.created',
    actor: 'signin/ann',
    team: 'checkout',
    target: record?.id,
    detail: { name: 'x', scopes: 'orders:order:read', fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) },
  })
  expect(JSON.stringify(audit)).not.toContain(record?.digest)
  expect(JSON.stringify(audit)).not.toContain('cst_')
})

test('A01: owners and those who administer the team revoke a token; others do not, or do not see it', async () => {
  await make(who('member'))
  const [id = ''] = [...kept.keys()]
  const revoke = (administrator: Administrator) => send(administrator, 'DELETE', `/${id}`)
  expect(await revoke(who('member', { subject: 'signin/bob' }))).toBe('scope_insufficient')
  expect(await revoke(who('team-admin', { team: 'search' }))).toBe('not_found')
  expect(await revoke(who('member', { team: 'search' }))).toBe('not_found')
  expect(ended).toEqual([])
  for (const administrator of [
    who('member'),
    who('team-admin', { subject: 'signin/bob' }),
    who('admin', { subject: 'signin/eve' }),
    who('member', { subject: `token/${id}` }),
  ]) {
    const expected = administrator.subject.startsWith('token/') ? 'scope_insufficient' : '204'
    expect(await revoke(administrator)).toBe(expected)
  }
  expect(ended).toEqual(Array.from({ length: 3 }, () => ({ by: 'gid', value: `pat:${id}` })))
})

test('A01: lists are of one’s own team; an admin may ask for all', async () => {
  const list = (administrator: Administrator, query = '') => send(administrator, 'GET', query)
  expect(await list(who('admin'))).toBe('200')
  expect(await list(who('team-admin'))).toBe('200')
  expect(await list(who('member'), '?team=checkout')).toBe('200')
  expect(await list(who('member'), '?team=search')).toBe('not_found')
  expect(await list(who('member', { team: null }))).toBe('200')
  expect(filters.map(({ team }) => team)).toEqual([null, 'checkout', 'checkout', ''])
})

const showsBoth = async (administrator: Administrator, team: string): Promise<readonly string[]> => [
  await send(administrator, 'GET', `?team=${team}`),
  await send(administrator, 'GET', `/../audit?team=${team}`),
]

test('a list about a team that is not there is refused as the team itself is; an empty one of a team is none', async () => {
  expect(await showsBoth(who('admin'), 'nobody')).toEqual(['not_found', 'not_found'])
  expect(await send(who('admin'), 'GET', '/../teams/nobody')).toBe('not_found')
  expect(await send(who('admin'), 'GET', '/../usage?team=nobody')).toBe('not_found')
  expect(await send(who('admin'), 'GET', '/../revocations?team=nobody')).toBe('not_found')
  expect(await showsBoth(who('admin'), 'search')).toEqual(['200', '200'])
})

test('what is kept of a team that was taken out of the configuration stays readable, for an admin', async () => {
  await make(who('admin'), { team: 'search' })
  service = { ...service, config: { ...service.config, teams: new Map([['checkout', teamOf('checkout')]]) } }
  expect(await showsBoth(who('admin'), 'search')).toEqual(['200', '200'])
  expect(await showsBoth(who('team-admin'), 'search')).toEqual(['not_found', 'not_found'])
})
