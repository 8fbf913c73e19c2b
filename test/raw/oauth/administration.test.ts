/** The admin API from outside: who may do what, what is shown, what is refused. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openapi } from '../../../src/http/admin/openapi.ts'
import { answerSchema, faultsOf } from '../../http/admin/schema.ts'
import {
  accessToken,
  adminKey,
  api,
  callOrders,
  type Edge,
  failure,
  form,
  makeToken,
  startEdge,
  url,
} from './edge.ts'

let edge: Edge
beforeAll(async () => {
  edge = await startEdge({ isolates: 2 })
})
afterAll(async () => {
  await edge[Symbol.asyncDispose]()
})

const administration = { resource: `${url}/api` }

/** A token for the administration, of a member of the team. */
const memberToken = async (over: object = {}): Promise<string> =>
  accessToken(edge, (await makeToken(edge, over)).token, administration)

const post = (body: object, token?: string): Promise<Response> =>
  api(edge, '/tokens', { method: 'POST', body, ...(token === undefined ? {} : { token }) })

const wanted = { name: 'x', team: 'checkout', scopes: [], expiresIn: '30d' }

describe('who administers', () => {
  test('the admin key is the platform admin, and never expires', async () => {
    expect(await (await api(edge, '/whoami')).json()).toEqual({
      subject: 'admin-key',
      team: null,
      role: 'admin',
      scopes: [],
      expiresAt: null,
    })
  })

  test('a personal token is a member of its team', async () => {
    const { id, token } = await makeToken(edge, { scopes: ['orders:order:read'] })
    const who = await (
      await api(edge, '/whoami', { token: await accessToken(edge, token, administration) })
    ).json()
    expect(who).toMatchObject({
      subject: `token/${id}`,
      team: 'checkout',
      role: 'member',
      scopes: ['orders:order:read'],
    })
    const { expiresAt } = who as { expiresAt: string }
    expect(Math.abs(Date.parse(expiresAt) - Date.now() - 600_000)).toBeLessThan(10_000)
  })

  test('A01: without a credential, with a calling token, or with another credential nothing opens', async () => {
    const { token } = await makeToken(edge)
    const calling = await accessToken(edge, token)
    for (const path of ['/whoami', '/tokens', '/audit']) {
      const without = await edge.fetch(`/api${path}`)
      expect(without.headers.get('www-authenticate')).toMatch(/^Bearer /)
      expect(without.headers.get('www-authenticate')).not.toContain('error=')
      const [, document = ''] =
        /resource_metadata="([^"]+)"/.exec(without.headers.get('www-authenticate') ?? '') ?? []
      const described = await edge.fetch(document.slice(url.length))
      expect(await described.json()).toMatchObject({ resource: `${url}/api` })
      expect(await failure(without)).toBe('401 token_missing')
      for (const wrong of [calling, token, `${adminKey}x`, 'a.b.c']) {
        expect(await failure(await api(edge, path, { token: wrong }))).toBe('401 token_invalid')
      }
    }
  })

  test('A01: a token for administration, and the admin key, call no upstream', async () => {
    const member = await memberToken()
    expect(await failure(await callOrders(edge, member))).toBe('401 token_invalid')
    expect(await failure(await callOrders(edge, adminKey))).toBe('401 token_invalid')
  })

  test('A01: a member reads what is its own team’s and changes nothing of others', async () => {
    const member = await memberToken()
    const other = await makeToken(edge)
    const foreign = await makeToken(edge, { team: 'search', scopes: ['orders:order:read'] })
    const answer = async (path: string, method = 'GET') =>
      failure(await api(edge, path, { method, token: member }))
    expect((await api(edge, '/tokens?team=checkout', { token: member })).status).toBe(200)
    expect(await answer('/tokens?team=search')).toBe('404 not_found')
    expect(await answer('/tokens?team=nobody')).toBe('404 not_found')
    expect(await answer('/audit')).toBe('403 scope_insufficient')
    expect(await answer('/audit?team=search')).toBe('404 not_found')
    expect(await answer(`/tokens/${other.id}`, 'DELETE')).toBe('403 scope_insufficient')
    expect(await answer(`/tokens/${foreign.id}`, 'DELETE')).toBe('404 not_found')
    expect(await answer('/tokens/nothing', 'DELETE')).toBe('404 not_found')
    const listed = await (await api(edge, '/tokens?limit=200', { token: member })).json()
    const teams = (listed as { items: { team: string }[] }).items.map(({ team }) => team)
    expect(new Set(teams)).toEqual(new Set(['checkout']))
  })

  test('a token ends itself, and is refused at once, also where its JWT is still young', async () => {
    const { id, token } = await makeToken(edge)
    const member = await accessToken(edge, token, administration)
    expect((await api(edge, `/tokens/${id}`, { method: 'DELETE', token: member })).status).toBe(204)
    const refused = await api(edge, '/whoami', { token: member })
    expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"')
    expect(await failure(refused)).toBe('401 token_revoked')
  })

  test('RFC 7009 ends a token for administration by itself', async () => {
    const { token } = await makeToken(edge)
    const [one, two] = [
      await accessToken(edge, token, administration),
      await accessToken(edge, token, administration),
    ]
    await form(edge, '/oauth/revoke', { token: one })
    expect(await failure(await api(edge, '/whoami', { token: one }))).toBe('401 token_revoked')
    expect((await api(edge, '/whoami', { token: two })).status).toBe(200)
  })
})

describe('making tokens', () => {
  test('T02: no wider than who makes them', async () => {
    const member = await memberToken({ scopes: ['orders:order:read'] })
    const make = async (over: object) => failure(await post({ ...wanted, expiresIn: '30d', ...over }, member))
    const soon = { expiresIn: undefined, expiresAt: new Date(Date.now() + 3_600_000).toISOString() }
    expect((await post({ ...wanted, ...soon, scopes: ['orders:order:read'] }, member)).status).toBe(201)
    expect(await make({ ...soon, scopes: ['orders:order:*'] })).toBe('403 scope_insufficient')
    expect(await make({ ...soon, scopes: ['orders:order:write'] })).toBe('403 scope_insufficient')
    expect(await make({ ...soon, team: 'search' })).toBe('403 scope_insufficient')
    expect(await make({ ...soon, team: 'nobody' })).toBe('403 scope_insufficient')
    expect(await make({ ...soon, service: true })).toBe('403 scope_insufficient')
  })

  test('a token that a token made ends with it, and lives no longer', async () => {
    const parent = await makeToken(edge, { expiresIn: '30d' })
    const member = await accessToken(edge, parent.token, administration)
    expect(await failure(await post({ ...wanted, expiresIn: '90d' }, member))).toBe('400 request_invalid')
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString()
    const made = await post(
      { ...wanted, expiresIn: undefined, expiresAt, scopes: ['orders:order:*'] },
      member,
    )
    const { token } = (await made.json()) as { token: string }
    const issued = await accessToken(edge, token)
    expect((await callOrders(edge, issued)).status).toBe(200)
    await api(edge, `/tokens/${parent.id}`, { method: 'DELETE' })
    expect(await failure(await form(edge, '/oauth/token', fieldsOf(token)))).toBe('400 invalid_request')
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(await failure(await callOrders(edge, issued))).toBe('401 token_revoked')
  })

  test('refuses scopes of which the team was granted nothing', async () => {
    expect(await failure(await post({ ...wanted, scopes: ['orders:refund:read'] }))).toBe(
      '400 request_invalid',
    )
    expect(await failure(await post({ ...wanted, scopes: ['plugipay:*'] }))).toBe('400 request_invalid')
    expect(await failure(await post({ ...wanted, team: 'nobody' }))).toBe('400 request_invalid')
  })

  test('A08: refuses members that are not known, and bodies that are no JSON object', async () => {
    const raw = (body: string, type = 'application/json') =>
      edge.fetch('/api/tokens', {
        method: 'POST',
        headers: { authorization: `Bearer ${adminKey}`, 'content-type': type },
        body,
      })
    const good = JSON.stringify(wanted)
    for (const member of ['"owner":"root"', '"role":"admin"', '"id":"x"', '"__proto__":{"service":true}']) {
      expect(await failure(await raw(good.replace('{', `{${member},`)))).toBe('400 request_invalid')
    }
    for (const body of ['', '{', '[]', 'null', '"x"', '{"name":"\xff"}']) {
      expect(await failure(await raw(body))).toBe('400 request_invalid')
    }
    expect(await failure(await raw(good, 'text/plain'))).toBe('400 request_invalid')
    expect(await failure(await raw(good, 'application/x-www-form-urlencoded'))).toBe('400 request_invalid')
    expect(await failure(await raw(JSON.stringify({ ...wanted, name: 'a'.repeat(20_000) })))).toBe(
      '413 body_too_large',
    )
    expect((await raw(good, 'application/json; charset=utf-8')).status).toBe(201)
  })

  test('A08: refuses queries that are not understood, rather than answer something else', async () => {
    for (const query of [
      'teams=checkout',
      'team=a&team=b',
      'limit=0',
      'limit=x',
      'cursor=x',
      'status=good',
      'idleDays=-1',
    ]) {
      expect(await failure(await api(edge, `/tokens?${query}`))).toMatch(/^400 request_invalid$/)
    }
    expect(await failure(await api(edge, '/audit?from=yesterday'))).toBe('400 request_invalid')
    expect(await failure(await api(edge, '/usage?team=checkout&form=2026-01-01'))).toBe('400 request_invalid')
  })

  test.each([
    ['GET', '/whoami'],
    ['GET', '/teams/search'],
    ['PATCH', '/teams/search', { suspended: true }],
    ['POST', '/tokens', wanted],
    ['DELETE', '/tokens/none'],
    ['POST', '/revocations', { team: 'search', jti: 'none' }],
    ['POST', '/explain', { upstream: 'orders', method: 'GET' }],
  ])(
    'A08: refuses a query where none is read, and does nothing: %s %s',
    async (method, path, body?: object) => {
      const answer = await api(edge, `${path}?dryRun=true`, { method, ...(body && { body }) })
      expect(await failure(answer)).toBe('400 request_invalid')
      expect(await (await api(edge, '/teams/search')).json()).toMatchObject({ suspended: false })
      const anonymous = await edge.fetch(`/api${path}?dryRun=true`, { method })
      expect(await failure(anonymous)).toBe('401 token_missing')
    },
  )

  test('answers other methods with those that a path has', async () => {
    for (const [path, allow] of [
      ['/tokens', 'GET, HEAD, POST'],
      ['/tokens/x', 'DELETE'],
      ['/whoami', 'GET, HEAD'],
      ['/audit', 'GET, HEAD'],
    ] as const) {
      const response = await api(edge, path, { method: 'PUT', body: {} })
      expect([response.headers.get('allow'), await failure(response)]).toEqual([
        allow,
        '405 method_not_allowed',
      ])
    }
  })
})

describe('what is shown', () => {
  test('A06: a token is shown once; lists, errors and the audit log never hold it', async () => {
    const body = { ...wanted, name: 'shown once', service: true, expiresIn: 'never', scopes: ['orders:*'] }
    const made = await post(body)
    const { token, ...listed } = (await made.json()) as { id: string; token: string }
    expect(made.headers.get('location')).toBe(`${url}/api/tokens/${listed.id}`)
    expect(listed).toEqual({
      id: token.split('_')[1],
      name: 'shown once',
      team: 'checkout',
      scopes: ['orders:*'],
      owner: 'admin-key',
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      expiresAt: null,
      lastUsedAt: null,
      status: 'active',
    })
    await accessToken(edge, token)
    const lists = await (await api(edge, '/tokens')).text()
    const audit = await (await api(edge, '/audit')).text()
    expect(lists).toContain(listed.id)
    expect(audit).toContain(listed.id)
    const errors = await (await api(edge, `/tokens/${token}`, { method: 'DELETE' })).text()
    const [, , secret = ''] = token.split('_')
    for (const text of [lists, audit, errors]) expect(text).not.toContain(secret)
    expect(audit).toMatch(/"fingerprint":"[0-9a-f]{16}"/)
  })

  test('A07: no cache keeps what one caller was shown', async () => {
    for (const path of ['/whoami', '/tokens', '/audit']) {
      const response = await api(edge, path)
      expect(response.headers.get('cache-control')).toBe('private, no-store')
      expect(response.headers.get('etag')).toBeNull()
    }
    expect((await api(edge, '/tokens/none', { method: 'DELETE' })).headers.get('cache-control')).toBe(
      'no-store',
    )
  })

  test('walks a list page by page', async () => {
    await makeToken(edge)
    await makeToken(edge)
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const query: string = cursor === null ? '' : `&cursor=${cursor}`
      const page = (await (await api(edge, `/tokens?team=checkout&limit=3${query}`)).json()) as {
        items: { id: string }[]
        next: string | null
      }
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.next
    } while (cursor !== null)
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen.length).toBeGreaterThan(3)
  })

  test('finds tokens that idle and tokens that end soon', async () => {
    const soon = await makeToken(edge, {
      name: 'soon',
      expiresIn: undefined,
      expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
    })
    const ids = async (query: string) => {
      const { items } = (await (await api(edge, `/tokens?limit=200&${query}`)).json()) as {
        items: { id: string }[]
      }
      return items.map(({ id }) => id)
    }
    expect(await ids('expiringDays=2')).toContain(soon.id)
    expect(await ids('expiringDays=0')).not.toContain(soon.id)
    expect(await ids('idleDays=1')).not.toContain(soon.id)
    expect(await ids('status=active')).toContain(soon.id)
    await api(edge, `/tokens/${soon.id}`, { method: 'DELETE' })
    expect(await ids('status=revoked')).toContain(soon.id)
    expect(await ids('expiringDays=2')).not.toContain(soon.id)
  })

  test('the audit log says who did what, when, and from where', async () => {
    const { id } = await makeToken(edge)
    await edge.fetch(`/api/tokens/${id}`, {
      method: 'DELETE',
      headers: {
        authorization: `Bearer ${adminKey}`,
        'x-forwarded-for': '198.51.100.1',
        'cf-connecting-ip': '192.0.2.7',
      },
    })
    const { items } = (await (await api(edge, '/audit?team=checkout&limit=2')).json()) as { items: object[] }
    expect(items).toEqual([
      expect.objectContaining({
        action: 'token.revoked',
        actor: 'admin-key',
        target: id,
        team: 'checkout',
        from: '192.0.2.7',
      }),
      expect.objectContaining({ action: 'token.created', target: id }),
    ])
    const later = new Date(Date.now() + 60_000).toISOString()
    expect(await (await api(edge, `/audit?from=${later}`)).json()).toEqual({ items: [], next: null })
  })
})

const fieldsOf = (token: string) => ({
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token: token,
  subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
})

describe('the description of the API', () => {
  const described = async (call: string, path: string, init: Parameters<typeof api>[2] = {}) => {
    const root = openapi()
    const response = await api(edge, path, { method: call.split(' ')[0] ?? 'GET', ...init })
    return faultsOf(await response.json(), answerSchema(root, call, response.status), root)
  }

  test('is served to anyone', async () => {
    const response = await edge.fetch('/openapi.json')
    expect(await response.json()).toEqual(openapi())
  })

  test('says what the calls answer', async () => {
    await makeToken(edge)
    expect(await described('POST /api/tokens', '/tokens', { body: wanted })).toEqual([])
    for (const path of ['/whoami', '/tokens', '/audit', '/teams']) {
      expect(await described(`GET /api${path}`, path)).toEqual([])
    }
    const revocations = [{ jti: 'none' }, { subject: 'nobody' }, { before: '2026-01-01' }]
    for (const revocation of revocations) {
      const body = { team: 'search', ...revocation }
      expect(await described('POST /api/revocations', '/revocations', { body })).toEqual([])
    }
    expect(await described('GET /api/revocations', '/revocations?team=search')).toEqual([])
    expect(await described('GET /api/usage', '/usage?team=checkout&by=day,outcome,subject')).toEqual([])
    expect(await described('GET /api/teams/{id}', '/teams/search')).toEqual([])
    const body = { suspended: false }
    expect(await described('PATCH /api/teams/{id}', '/teams/search', { body })).toEqual([])
  })

  test('would notice a member that is missing, of another type, or not described', () => {
    const root = openapi()
    const who = { subject: 'x', team: null, role: 'admin', scopes: [], expiresAt: null }
    const check = (value: object) => faultsOf(value, answerSchema(root, 'GET /api/whoami', 200), root)
    expect(check(who)).toEqual([])
    expect(check({ ...who, role: 'root' })).toHaveLength(1)
    expect(check({ ...who, subject: null })).toHaveLength(1)
    expect(check({ ...who, extra: 1 })).toHaveLength(1)
    expect(check({ subject: 'x', team: null, role: 'admin', scopes: [] })).toHaveLength(1)
  })
})
