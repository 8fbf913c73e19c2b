import { describe, expect, test } from 'vitest'
import type { Caller, Permit, Target } from '../../src/core/permit.ts'
import { decide, type Wishes } from '../../src/core/policy.ts'
import type { ProblemCode, Refusal } from '../../src/core/problems.ts'
import { parseTokenScopes } from '../../src/core/scope.ts'
import { configuration, issuerOf } from '../http/configuration.ts'
import { refusalOf } from './refused.ts'

const config = configuration({
  upstreams: {
    pay: {
      url: 'https://pay.test/v1',
      sign: { scheme: 'bearer' },
      keys: { live: 'PAY_LIVE', test: 'PAY_TEST', spare: 'PAY_SPARE' },
      routes: { 'GET /customers': 'customer:read', 'POST /customers': 'customer:write' },
    },
    orders: {
      url: 'https://orders.test',
      sign: { scheme: 'bearer' },
      keys: { main: 'ORDERS' },
      routes: { 'GET /orders': 'order:read' },
    },
    dark: {
      url: 'https://dark.test',
      sign: { scheme: 'bearer' },
      keys: { main: 'DARK' },
      routes: { '* /**': 'all' },
      disabled: true,
    },
  },
  teams: {
    checkout: {
      grants: {
        pay: { keys: ['live', 'test'], scopes: ['customer:read'] },
        dark: { keys: ['main'], scopes: ['*'] },
      },
      limits: [
        { name: 'all', requests: 100, per: '1s' },
        { name: 'writes', requests: 20, per: '1s', upstream: 'pay', methods: ['POST'] },
        { name: 'elsewhere', requests: 1, per: '1s', upstream: 'dark' },
      ],
      origins: ['https://shop.test'],
    },
    orders: {
      grants: {
        orders: { keys: ['main'], scopes: ['*'] },
        pay: { keys: ['live', 'test'], defaultKey: 'test', scopes: ['*'] },
      },
    },
  },
})

const caller = (team: string, scopes: string | null = null): Caller => ({
  issuer: issuerOf(config),
  team,
  subject: 'someone',
  tokenId: null,
  grantId: null,
  role: null,
  issuedAt: 0,
  expiresAt: 900,
  scopes: scopes === null ? 'granted' : parseTokenScopes(scopes),
})

const target = (method: string, upstream: string, path: string): Target => ({
  method,
  upstream,
  path,
  query: '',
})

const noWishes: Wishes = { origin: null, key: null }
const customers = target('GET', 'pay', '/customers')

const refused = (who: Caller, what: Target, wishes: Wishes): Promise<Refusal> =>
  refusalOf(() => decide(config, who, what, wishes))

describe('a permit', () => {
  test('holds what was decided about', () => {
    const who = caller('checkout', 'pay@test:customer:*')
    const permit = decide(config, who, customers, { origin: 'https://shop.test', key: 'test' })
    expect(permit.caller).toBe(who)
    expect(permit.team.name).toBe('checkout')
    expect(permit.upstream.name).toBe('pay')
    expect(permit.key.versions).toEqual(['PAY_TEST'])
    expect(permit.route.scope).toBe('customer:read')
    expect(permit.target).toBe(customers)
  })

  test('takes the key that was asked for, else the default, else the only one', () => {
    const keyOf = (permit: Permit): string => permit.key.name
    expect(keyOf(decide(config, caller('orders'), customers, { origin: null, key: 'live' }))).toBe('live')
    expect(keyOf(decide(config, caller('orders'), customers, noWishes))).toBe('test')
    expect(keyOf(decide(config, caller('orders'), target('GET', 'orders', '/orders'), noWishes))).toBe('main')
  })

  test('needs no Origin, and no origins of the team where there is no Origin', () => {
    expect(decide(config, caller('orders'), customers, noWishes).team.origins.size).toBe(0)
  })
})

describe('the first check that fails decides the answer', () => {
  /** Every way to be refused, in the order of section 2; each is sent together with all that come later. */
  const order: readonly ProblemCode[] = [
    'token_invalid',
    'origin_not_allowed',
    'upstream_unknown',
    'route_not_allowed',
    'key_not_granted',
    'scope_insufficient',
  ]
  const allWrongFrom = (index: number): { who: Caller; what: Target; wishes: Wishes } => {
    const wrong = (code: ProblemCode): boolean => order.indexOf(code) >= index
    return {
      who: caller(wrong('token_invalid') ? 'nobody' : 'checkout', wrong('scope_insufficient') ? '' : null),
      what: target(
        'GET',
        wrong('upstream_unknown') ? 'nowhere' : 'pay',
        wrong('route_not_allowed') ? '/none' : '/customers',
      ),
      wishes: {
        origin: wrong('origin_not_allowed') ? 'https://evil.test' : 'https://shop.test',
        key: wrong('key_not_granted') ? 'spare' : 'live',
      },
    }
  }

  test.each(order.map((code, index) => ({ code, index })))('$code wins over all later ones', async (row) => {
    const { who, what, wishes } = allWrongFrom(row.index)
    expect((await refused(who, what, wishes)).code).toBe(row.code)
  })

  test('and with none of them wrong, it passes', () => {
    const { who, what, wishes } = allWrongFrom(order.length)
    expect(decide(config, who, what, wishes).key.name).toBe('live')
  })

  test('key_required stands where key_not_granted does', async () => {
    expect((await refused(caller('checkout', ''), customers, noWishes)).code).toBe('key_required')
    const noRoute = target('DELETE', 'pay', '/customers')
    expect((await refused(caller('checkout', ''), noRoute, noWishes)).code).toBe('route_not_allowed')
  })
})

describe('P01: an upstream that is unknown, not granted, or disabled', () => {
  test('gets one and the same refusal', async () => {
    const refusals = await Promise.all(
      ['nowhere', 'orders', 'dark', '__proto__', 'constructor', ''].map((upstream) =>
        refused(caller('checkout'), target('GET', upstream, '/orders'), noWishes),
      ),
    )
    const [first, ...others] = refusals.map(({ code, detail, reason, headers, members }) =>
      JSON.stringify({ code, detail, reason, headers, members }),
    )
    expect(first).toContain('upstream_unknown')
    for (const other of others) expect(other).toBe(first)
  })

  test('tells nothing of its routes, keys and scopes', async () => {
    const refusal = await refused(caller('checkout'), target('PUT', 'orders', '/none'), {
      origin: null,
      key: 'none',
    })
    expect(refusal.code).toBe('upstream_unknown')
  })
})

describe('a team', () => {
  test.each([
    'nobody',
    '__proto__',
    'constructor',
    'Checkout',
    'checkout ',
    '../checkout',
    '',
    'team:checkout',
  ])('P07: %j does not exist: token_invalid, with the reason for the log alone', async (team) => {
    const refusal = await refused(caller(team), customers, noWishes)
    expect(refusal.code).toBe('token_invalid')
    expect(refusal.reason).toBe('team unknown')
  })
})

describe('C01: an Origin', () => {
  test.each([
    'https://shop.test.evil.test',
    'https://evil-shop.test',
    'https://sub.shop.test',
    'http://shop.test',
    'https://shop.test:8443',
    'https://shop.test/',
    'https://SHOP.test',
    'null',
    '',
    'https://shop.test, https://shop.test',
  ])('that is %j is not https://shop.test', async (origin) => {
    const refusal = await refused(caller('checkout'), customers, { origin, key: 'live' })
    expect(refusal.code).toBe('origin_not_allowed')
  })

  test("of another team is not the caller's", async () => {
    const wishes = { origin: 'https://shop.test', key: null }
    expect((await refused(caller('orders'), customers, wishes)).code).toBe('origin_not_allowed')
  })
})

describe('a key', () => {
  test.each(['spare', 'LIVE', 'none', '__proto__', 'constructor'])(
    'that is %s was not granted, and the refusal names those that were',
    async (key) => {
      const refusal = await refused(caller('checkout'), customers, { origin: null, key })
      expect(refusal.code).toBe('key_not_granted')
      expect(refusal.detail).toContain('live, test')
      expect(refusal.detail).not.toContain('spare')
    },
  )
})

describe('a scope', () => {
  const write = target('POST', 'pay', '/customers')

  test.each([
    ['the team lacks', 'checkout', null, 'grant'],
    ['the token claims but the team lacks', 'checkout', 'pay:customer:write pay:*', 'grant'],
    ['the team has but the token lacks', 'orders', 'pay:customer:read', 'token'],
    ['the token has for another key', 'orders', 'pay@live:customer:write', 'token'],
    ['the token has for another upstream', 'orders', 'orders:customer:write', 'token'],
    ['the token has without an upstream', 'orders', 'customer:write *', 'token'],
  ])('that %s is insufficient, and is named', async (_what, team, scopes, whose) => {
    const key = team === 'checkout' ? 'test' : null
    const refusal = await refused(caller(team, scopes), write, { origin: null, key })
    expect(refusal.code).toBe('scope_insufficient')
    expect(refusal.members).toEqual({ scope: 'pay:customer:write' })
    expect(refusal.detail).toContain(whose)
  })

  test('that the token has for another key alone is refused with the key that was used', async () => {
    const refusal = await refused(caller('orders', 'pay@live:customer:write'), write, noWishes)
    expect(refusal.detail).toContain('with the key test')
  })

  test('that both have is enough', () => {
    const confined = caller('orders', 'pay@test:customer:write')
    expect(decide(config, confined, write, noWishes).route.scope).toBe('customer:write')
  })
})

describe('limit sets', () => {
  const everything = {
    url: 'https://pay.test/v1',
    sign: { scheme: 'bearer' },
    keys: { live: 'PAY_LIVE' },
    routes: { '* /**': 'all' },
  }
  const setOf = (team: string, what: Target, key: string | null = null) =>
    decide(config, caller(team), what, { origin: null, key }).limitSet

  test('hold the limits that apply to the upstream and method', () => {
    expect(setOf('checkout', customers, 'live').id).toBe('all')
    const every = configuration({
      upstreams: { pay: everything },
      teams: {
        one: {
          grants: { pay: { keys: ['live'], scopes: ['*'] } },
          limits: [
            { name: 'all', requests: 100, per: '1s' },
            { name: 'writes', requests: 20, per: '1s', upstream: 'pay', methods: ['POST'] },
          ],
        },
      },
    })
    const idOf = (method: string): string =>
      decide(every, caller('one'), target(method, 'pay', '/x'), noWishes).limitSet.id
    expect(idOf('POST')).toBe('all,writes')
    expect(idOf('PUT')).toBe('all')
  })

  test('are one object for all calls with the same limits, whatever led to it', () => {
    const first = setOf('checkout', customers, 'live')
    expect(setOf('checkout', customers, 'test')).toBe(first)
    expect(setOf('orders', customers)).not.toBe(first)
  })

  test('of a team without limits are the empty set, one for the team', () => {
    const set = setOf('orders', customers)
    expect(set).toEqual({ id: '', limits: [] })
    expect(setOf('orders', target('GET', 'orders', '/orders'))).toBe(set)
  })

  test('promise 10: are those of the caller’s team, also where another team has the same grants', () => {
    const grants = { pay: { keys: ['live'], scopes: ['*'] } }
    const team = (requests: number | null) => ({
      grants,
      limits: requests === null ? [] : [{ name: 'all', requests, per: '1s' }],
    })
    const twins = configuration({
      upstreams: { pay: everything },
      teams: { free: team(null), small: team(1), same: team(1), large: team(100) },
    })
    const ofTeam = (name: string) =>
      decide(twins, caller(name), target('GET', 'pay', '/x'), noWishes).limitSet
    const requests = (name: string) => ofTeam(name).limits.map((limit) => limit.requests)
    expect(['free', 'small', 'same', 'large'].map(requests)).toEqual([[], [1], [1], [100]])
    expect(ofTeam('small')).not.toBe(ofTeam('same'))
  })
})
