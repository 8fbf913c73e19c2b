import { describe, expect, test } from 'vitest'
import { type ProblemCode, problems, Refusal } from '../../src/core/problems.ts'
import { KeyStore } from '../../src/credentials/keys.ts'
import { createApp } from '../../src/http/app.ts'
import { setTimer } from '../../src/http/timer.ts'
import { bindings, fine, pipeline, problemOf } from './pipeline.ts'

const codes = Object.keys(problems) as ProblemCode[]
const shop = { origin: 'https://shop.test' }

/** A pipeline whose tokens end in this refusal, so that every code can be seen from outside. */
const refusing = (code: ProblemCode) =>
  pipeline(fine, {
    verify: () => {
      throw new Refusal(code, { reason: 'inner reason' })
    },
  })

const faulty = () => {
  const lines: string[] = []
  const app = createApp({ kind: 'faulty' }, [], { now: () => 0, log: (line) => lines.push(line) })
  const call = (path: string, init?: RequestInit): Promise<Response> =>
    app(new Request(`https://edge.test${path}`, init), { waitUntil: () => {} })
  return { call, lines }
}

describe('every refusal', () => {
  test.each(codes)('%s has its status, id and code, and CORS for an allowed origin (C02)', async (code) => {
    const { call, lines } = refusing(code)
    const response = await call('/open/things', { headers: shop })
    expect(response.status).toBe(problems[code].status)
    expect(response.headers.get('access-control-allow-origin')).toBe('https://shop.test')
    expect(response.headers.get('access-control-expose-headers')).toBe('*')
    expect(response.headers.get('vary')).toBe('Origin')
    expect(response.headers.has('access-control-allow-credentials')).toBe(false)
    const id = response.headers.get('countersign-request-id')
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({ code, requestId: id })
    expect(text).not.toContain('inner reason')
    expect(lines[0]).toMatchObject({ id, code, owner: problems[code].owner, reason: 'inner reason' })
  })

  test('of something unforeseen is internal_error, and says nothing', async () => {
    const { call, lines } = pipeline(fine, {
      verify: () => {
        throw new TypeError('made-up-secret in a message')
      },
    })
    const response = await call('/open/things')
    expect(response.status).toBe(500)
    const text = await response.text()
    expect(text).toContain('internal_error')
    expect(text + JSON.stringify(lines)).not.toContain('made-up')
    expect(lines[0]).toMatchObject({ reason: 'TypeError' })
  })
})

describe('C01: CORS', () => {
  test.each([
    'https://shop.test.evil.test',
    'https://evil-shop.test',
    'http://shop.test',
    'https://shop.test:8443',
    'https://SHOP.test',
    'null',
    'https://shop.test ,https://shop.test',
  ])('is not for %s: refused, and not marked', async (origin) => {
    const { call, accounts } = pipeline()
    const response = await call('/open/things', { headers: { origin } })
    expect(await problemOf(response)).toBe('origin_not_allowed')
    expect(response.headers.has('access-control-allow-origin')).toBe(false)
    expect(response.headers.get('vary')).toBe('Origin')
    expect(accounts.diary).toEqual(['refused checkout origin_not_allowed'])
  })

  test("is on the upstream's answer for the team's origin, behind the upstream's own Vary", async () => {
    const { call } = pipeline(
      () => new Response('fine', { headers: { vary: 'accept', 'access-control-allow-origin': '*' } }),
    )
    const response = await call('/open/things', { headers: shop })
    expect(response.status).toBe(200)
    expect(response.headers.get('access-control-allow-origin')).toBe('https://shop.test')
    expect(response.headers.get('vary')).toBe('accept, Origin')
  })

  test("of another team's origin is 403, which that site may read", async () => {
    const { call } = pipeline()
    const response = await call('/open/things', { headers: { origin: 'https://other-shop.test' } })
    expect(response.headers.get('access-control-allow-origin')).toBe('https://other-shop.test')
    expect(await problemOf(response)).toBe('origin_not_allowed')
  })

  test('has Vary: Origin also where there was no Origin', async () => {
    const { call } = pipeline()
    expect((await call('/open/things')).headers.get('vary')).toBe('Origin')
  })

  test.each(['/healthz', '/problems', '/api/whoami', '/oauth/token'])(
    'is not on our own %s',
    async (path) => {
      const { call } = pipeline()
      const response = await call(path, { headers: shop })
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([])
    },
  )
})

describe('C03: a preflight', () => {
  const preflight = (
    origin: string | null,
    path = '/open/things',
    more: Readonly<Record<string, string>> = {},
  ) => {
    const made = pipeline()
    const headers = { authorization: 'none', 'access-control-request-method': 'POST', ...more }
    return {
      ...made,
      answered: made.call(path, {
        method: 'OPTIONS',
        headers: origin === null ? headers : { ...headers, origin },
      }),
    }
  }

  test('is answered from the origins of all teams, without a token, an account or an upstream', async () => {
    for (const origin of ['https://shop.test', 'https://other-shop.test']) {
      const { answered, accounts, sent } = preflight(origin)
      const response = await answered
      expect(response.status).toBe(204)
      expect(response.headers.get('access-control-allow-origin')).toBe(origin)
      expect(response.headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE')
      expect(response.headers.get('access-control-allow-headers')).toContain('countersign-authorization')
      expect(response.headers.get('access-control-allow-headers')).toContain('x-trace-me')
      expect(response.headers.get('access-control-max-age')).toBe('600')
      expect(response.headers.get('vary')).toBe('Origin')
      expect([accounts.diary, sent]).toEqual([[], []])
    }
  })

  test('from elsewhere, or from nowhere, allows nothing', async () => {
    for (const origin of ['https://evil.test', 'null', null]) {
      const response = await preflight(origin).answered
      expect(response.status).toBe(204)
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([])
      expect(response.headers.get('vary')).toBe('Origin')
    }
  })

  test.each(['/nowhere', '/open/none', '/', '/open//x', '/open/%2e%2e/x'])(
    'does not look at the path %s',
    async (path) => {
      expect((await preflight('https://shop.test', path).answered).status).toBe(204)
    },
  )

  test('gives the same answer whatever it asks for', async () => {
    const asks = [
      {},
      { 'access-control-request-method': 'TRACE', 'access-control-request-headers': 'x-unknown' },
      { 'access-control-request-headers': ' '.repeat(60_000) },
      { 'access-control-request-private-network': 'true' },
    ]
    const answers = await Promise.all(
      asks.map(async (ask) => {
        const { headers } = await preflight('https://shop.test', '/open/things', ask).answered
        return JSON.stringify([...headers].filter(([name]) => name !== 'countersign-request-id'))
      }),
    )
    expect(new Set(answers).size).toBe(1)
  })
})

describe('H08: a method', () => {
  test.each(
    ['PROPFIND', 'PURGE', 'get', 'Post', 'QUERY'].filter(
      (method) => new Request('https://x.test', { method }).method === method,
    ),
  )('that is %s is 405 and names those that are', async (method) => {
    const { call, sent } = pipeline()
    const response = await call('/open/any/x', { method, headers: { authorization: 'none' } })
    expect(response.status).toBe(405)
    expect(await problemOf(response)).toBe('method_not_allowed')
    expect(response.headers.get('allow')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS')
    expect(sent).toHaveLength(0)
  })

  test.each(['TRACE', 'CONNECT', 'TRACK'])('that is %s never reaches an upstream', async (method) => {
    const { call, deps } = pipeline()
    void call
    const request = new Request('https://edge.test/open/any/x')
    Object.defineProperty(request, 'method', { value: method })
    const app = createApp({ kind: 'ready', deps, complete: true }, [], { now: () => 0, log: () => {} })
    const response = await app(request, { waitUntil: () => {} })
    expect(await problemOf(response)).toBe('method_not_allowed')
  })

  test.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])('that is %s is forwarded', async (method) => {
    const { call, sent } = pipeline(() => new Response(null))
    await call('/open/any/x', { method })
    expect(sent[0]?.method).toBe(method)
  })
})

describe('health', () => {
  test('is ok while the Worker runs; readiness says degraded when a key is not usable, and names none', async () => {
    const { call } = pipeline()
    const healthy = await call('/healthz', { headers: { authorization: 'none' } })
    expect([healthy.status, await healthy.json()]).toEqual([200, { status: 'ok' }])
    expect(healthy.headers.get('countersign-request-id')).not.toBe(null)
    const ready = await call('/readyz', { headers: { authorization: 'none' } })
    expect([ready.status, await ready.text()]).toEqual([200, '{"status":"degraded"}'])
    expect(ready.headers.get('cache-control')).toBe('no-store')
  })

  test('is told before routes of our own are made, and afterwards the same', async () => {
    const { deps } = pipeline()
    let made = 0
    const own = async (): Promise<[]> => {
      made += 1
      return []
    }
    const app = createApp({ kind: 'ready', deps, complete: true }, own, { now: () => 0, log: () => {} })
    const answerTo = async (path: string): Promise<readonly unknown[]> => {
      const response = await app(new Request(`https://edge.test${path}`), { waitUntil: () => {} })
      return [response.status, await response.text(), response.headers.get('cache-control')]
    }
    const before = [await answerTo('/healthz'), await answerTo('/readyz')]
    expect(made).toBe(0)
    await answerTo('/problems/rate_limited')
    expect(made).toBe(1)
    expect([await answerTo('/healthz'), await answerTo('/readyz')]).toEqual(before)
  })

  test('is ready when all keys are', async () => {
    const { call } = pipeline(fine, {
      keys: new KeyStore({ bindings: { ...bindings, NOT_BOUND: 'made-up' }, now: () => 0, setTimer }),
    })
    expect(await (await call('/readyz')).json()).toEqual({ status: 'ok' })
  })

  test('says degraded when a binding of the platform is missing', async () => {
    const keys = new KeyStore({ bindings: { ...bindings, NOT_BOUND: 'made-up' }, now: () => 0, setTimer })
    const deps = { ...pipeline().deps, keys }
    const app = createApp({ kind: 'ready', deps, complete: false }, [], { now: () => 0, log: () => {} })
    const ready = await app(new Request('https://edge.test/readyz'), { waitUntil: () => {} })
    expect([ready.status, await ready.text()]).toEqual([200, '{"status":"degraded"}'])
  })
})

describe('P05: a faulty configuration', () => {
  test.each(['GET', 'POST', 'OPTIONS', 'PROPFIND'])(
    'answers every call with config_invalid (%s)',
    async (method) => {
      const { call, lines } = faulty()
      for (const path of ['/open/things', '/', '/open/%2e%2e', '/api/teams', '/oauth/token']) {
        const response = await call(path, { method, headers: { authorization: 'Bearer x', ...shop } })
        expect(response.status).toBe(500)
        expect(await response.json()).toMatchObject({ code: 'config_invalid' })
        expect(response.headers.has('access-control-allow-origin')).toBe(false)
        expect(response.headers.get('vary')).toBe('Origin')
      }
      expect(lines.length).toBe(5)
    },
  )

  test('still runs, is not ready, and explains its codes', async () => {
    const { call } = faulty()
    expect((await call('/healthz')).status).toBe(200)
    expect((await call('/readyz')).status).toBe(503)
    expect((await call('/problems/config_invalid')).status).toBe(200)
  })
})

describe('our own paths', () => {
  test.each([
    ['POST', '/healthz'],
    ['DELETE', '/readyz'],
    ['PUT', '/problems/rate_limited'],
    ['PROPFIND', '/healthz'],
  ])('H08: answer a method that they do not have with 405: %s %s', async (method, path) => {
    const response = await pipeline().call(path, { method })
    expect(response.headers.get('allow')).toBe('GET, HEAD')
    expect([response.status, await problemOf(response)]).toEqual([405, 'method_not_allowed'])
  })

  test.each(['/api', '/docs', '/oauth/none', '/.well-known/none', '/favicon.ico'])(
    'H08: refuse a method that nobody may send before they look for the path: %s',
    async (path) => {
      const response = await pipeline().call(path, { method: 'PROPFIND' })
      expect(response.headers.get('allow')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS')
      expect([response.status, await problemOf(response)]).toEqual([405, 'method_not_allowed'])
    },
  )

  test.each(['/api/none', '/oauth/none', '/docs', '/.well-known/none', '/favicon.ico'])(
    '%s has nothing: 404 that says so, and no upstream is asked',
    async (path) => {
      const { call, accounts } = pipeline()
      const response = await call(path)
      expect(response.status).toBe(404)
      expect(await problemOf(response)).toBe('upstream_unknown')
      expect(accounts.diary).toEqual([])
    },
  )

  test.each([
    ['/%61pi/teams', 'path_invalid'],
    ['/api%2fteams', 'path_invalid'],
    ['//api/teams', 'path_invalid'],
    ['/API/teams', 'upstream_unknown'],
    ['/healthz2', 'upstream_unknown'],
  ])('are not what %s is: %s', async (path, code) => {
    const { call } = pipeline()
    expect(await problemOf(await call(path))).toBe(code)
  })
})

describe('promise 1: an upstream secret', () => {
  test('stands in no answer and no line, whatever the upstream does with it', async () => {
    const plays = [
      () =>
        new Response('x', {
          headers: { 'x-echo': 'Bearer made-up-open-2', location: '/v1/?k=made-up-open-2' },
        }),
      () => new Response(null, { status: 302, headers: { location: 'https://x.test/?made-up-open-2' } }),
      () => Promise.reject(new Error('made-up-open-2')),
      () => new Response(null, { status: 401, statusText: 'made-up-open-2' }),
    ]
    for (const play of plays) {
      const { call, lines } = pipeline(play)
      const response = await call('/open/things')
      const seen = [response.statusText, await response.text(), ...response.headers, lines]
      expect(JSON.stringify(seen)).not.toContain('made-up')
    }
  })
})
