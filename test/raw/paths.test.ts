import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Edge, startEdge } from './harness/edge.ts'
import { answerBytes } from './upstreams/answers.ts'
import { type RawUpstream, startUpstream } from './upstreams/upstream.ts'
import { readVectors, withoutVectors } from './vectors.ts'

interface PathVectors {
  readonly cases: readonly { readonly id: string; readonly raw: string; readonly what: string }[]
}

const vectors = readVectors('path-and-ssrf/paths.json') as PathVectors | null
const basePath = '/v1'

/** What the upstream may be asked for under `guarded`: exactly these paths, and everything under /orders/. */
const guardedAllows = (path: string): boolean => path === '/orders' || /^\/orders\/[^/]+$/.test(path)

let upstream: RawUpstream
let elsewhere: RawUpstream
let edge: Edge

beforeAll(async () => {
  upstream = await startUpstream((_request, socket) => void socket.write(answerBytes(200)))
  elsewhere = await startUpstream((_request, socket) => void socket.write(answerBytes(200)))
  const common = { sign: { scheme: 'plugipay' }, keys: { main: 'PATH_KEY' } }
  edge = await startEdge({
    upstreams: {
      guarded: {
        ...common,
        url: `${upstream.origin}${basePath}`,
        routes: {
          'GET /orders': 'order:read',
          'GET /orders/*': 'order:read',
          'GET /admin': 'admin:all',
          'GET /admin/**': 'admin:all',
        },
      },
      open: { ...common, url: `${upstream.origin}${basePath}`, routes: { '* /**': 'all' } },
      bare: { ...common, url: upstream.origin, routes: { '* /**': 'all' } },
      lenient: {
        ...common,
        url: `${upstream.origin}${basePath}`,
        routes: { '* /**': 'all' },
        encodedPath: 'allow',
      },
      disabled: { ...common, url: elsewhere.origin, routes: { '* /**': 'all' } },
      foreign: { ...common, url: elsewhere.origin, routes: { '* /**': 'all' } },
    },
    teams: {
      shop: {
        grants: {
          guarded: { keys: ['main'], scopes: ['order:*'] },
          open: { keys: ['main'], scopes: ['*'] },
          bare: { keys: ['main'], scopes: ['*'] },
          lenient: { keys: ['main'], scopes: ['*'] },
        },
      },
      other: { grants: { foreign: { keys: ['main'], scopes: ['*'] } } },
    },
  })
})

afterAll(async () => {
  await edge.stop({ signed: [{ upstream, binding: 'PATH_KEY' }], upstreams: [elsewhere] })
  await upstream.stop()
  await elsewhere.stop()
})

beforeEach(() => {
  upstream.clear()
  elsewhere.clear()
})

/** Sends a path as UTF-8 bytes; gives the status (0 without an answer) and what reached the upstream. */
const callPath = async (
  target: string,
): Promise<{ status: number; targets: readonly string[]; code: string | null }> => {
  upstream.requests.length === 0 || upstream.clear()
  const latin1 = Buffer.from(target, 'utf8').toString('latin1')
  try {
    const answer = await edge.call('GET', latin1)
    return {
      status: answer.status,
      targets: upstream.requests.map((request) => request.target),
      code: answer.header('countersign-error'),
    }
  } catch {
    return { status: 0, targets: upstream.requests.map((request) => request.target), code: null }
  }
}

describe.skipIf(vectors === null)(
  `paths.json over sockets${vectors === null ? ` (${withoutVectors})` : ''}`,
  () => {
    const rows = vectors?.cases ?? []

    it.each(rows)('P04: $id ($what) reaches an allowed path or nothing', async ({ raw }) => {
      const { status, targets } = await callPath(`/guarded${raw}`)
      if (targets.length === 0) {
        expect(status === 0 || (status >= 400 && status < 500) || status === 501).toBe(true)
      } else {
        expect(targets).toEqual([`${basePath}${raw}`])
        expect(guardedAllows(raw)).toBe(true)
      }
    })

    it.each(rows)(
      'S01: $id ($what) reaches the configured host under its base, byte for byte, or nothing',
      async ({ raw }) => {
        for (const [name, base] of [
          ['open', basePath],
          ['bare', ''],
          ['lenient', basePath],
        ] as const) {
          const { targets } = await callPath(`/${name}${raw}`)
          // An upstream's bare origin is asked for as `/`: there is no shorter target.
          const sent = `${base}${raw}` === '' ? '/' : `${base}${raw}`
          expect(targets.length === 0 ? [] : targets).toEqual(targets.length === 0 ? [] : [sent])
          for (const target of targets)
            expect(target.startsWith(`${base}/`) || target === base || target === '/').toBe(true)
        }
        expect(elsewhere.requests).toEqual([])
      },
    )
  },
)

describe('paths over sockets', () => {
  it('P04: forwards a plain path and its query byte for byte', async () => {
    for (const rest of [
      '/orders',
      '/orders/1?a=1&b=%20%2F..%2F&&=',
      '/orders?',
      '/orders/a.b~c_d-e',
      "/orders/(!$&'*+,=:@)",
    ]) {
      expect((await callPath(`/guarded${rest}`)).targets).toEqual([`${basePath}${rest}`])
    }
  })

  it.each([
    ['/orders/%2e%2e/admin', 400, 'path_invalid'],
    ['/orders/../admin', 400, 'path_invalid'],
    ['/orders/..%2fadmin', 400, 'path_invalid'],
    ['/orders/..;/admin', 400, 'path_invalid'],
    ['/orders//x', 400, 'path_invalid'],
    ['/%6frders', 400, 'path_invalid'],
    ['/orders%00', 400, 'path_invalid'],
    ['/orders%', 400, 'path_invalid'],
    ['/admin', 403, 'scope_insufficient'],
    ['/admin/users', 403, 'scope_insufficient'],
    ['/Orders', 403, 'route_not_allowed'],
    ['/orders/', 403, 'route_not_allowed'],
  ])('P04: refuses GET %s with %d %s', async (path, status, code) => {
    expect(await callPath(`/guarded${path}`)).toEqual({ status, code, targets: [] })
  })

  it.each([
    ['/other?x=/orders', 'in the query'],
    ['/other%23/orders', 'behind an encoded fragment mark'],
    ['/other%3f/orders', 'behind an encoded question mark'],
    ['/other?/orders', 'as the whole query'],
    ['/admin?/../orders', 'as a way back in the query'],
  ])('P06: an allowed path %s (%s) opens nothing', async (path) => {
    const { status, targets } = await callPath(`/guarded${path}`)
    expect(status).toBe(403)
    expect(targets).toEqual([])
  })

  it('S01: an absolute request target names no other host', async () => {
    const { status, targets } = await callPath(`http://127.0.0.1:${elsewhere.port}/open/orders`)
    expect(elsewhere.connections()).toBe(0)
    if (targets.length > 0) expect(targets).toEqual([`${basePath}/orders`])
    else expect(status).toBeGreaterThanOrEqual(400)
  })

  it('P01: a foreign, an unknown and a malformed upstream are told apart by nobody', async () => {
    const answers = await Promise.all(
      [
        '/foreign/x',
        '/unknown/x',
        '/__proto__/x',
        '/constructor/x',
        '/Guarded/x',
        `/${'a'.repeat(600)}/x`,
      ].map((target) => edge.call('GET', target)),
    )
    const shapes = answers.map((answer) => {
      const body = JSON.parse(answer.text()) as Record<string, unknown>
      return { status: answer.status, ...body, requestId: typeof body['requestId'] }
    })
    for (const shape of shapes) expect(shape).toEqual(shapes[0])
    expect(shapes[0]).toMatchObject({ status: 404, code: 'upstream_unknown' })
    expect(elsewhere.connections() + upstream.requests.length).toBe(0)
  })

  it.each([
    'x-forwarded-uri',
    'x-original-url',
    'x-rewrite-url',
    'x-forwarded-host',
    'x-forwarded-prefix',
    'x-http-method-override',
    'x-method-override',
    'x-forwarded-for',
    'countersign-path',
  ])('P03: %s changes neither route nor destination', async (name) => {
    const value = name.includes('method') ? 'DELETE' : '/guarded/admin'
    const answer = await edge.call('GET', '/guarded/orders', { headers: [[name, value]] })
    expect(answer.status).toBe(200)
    expect(upstream.requests.map(({ method, target }) => `${method} ${target}`)).toEqual(['GET /v1/orders'])
    expect(upstream.requests[0]?.header(name)).toBeNull()

    const refused = await edge.call('GET', '/guarded/admin', { headers: [[name, '/guarded/orders']] })
    expect(refused.status).toBe(403)
  })

  it('P03: the Host header chooses nothing', async () => {
    const bytes = Buffer.from(
      `GET /guarded/orders HTTP/1.1\r\nhost: 127.0.0.1:${elsewhere.port}\r\nauthorization: Bearer ${edge.token()}\r\n\r\n`,
    )
    const { answers } = await edge.send(bytes)
    expect(answers[0]?.status).toBe(200)
    expect(upstream.requests[0]?.header('host')).toBe(`127.0.0.1:${upstream.port}`)
    expect(elsewhere.connections()).toBe(0)
  })

  it.each([
    'api_base',
    'base_url',
    'url',
    'target',
    'endpoint',
    'api-base',
    'x-upstream',
    'x-target-url',
    'x-portkey-custom-host',
  ])('S02: %s in header, query or body leads nowhere', async (name) => {
    const there = elsewhere.origin
    await edge.call('GET', `/open/x?${name}=${there}`, { headers: [[name.replaceAll('_', '-'), there]] })
    await edge.call('POST', '/open/x', {
      body: JSON.stringify({ [name]: there }),
      headers: [['content-type', 'application/json']],
    })
    expect(upstream.requests).toHaveLength(2)
    expect(elsewhere.connections()).toBe(0)
  })
})

describe('any path', () => {
  const pieces = [
    '/',
    '/',
    '/',
    '//',
    'orders',
    'admin',
    '.',
    '..',
    '%2e',
    '%2E%2e',
    '%2f',
    '%2F',
    '%5c',
    '\\',
    ';',
    ';x=1',
    '%00',
    '%0d%0a',
    '%',
    '%zz',
    '%c3%a9',
    '%c0%ae',
    '%ff',
    '?',
    '?',
    '#',
    '&',
    '=',
    '%61',
    '%7e',
    '~',
    '@',
    ':',
    '%25',
    '%252e',
    '+',
    '*',
    'a',
    'é',
    '．',
    '\t',
    '|',
    '"',
    "'",
    '<',
    '{',
    '`',
    '^',
    '%20',
    '[',
    ']',
    'https:',
    'evil.test',
    '\u0001',
    '\u007f',
  ]
  const anyRest = fc
    .array(fc.constantFrom(...pieces), { minLength: 0, maxLength: 8 })
    .map((parts) => `/${parts.join('')}`)

  it('P04: what was matched is what was sent and signed, or nothing was sent', async () => {
    const seen = { forwarded: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('guarded', 'open', 'bare', 'lenient'), anyRest, async (name, rest) => {
        const { status, targets, code } = await callPath(`/${name}${rest}`)
        if (targets.length === 0) {
          seen.refused += 1
          expect(status).toBeGreaterThanOrEqual(400)
          expect(status).toBeLessThan(500)
          // Whatever the Worker was handed, it answered by one of these; without a code it was the runtime.
          if (code !== null)
            expect(['path_invalid', 'route_not_allowed', 'scope_insufficient']).toContain(code)
          return
        }
        seen.forwarded += 1
        // The runtime cuts a raw fragment off before the Worker runs; it exists for nobody then.
        const handed = rest.replace(/#.*$/s, '')
        // The signature over exactly this target is verified for every request when the edge stops.
        expect(targets).toEqual([`${name === 'bare' ? '' : basePath}${handed}`])
        if (name === 'guarded') expect(guardedAllows(handed.replace(/\?.*$/s, ''))).toBe(true)
      }),
      { numRuns: 1_500 },
    )
    expect(seen.forwarded).toBeGreaterThan(50)
    expect(seen.refused).toBeGreaterThan(50)
  }, 120_000)
})
