import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Answer } from './harness/client.ts'
import { exchange } from './harness/client.ts'
import { callBytes, type Edge, startEdge } from './harness/edge.ts'
import { findMarkers, markerText } from './harness/markers.ts'
import { headerValues } from './harness/message.ts'
import { answerBytes } from './upstreams/answers.ts'
import { misbehave } from './upstreams/behaviours.ts'
import { type RawUpstream, startUpstream } from './upstreams/upstream.ts'

const timeoutMs = 600

let upstream: RawUpstream
let elsewhere: RawUpstream
let plaintext: RawUpstream
let edge: Edge

beforeAll(async () => {
  elsewhere = await startUpstream((_request, socket) => void socket.write(answerBytes(200)))
  plaintext = await startUpstream(() => {}, {
    onConnect: (socket) => {
      socket.end('HTTP/1.1 400 This port speaks no TLS\r\n\r\n')
      return 'handled'
    },
  })
  upstream = await startUpstream(misbehave({ elsewhere: elsewhere.origin, itself: () => upstream.origin }))
  const common = { routes: { '* /**': 'all' }, timeoutMs, uploadTimeoutMs: timeoutMs }
  edge = await startEdge({
    upstreams: {
      plug: {
        ...common,
        url: `${upstream.origin}/base`,
        sign: { scheme: 'plugipay' },
        keys: { main: 'PLUG_KEY' },
      },
      bear: {
        ...common,
        url: `${upstream.origin}/base`,
        sign: { scheme: 'bearer' },
        keys: { main: 'BEARER_KEY' },
      },
      closed: {
        ...common,
        url: 'http://127.0.0.1:1',
        sign: { scheme: 'plugipay' },
        keys: { main: 'PLUG_KEY' },
      },
      tls: {
        ...common,
        url: plaintext.origin.replace('http:', 'https:'),
        sign: { scheme: 'plugipay' },
        keys: { main: 'PLUG_KEY' },
      },
    },
    secrets: { BEARER_KEY: markerText() },
  })
})

afterAll(async () => {
  await edge.stop({ upstreams: [upstream, elsewhere] })
  await upstream.stop()
  await elsewhere.stop()
  await plaintext.stop()
})

beforeEach(() => {
  upstream.clear()
  elsewhere.clear()
})

const get = (behaviour: string): Promise<Answer> => edge.call('GET', `/plug/${behaviour}`)

const problem = (answer: Answer) => ({ status: answer.status, code: answer.header('countersign-error') })
const badResponse = { status: 502, code: 'upstream_bad_response' }
const unreachable = { status: 502, code: 'upstream_unreachable' }
const timeout = { status: 504, code: 'upstream_timeout' }

describe('an upstream that does not answer', () => {
  it.each(['silent', 'half-head'])(
    'M01: %s is 504 within the configured time, and is asked once',
    async (name) => {
      expect(problem(await get(name))).toEqual(timeout)
      expect(upstream.requests).toHaveLength(1)
    },
  )

  it('M01: a port that nobody listens on is 502', async () => {
    expect(problem(await edge.call('GET', '/closed/x'))).toEqual(unreachable)
  })

  it('M01: an upstream that does not speak TLS is 502', async () => {
    expect(problem(await edge.call('GET', '/tls/x'))).toEqual(unreachable)
  })

  it('M09: a POST that ran out of time is never sent again, and its Idempotency-Key arrived signed', async () => {
    const headers = [['idempotency-key', 'pay-once-1']] as const
    expect(problem(await edge.call('POST', '/plug/silent', { body: '{}', headers }))).toEqual(timeout)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(upstream.requests).toHaveLength(1)
    expect(headerValues(upstream.requests[0] ?? { headers: [] }, 'idempotency-key')).toEqual(['pay-once-1'])
  })

  it.each(['reset-before-head', 'close-before-head'])(
    'M02: %s is 502, and a POST is not sent again',
    async (name) => {
      expect(problem(await edge.call('POST', `/plug/${name}`, { body: '{}' }))).toEqual(unreachable)
      expect(upstream.requests).toHaveLength(1)
    },
  )
})

describe('an answer that is cut short', () => {
  it.each(['reset-in-length', 'close-in-length'])('M02: %s never looks complete', async (name) => {
    const answer = await get(name)
    if (answer.status === 200) expect(answer.complete).toBe(false)
    else expect(problem(answer)).toEqual(unreachable)
  })

  // Local workerd ends a truncated chunked answer with a clean last chunk; docs/security.md says so.
  it('M02: a reset in chunks keeps the bytes that came and adds none', async () => {
    expect((await get('reset-in-chunks')).text()).toBe('x'.repeat(100))
  })

  it('M03: a client that leaves an infinite answer stops the upstream', async () => {
    const bytes = callBytes('GET', '/plug/infinite', edge.token())
    const { end } = await exchange(edge.port, bytes, {
      answers: Number.POSITIVE_INFINITY,
      timeoutMillis: 500,
    })
    expect(end).toBe('timeout')
    await expect.poll(() => upstream.open(), { timeout: 3_000 }).toBeLessThanOrEqual(idleConnections())
  })

  it('M03: one byte per second reaches the caller as it comes, beyond the timeout to the first byte', async () => {
    const bytes = callBytes('GET', '/plug/drip', edge.token())
    const { answers } = await exchange(edge.port, bytes, { timeoutMillis: 2_500 })
    expect(answers[0]?.status).toBe(200)
    expect(answers[0]?.body.length).toBeGreaterThanOrEqual(1)
  })
})

/** The runtime keeps a few idle connections to the upstream; none of them has a request under way. */
const idleConnections = () => upstream.connections() - 1

describe('a malformed answer', () => {
  it.each([
    'bad-header-name',
    'length-and-chunked',
    'duplicate-length',
    'nul-in-header',
    'bare-cr',
    'huge-headers',
    'many-headers',
  ])('M04: %s is 502 or passes in a form that nobody can misread', async (name) => {
    const answer = await get(name)
    if (answer.status === 200) {
      expect(
        headerValues(answer, 'content-length').length + headerValues(answer, 'transfer-encoding').length,
      ).toBe(1)
      expect(answer.complete).toBe(true)
      expect(answer.head.toString('latin1').replaceAll('\r\n', '')).not.toMatch(/[\r\n\0]/)
    } else {
      expect(answer.status).toBe(502)
    }
  })

  it('M04: a body with 204 never reaches a caller, this one or the next', async () => {
    const first = await get('body-with-204')
    expect([204, 502]).toContain(first.status)
    expect(first.body).toHaveLength(0)
    for (let call = 0; call < 5; call += 1) expect((await get('ok')).text()).toBe('ok')
  })
})

describe('statuses', () => {
  it.each(['interim-100', 'interim-103', 'interim-103-thousand'])(
    'M05: %s ends in the final answer or in 502, never in a 1xx',
    async (name) => {
      const answer = await get(name)
      if (answer.status === 200) expect(answer.text()).toBe('final')
      else expect(problem(answer)).toEqual(badResponse)
    },
  )

  it.each(['switching-101', 'status-999', 'status-000', 'http-09'])('M05: %s is 502', async (name) => {
    expect((await get(name)).status).toBe(502)
  })

  it('M05: after each of them the next call gets its own answer', async () => {
    for (const name of [
      'interim-100',
      'interim-103',
      'interim-103-thousand',
      'switching-101',
      'status-999',
      'http-09',
    ]) {
      await get(name)
      expect((await get('ok')).text()).toBe('ok')
    }
  })

  it('M07: a 429 of the upstream passes with its Retry-After and its own RateLimit members', async () => {
    const answer = await get('rate-limited')
    expect(answer.status).toBe(429)
    expect(answer.header('countersign-error')).toBeNull()
    expect(answer.header('retry-after')).toBe('17')
    expect(answer.header('ratelimit')).toContain('"theirs";r=0;t=17')
    expect(answer.header('ratelimit-policy')).toContain('"theirs";q=100;w=1')
    expect(answer.text()).toBe('slow down')
  })

  it('M07: a 503 of the upstream passes with its Retry-After', async () => {
    const answer = await get('unavailable')
    expect({ ...problem(answer), text: answer.text() }).toEqual({ status: 503, code: null, text: 'later' })
    expect(answer.header('retry-after')).toBe('9')
  })

  it.each([
    ['unauthorized', 401],
    ['forbidden', 403],
  ])("M08: the upstream's %s passes as it is, marked by a Link to its explanation", async (name, status) => {
    const answer = await get(name)
    expect(answer.status).toBe(status)
    expect(answer.header('countersign-error')).toBeNull()
    expect(answer.header('www-authenticate')).toBeNull()
    expect(answer.header('link')).toMatch(/<[^>]*\/problems\/upstream_refused>; *rel="?help"?/)
    expect(answer.text()).toBe('{"error":"theirs"}')
  })
})

describe('redirects', () => {
  const statuses = [301, 302, 303, 307, 308]

  it.each(statuses)(
    'S03: a %d to another host, or with another scheme, is passed on and never followed',
    async (status) => {
      for (const kind of ['elsewhere', 'scheme']) {
        const answer = await get(`redirect-${status}-${kind}`)
        expect([status, 502]).toContain(answer.status)
        if (answer.status === status)
          expect(answer.header('location')).toContain(`127.0.0.1:${elsewhere.port}`)
      }
      expect(elsewhere.connections()).toBe(0)
      expect(upstream.requests).toHaveLength(2)
    },
  )

  it.each(statuses)('S03: a %d to the upstream itself leads to our path for it', async (status) => {
    const answer = await get(`redirect-${status}-itself`)
    expect(answer.status).toBe(status)
    const location = answer.header('location') ?? ''
    expect(new URL(location, 'https://edge.test/plug/').pathname).toBe('/plug/ok')
    expect(location).not.toContain(String(upstream.port))
    expect(upstream.requests).toHaveLength(1)
  })

  it.each(statuses)('S03: a relative %d stays relative to our path', async (status) => {
    const answer = await get(`redirect-${status}-relative`)
    expect(new URL(answer.header('location') ?? '', 'https://edge.test/plug/x').href).toBe(
      'https://edge.test/plug/ok',
    )
  })

  it('S03: a redirect elsewhere is 502 when the token came in Countersign-Authorization, which clients carry along', async () => {
    const answer = await edge.call('GET', '/plug/redirect-302-elsewhere', {
      token: null,
      headers: [['countersign-authorization', `Bearer ${edge.token()}`]],
    })
    expect(problem(answer)).toEqual(badResponse)
    expect(answer.header('location')).toBeNull()
  })

  it('S03: a redirect out of the base, on the same host, is not rewritten to a path that would be refused', async () => {
    const answer = await edge.call('GET', '/plug/redirect-302-outside')
    expect([302, 502]).toContain(answer.status)
    if (answer.status === 302) expect(answer.header('location')).toBe(`${upstream.origin}/outside`)
  })
})

describe("an answer's headers", () => {
  const ours = ['set-cookie', 'access-control-allow-origin', 'access-control-allow-credentials', 'clear-site-data',
    'service-worker-allowed', 'strict-transport-security', 'alt-svc', 'report-to', 'nel', 'reporting-endpoints',
    'refresh', 'www-authenticate'] // biome-ignore format: names

  it.each(ours)('M06, C04: %s of an upstream is dropped', async (name) => {
    expect((await get('origin-headers')).header(name)).toBeNull()
  })

  it('C04: what is left is private, and nothing of ours can be forged', async () => {
    const answer = await get('origin-headers')
    expect(answer.header('x-kept')).toBe('yes')
    expect(answer.header('cache-control')).not.toMatch(/public/)
    expect(answer.header('cache-control')).toMatch(/private|no-store/)
    expect(headerValues(answer, 'countersign-request-id')).toHaveLength(1)
    expect(answer.header('countersign-request-id')).not.toContain('forged')
    expect(answer.header('countersign-error')).toBeNull()
  })

  it('C05: HTML of an upstream is sandboxed and never sniffed', async () => {
    for (const name of ['origin-headers', 'ok']) {
      const answer = await get(name)
      expect(answer.header('x-content-type-options')).toBe('nosniff')
      expect(headerValues(answer, 'content-security-policy').some((value) => /\bsandbox\b/.test(value))).toBe(
        true,
      )
    }
  })

  it.each([
    'keep-alive',
    'proxy-authenticate',
    'proxy-authentication-info',
    'proxy-connection',
    'trailer',
    'te',
    'upgrade',
    'x-named',
  ])('H07: %s is removed', async (name) => {
    expect((await get('hop-by-hop')).header(name)).toBeNull()
  })

  it('H07: a Connection that names no field harms nothing', async () => {
    expect((await get('hop-by-hop-nonsense')).text()).toBe('ok')
  })

  it('K05: an answer header that holds the credential is dropped', async () => {
    for (const name of ['reflect-header', 'reflect-location']) {
      const answer = await edge.call('GET', `/bear/${name}`)
      expect(upstream.requests.at(-1)?.header('authorization')).toContain(edge.secrets['BEARER_KEY'])
      expect(findMarkers(answer.head.toString('latin1'), bearerMarkers())).toEqual([])
    }
  })

  it('K05: a body that reflects the credential passes unread, as documented, and is in no log', async () => {
    const { answers } = await exchange(edge.port, callBytes('GET', '/bear/reflect-body', edge.token()))
    expect(answers[0]?.status).toBe(401)
    expect(findMarkers(answers[0]?.text() ?? '', bearerMarkers())).not.toEqual([])
    expect(findMarkers(edge.running.output(), bearerMarkers())).toEqual([])
  })

  const bearerMarkers = () => [{ name: 'BEARER_KEY', text: edge.secrets['BEARER_KEY'] ?? '' }]
})

describe('bodies of answers', () => {
  it('B05: gzip passes byte for byte, with its length', async () => {
    const answer = await edge.call('GET', '/plug/gzip', { headers: [['accept-encoding', 'gzip']] })
    expect(answer.body).toEqual(gzipSync('z'.repeat(100_000)))
    expect(answer.header('content-encoding')).toBe('gzip')
    expect(answer.header('content-length')).toBe(String(answer.body.length))
  })

  it('B05: a gzip bomb passes packed', async () => {
    const answer = await edge.call('GET', '/plug/gzip-bomb', { headers: [['accept-encoding', 'gzip']] })
    expect(answer.body).toEqual(gzipSync(Buffer.alloc(50_000_000)))
  })

  it('B05: 204 and 304 have no body, 206 keeps its range', async () => {
    expect((await get('no-content')).status).toBe(204)
    const notModified = await get('not-modified')
    expect({ status: notModified.status, etag: notModified.header('etag') }).toEqual({
      status: 304,
      etag: '"a"',
    })
    const partial = await edge.call('GET', '/plug/partial', { headers: [['range', 'bytes=2-5']] })
    expect({ status: partial.status, range: partial.header('content-range'), text: partial.text() }).toEqual({
      status: 206,
      range: 'bytes 2-5/10',
      text: 'cdef',
    })
    expect(upstream.requests.at(-1)?.header('range')).toBe('bytes=2-5')
  })

  it('B05: HEAD passes the length and no body', async () => {
    const answer = await edge.call('HEAD', '/plug/head-length')
    expect({ status: answer.status, length: answer.header('content-length') }).toEqual({
      status: 200,
      length: '12345',
    })
    expect(upstream.requests[0]?.method).toBe('HEAD')
  })

  it('B05: events arrive while the stream is open', async () => {
    const bytes = callBytes('GET', '/plug/sse', edge.token())
    const { answers, end } = await exchange(edge.port, bytes, { timeoutMillis: 800 })
    expect(end).toBe('timeout')
    expect(answers[0]?.header('content-type')).toBe('text/event-stream')
    expect(answers[0]?.text()).toBe('data: first\n\n')
  })
})

/**
 * Last in this file: what an upstream sends beyond its answer stays on a connection that local workerd uses
 * again. See docs/security.md.
 */
describe('bytes behind an answer', () => {
  it('M04: the answer itself is the right one', async () => {
    expect((await get('bytes-after-body')).text()).toBe('first')
  })
})
