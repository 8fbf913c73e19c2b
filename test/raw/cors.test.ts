import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Answer } from './harness/client.ts'
import { type Edge, startEdge } from './harness/edge.ts'
import { misbehave } from './upstreams/behaviours.ts'
import { type RawUpstream, startUpstream } from './upstreams/upstream.ts'

const shop = 'https://shop.test'

let upstream: RawUpstream
let edge: Edge

beforeAll(async () => {
  upstream = await startUpstream(
    misbehave({ elsewhere: 'http://127.0.0.1:1', itself: () => upstream.origin }),
  )
  const common = { sign: { scheme: 'plugipay' }, keys: { main: 'CORS_KEY' }, timeoutMs: 300 }
  edge = await startEdge({
    upstreams: {
      plug: { ...common, url: upstream.origin, routes: { 'GET /**': 'read', 'POST /**': 'write' } },
      broken: { ...common, url: upstream.origin, keys: { main: 'MISSING_KEY' }, routes: { '* /**': 'read' } },
    },
    teams: {
      shop: {
        grants: {
          plug: { keys: ['main'], scopes: ['read'] },
          broken: { keys: ['main'], scopes: ['*'] },
        },
        origins: [shop],
      },
      limited: {
        grants: { plug: { keys: ['main'], scopes: ['*'] } },
        origins: [shop],
        limits: [{ name: 'one', requests: 1, per: '1h' }],
      },
      preflighted: {
        grants: { plug: { keys: ['main'], scopes: ['*'] } },
        origins: [shop],
        limits: [{ name: 'one', requests: 1, per: '1h' }],
      },
      other: { grants: {}, origins: ['https://other.test'] },
    },
    secrets: { MISSING_KEY: null },
  })
})

afterAll(async () => {
  await edge.stop({ signed: [{ upstream, binding: 'CORS_KEY' }] })
  await upstream.stop()
})

beforeEach(() => upstream.clear())

const from = (origin: string) => ({ headers: [['origin', origin]] as const })

const varies = (answer: Answer) => (answer.header('vary') ?? '').toLowerCase().split(/, */)

describe('CORS', () => {
  it("C01: the team's own origin is named exactly, never as a wildcard", async () => {
    const answer = await edge.call('GET', '/plug/ok', from(shop))
    expect(answer.status).toBe(200)
    expect(answer.header('access-control-allow-origin')).toBe(shop)
    expect(varies(answer)).toContain('origin')
  })

  it.each([
    'https://shop.test.evil.example',
    'https://evilshop.test',
    'https://a.shop.test',
    'null',
    'http://shop.test',
    'https://shop.test:8443',
    'https://SHOP.test',
    'https://shop.test/',
    'https://shop.test, https://evil.example',
    'https://other.test',
    '*',
    'file://',
    'https://shop.test@evil.example',
    'https://shop%2etest',
  ])('C01: %s is 403, is allowed nothing, and calls nobody', async (origin) => {
    const answer = await edge.call('GET', '/plug/ok', from(origin))
    expect(answer.status).toBe(403)
    expect(answer.header('countersign-error')).toBe('origin_not_allowed')
    expect(answer.header('access-control-allow-origin')).not.toBe('*')
    if (origin !== 'https://other.test') expect(answer.header('access-control-allow-origin')).toBeNull()
    expect(upstream.requests).toEqual([])
  })

  it.each([
    [401, 'token_missing', '/plug/ok', { token: null }],
    [401, 'token_invalid', '/plug/ok', { token: 'nonsense' }],
    [403, 'scope_insufficient', '/plug/ok', { method: 'POST' }],
    [403, 'route_not_allowed', '/plug/ok', { method: 'DELETE' }],
    [404, 'upstream_unknown', '/unknown/x', {}],
    [400, 'path_invalid', '/plug/a//b', {}],
    [503, 'credential_unavailable', '/broken/ok', {}],
    [504, 'upstream_timeout', '/plug/silent', {}],
    [502, 'upstream_unreachable', '/plug/reset-before-head', {}],
  ] as const)('C02: a browser may read the %d %s', async (status, code, target, how) => {
    const { method = 'GET', ...options }: { method?: string; token?: string | null } = how
    const answer = await edge.call(method, target, { ...options, ...from(shop) })
    expect({ status: answer.status, code: answer.header('countersign-error') }).toEqual({ status, code })
    expect(answer.header('access-control-allow-origin')).toBe(shop)
    expect(varies(answer)).toContain('origin')
  })

  it('C02: a browser may read the 429 and its Retry-After', async () => {
    const token = edge.token({ team: 'limited' })
    await edge.call('GET', '/plug/ok', { token, ...from(shop) })
    const answer = await edge.call('GET', '/plug/ok', { token, ...from(shop) })
    expect(answer.status).toBe(429)
    expect(answer.header('access-control-allow-origin')).toBe(shop)
    const exposed = (answer.header('access-control-expose-headers') ?? '').toLowerCase()
    expect(exposed === '*' || exposed.includes('retry-after')).toBe(true)
  })

  it('C02: what an upstream says of CORS is replaced', async () => {
    const answer = await edge.call('GET', '/plug/origin-headers', from(shop))
    expect(answer.header('access-control-allow-origin')).toBe(shop)
    expect(answer.header('access-control-allow-credentials')).toBeNull()
    expect(varies(answer)).toContain('origin')
  })
})

describe('preflights', () => {
  const preflight = (origin: string, headers: readonly (readonly [string, string])[] = []) =>
    edge.call('OPTIONS', '/plug/ok', {
      token: null,
      headers: [['origin', origin], ['access-control-request-method', 'POST'], ...headers],
    })

  it('C03: an allowed origin is answered without token and without an upstream', async () => {
    const answer = await preflight(shop, [['access-control-request-headers', 'authorization, content-type']])
    expect([200, 204]).toContain(answer.status)
    expect(answer.header('access-control-allow-origin')).toBe(shop)
    expect(answer.header('access-control-allow-methods')).toContain('POST')
    expect((answer.header('access-control-allow-headers') ?? '').toLowerCase()).toContain('authorization')
    expect(upstream.requests).toEqual([])
  })

  it("C03: a preflight takes no quota of a team, not even with the team's token", async () => {
    const token = edge.token({ team: 'preflighted' })
    for (let sent = 0; sent < 20; sent += 1) {
      const answer = await edge.call('OPTIONS', '/plug/ok', {
        token,
        headers: [
          ['origin', shop],
          ['access-control-request-method', 'GET'],
        ],
      })
      expect(answer.status).toBe(204)
      expect(answer.header('ratelimit')).toBeNull()
    }
    const call = () => edge.call('GET', '/plug/ok', { token, ...from(shop) })
    expect((await call()).status).toBe(200)
    expect((await call()).status).toBe(429)
  })

  it('C03: path and token do not matter: an unknown upstream and a bad token look the same', async () => {
    const shapes = await Promise.all(
      ['/plug/ok', '/unknown/x', '/a//b'].map(async (target) => {
        const answer = await edge.call('OPTIONS', target, {
          token: 'nonsense',
          headers: [
            ['origin', shop],
            ['access-control-request-method', 'GET'],
          ],
        })
        return { status: answer.status, origin: answer.header('access-control-allow-origin') }
      }),
    )
    expect(new Set(shapes.map((shape) => JSON.stringify(shape))).size).toBe(1)
  })

  it.each(['https://evil.example', 'null', 'https://shop.test.evil.example'])(
    'C03: %s is allowed nothing',
    async (origin) => {
      const answer = await preflight(origin)
      expect(answer.header('access-control-allow-origin')).toBeNull()
      expect(answer.status).toBeLessThan(500)
    },
  )

  it('C03: an unknown method and 60 kB of spaces or names in the header list harm nobody', async () => {
    const method = await edge.call('OPTIONS', '/plug/ok', {
      token: null,
      headers: [
        ['origin', shop],
        ['access-control-request-method', 'TRACE'],
      ],
    })
    expect(method.header('access-control-allow-methods') ?? '').not.toContain('TRACE')
    for (const list of [`a${' '.repeat(60_000)}b`, 'x,'.repeat(30_000), ','.repeat(60_000)]) {
      const answer = await preflight(shop, [['access-control-request-headers', list]])
      expect(answer.status).toBeLessThan(500)
      expect(answer.bytes.length).toBeLessThan(10_000)
    }
    expect((await edge.call('GET', `/plug/ok`, from(shop))).status).toBe(200)
  })

  it('C01: the authorization page allows no origin, not even one of a team', async () => {
    const answer = await edge.call('GET', '/oauth/authorize', { token: null, ...from(shop) })
    expect(answer.header('access-control-allow-origin')).toBeNull()
  })
})
