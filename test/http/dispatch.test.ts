import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Configuration } from '../../src/core/configuration.ts'
import { leaseRenewalsMax, mintedRefusedMillis } from '../../src/core/limits.ts'
import { Secret } from '../../src/core/redact.ts'
import { MintedTokens } from '../../src/credentials/minted.ts'
import { setTimer } from '../../src/http/timer.ts'
import type { BoundScheme, OpenKey } from '../../src/signing/scheme.ts'
import { SecretFault } from '../../src/signing/scheme.ts'
import { type Play, pipeline, pipelineConfig, problemOf } from './pipeline.ts'

/** The configuration with another way of signing for `open`. */
const signedBy = (sign: Extract<OpenKey, { kind: 'sign' }>['sign']): Configuration =>
  openedAs({ kind: 'sign', sign, stages: () => [], sends: [] })

const openedAs = (key: OpenKey): Configuration => {
  const config = pipelineConfig()
  const open = config.upstreams.get('open')
  if (open === undefined) throw new Error('open is not configured')
  const scheme: BoundScheme = {
    ...open.scheme,
    open: async () => key,
  }
  const upstream = { ...open, scheme }
  const teams = [...config.teams.keys()].flatMap((name) => {
    const team = config.teams.get(name)
    if (team === undefined) return []
    const grants = [...team.grants].map(
      ([granted, grant]) => [granted, granted === 'open' ? { ...grant, upstream } : grant] as const,
    )
    return [[name, { ...team, grants: new Map(grants) }] as const]
  })
  return { ...config, upstreams: new Map(config.upstreams).set('open', upstream), teams: new Map(teams) }
}

/** Answers nothing, until it is aborted. */
const silent: Play = ({ signal }) =>
  new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason))
  })

test('A07: what an upstream answers is neither taken from a cache nor kept in one', async () => {
  const { call, sent } = pipeline()
  await call('/open/things')
  expect(sent.map(({ cache }) => cache)).toEqual(['no-store'])
})

test('a fetched token that the upstream answers with 401 is fetched anew for the next call', async () => {
  let now = 1_000_000
  let fetched = 0
  const minted = new MintedTokens({
    setTimer,
    fetch: async () => {
      fetched += 1
      return Response.json({})
    },
  })
  const config = openedAs({
    kind: 'mint',
    mintRequest: () => ({ url: 'https://login.test/token', headers: [], body: '' }),
    parseMint: () => ({ token: new Secret(`made-up-${fetched}`), expiresAt: now + 3_600_000 }),
    thenSign: (_request, { token }) => ({ set: [['x-token', token.reveal()]] }),
  })
  const revoked: Play = ({ headers }) =>
    new Response(null, { status: headers.get('x-token') === 'made-up-1' ? 401 : 200 })
  const { call } = pipeline(revoked, { config, minted, now: () => now })
  expect((await call('/open/things')).status).toBe(401)
  expect((await call('/open/things')).status).toBe(401)
  now += mintedRefusedMillis
  expect((await call('/open/things')).status).toBe(401)
  expect((await call('/open/things')).status).toBe(200)
  expect(fetched).toBe(2)
})

describe('a unit', () => {
  test('is used in the same turn as the fetch: nothing runs between them', async () => {
    const events: string[] = []
    const { call, accounts } = pipeline(() => {
      events.push('fetch')
      return new Response('fine')
    })
    accounts.onCommit = () => {
      events.push('commit')
      queueMicrotask(() => events.push('next turn'))
    }
    await call('/open/things')
    expect(events).toEqual(['commit', 'fetch', 'next turn'])
  })

  test('whose lease is stale is renewed, and the request signed again at the new time', async () => {
    let now = 1_000_000
    const signedAt: number[] = []
    const config = signedBy((_request, moment) => {
      signedAt.push(moment.now)
      return { set: [['authorization', `at ${moment.now}`]] }
    })
    const { call, accounts, sent } = pipeline(() => new Response('fine'), { config, now: () => now })
    accounts.stale = 2
    accounts.onCommit = () => {
      now += 1_000
    }
    expect((await call('/open/things')).status).toBe(200)
    expect(accounts.diary).toEqual(['admit', 'stale', 'renew', 'stale', 'renew', 'commit', '2xx'])
    expect(signedAt).toEqual([1_000_000, 1_001_000, 1_002_000])
    expect(sent[0]?.headers.get('authorization')).toBe('at 1002000')
  })

  test('whose lease is fresh at the last renewal is used', async () => {
    const { call, accounts } = pipeline()
    accounts.stale = leaseRenewalsMax
    expect((await call('/open/things')).status).toBe(200)
    expect(accounts.diary.slice(-3)).toEqual(['renew', 'commit', '2xx'])
  })

  test('whose lease stays stale is not used: account_unavailable', async () => {
    const { call, accounts, sent } = pipeline()
    accounts.stale = Number.POSITIVE_INFINITY
    const response = await call('/open/things')
    expect(await problemOf(response)).toBe('account_unavailable')
    expect(response.headers.get('retry-after')).toBe('1')
    expect(sent).toHaveLength(0)
    expect(accounts.diary.filter((event) => event === 'stale')).toHaveLength(leaseRenewalsMax + 1)
    expect(accounts.diary.at(-2)).toBe('release')
  })

  test('is settled with how the call ended', async () => {
    const outcomes = [
      [200, '2xx'],
      [204, '2xx'],
      [304, '3xx'],
      [404, '4xx'],
      [500, '5xx'],
      [599, '5xx'],
    ] as const
    for (const [status, outcome] of outcomes) {
      const { call, accounts } = pipeline(() => new Response(null, { status }))
      expect((await call('/open/things')).status).toBe(status)
      expect(accounts.diary).toEqual(['admit', 'commit', outcome])
    }
  })

  test('U01: is used when the connection fails, and that is the upstream: 502', async () => {
    const { call, accounts, lines } = pipeline(() => {
      throw new TypeError('connect ECONNREFUSED 10.0.0.1:443 made-up-open-2')
    })
    const response = await call('/open/things')
    expect(response.status).toBe(502)
    const text = await response.text()
    expect(text).toContain('upstream_unreachable')
    expect(text + JSON.stringify(lines)).not.toMatch(/ECONNREFUSED|made-up/)
    expect(accounts.diary).toEqual(['admit', 'commit', 'unreachable'])
  })
})

describe('M05: an answer that is not final', () => {
  test.each([103, 101, 199, 600, 999])('with status %i is 502', async (status) => {
    const answer = new Response('x')
    Object.defineProperty(answer, 'status', { value: status })
    const { call } = pipeline(() => answer)
    const response = await call('/open/things')
    expect(response.status).toBe(502)
    expect(await problemOf(response)).toBe('upstream_bad_response')
  })
})

describe('K06: a signer that fails', () => {
  const failing = [
    [
      'throws',
      () => {
        throw new TypeError('bad PEM -----BEGIN made-up-open-2')
      },
    ],
    ['rejects', () => Promise.reject(new RangeError('made-up-open-2'))],
    [
      'throws something else',
      () => {
        throw 'made-up-open-2'
      },
    ],
    [
      'says so in our own words',
      () => {
        throw new SecretFault('the key is too short')
      },
    ],
    ['makes a header that cannot be sent', () => ({ set: [['x-signature', 'made-up\nopen-2'] as const] })],
  ] as const

  test.each(failing)(
    'and %s is 500 signer_error: nothing is sent, nothing is told, the unit comes back',
    async (_how, sign) => {
      const { call, sent, accounts, lines } = pipeline(() => new Response('fine'), { config: signedBy(sign) })
      const response = await call('/open/things')
      expect(response.status).toBe(500)
      const text = await response.text()
      expect(text).toContain('"code":"signer_error"')
      expect(text + JSON.stringify([...response.headers])).not.toMatch(/made-up|PEM|short/)
      expect(JSON.stringify(lines)).not.toMatch(/made-up|PEM/)
      expect(sent).toHaveLength(0)
      expect(accounts.diary).toEqual(['admit', 'release', 'refused checkout signer_error'])
    },
  )
})

describe('M01: time to the first byte', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('is timeoutMs for an empty body: 504', async () => {
    const { call, accounts } = pipeline(silent)
    const answered = call('/open/things')
    await vi.advanceTimersByTimeAsync(29_999)
    expect(accounts.diary).toEqual(['admit', 'commit'])
    await vi.advanceTimersByTimeAsync(1)
    const response = await answered
    expect(response.status).toBe(504)
    expect(await problemOf(response)).toBe('upstream_timeout')
    expect(accounts.diary).toEqual(['admit', 'commit', 'timeout'])
  })

  test('is timeoutMs for a body that was read, and uploadTimeoutMs for one that streams', async () => {
    const read = pipeline(silent)
    const readAnswer = read.call('/signed/x', { method: 'POST', body: 'abc' })
    const streamed = pipeline(silent)
    const streamedAnswer = streamed.call('/open/things', {
      method: 'POST',
      body: 'abc',
      headers: { 'content-length': '3' },
    })
    while (read.sent.length + streamed.sent.length < 2) await new Promise((resolve) => setImmediate(resolve))
    await vi.advanceTimersByTimeAsync(30_000)
    expect((await readAnswer).status).toBe(504)
    expect(streamed.accounts.diary).toEqual(['admit', 'commit'])
    await vi.advanceTimersByTimeAsync(270_000)
    expect((await streamedAnswer).status).toBe(504)
  })

  test('counts to the headers alone: a body may take as long as it likes, and no timer is left', async () => {
    const { call, accounts } = pipeline(() => new Response(new ReadableStream()))
    const response = await call('/open/things')
    expect(response.status).toBe(200)
    expect(vi.getTimerCount()).toBe(0)
    expect(accounts.diary).toEqual(['admit', 'commit', '2xx'])
  })
})

describe('U07: the bytes of an answer', () => {
  const counted = { 'content-length': '5' }
  test.each([
    ['GET', new Response('12345', { headers: counted }), 5],
    ['GET', new Response('of a length that nobody told'), null],
    ['GET', new Response('x', { headers: { 'content-length': 'x' } }), null],
    ['HEAD', new Response(null, { headers: counted }), 0],
    ['GET', new Response(null, { status: 304, headers: counted }), 0],
    ['GET', new Response(null, { status: 204 }), 0],
  ])('of %s are those that are sent (%#)', async (method, answer, booked) => {
    const { call, accounts } = pipeline(() => answer)
    await call('/open/things', { method })
    expect(accounts.bytesOut).toEqual([booked])
  })
})

describe('nobody listens any more for a client that leaves', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  interface Ends {
    readonly answer: (response: Response) => void
    readonly fail: (error: Error) => void
    readonly leave: () => void
  }

  test.each<[string, number, (ends: Ends) => unknown]>([
    ['an answer, although its body goes on', 200, ({ answer }) => answer(new Response(new ReadableStream()))],
    ['a failure', 502, ({ fail }) => fail(new TypeError('reset'))],
    ['a timeout', 504, () => vi.advanceTimersByTimeAsync(30_000)],
    ['it left', 502, ({ leave }) => leave()],
  ])('after %s', async (_what, status, end) => {
    const { promise, resolve: answer, reject: fail } = Promise.withResolvers<Response>()
    const client = new AbortController()
    const listeners = (): number => getEventListeners(client.signal, 'abort').length
    const { call } = pipeline(() => promise)
    const answered = call('/open/things', { signal: client.signal })
    await vi.waitFor(() => expect(listeners()).toBe(1))
    await end({ answer, fail, leave: () => client.abort() })
    expect((await answered).status).toBe(status)
    expect(listeners()).toBe(0)
  })
})

describe('a client that leaves', () => {
  test('U01: while the upstream is silent ends the call, and is booked once', async () => {
    const { call, accounts, sent } = pipeline(silent)
    const leaving = new AbortController()
    const answered = call('/open/things', { signal: leaving.signal })
    await vi.waitFor(() => expect(sent).toHaveLength(1))
    leaving.abort()
    expect((await answered).status).toBe(502)
    expect(accounts.diary).toEqual(['admit', 'commit', 'aborted'])
  })

  test('before anything was sent uses no unit', async () => {
    const { call, accounts, sent } = pipeline()
    const leaving = new AbortController()
    let admit = (): void => {}
    accounts.slowly = new Promise((resolve) => {
      admit = resolve
    })
    const answered = call('/open/things', { signal: leaving.signal })
    await vi.waitFor(() => expect(accounts.diary).toEqual(['admit']))
    leaving.abort()
    admit()
    await answered
    expect(sent).toHaveLength(0)
    expect(accounts.diary).toContain('release')
  })
})

describe('a chunked upload', () => {
  /** Reads the body as the runtime would, and fails like it when that fails. */
  const reads: Play = async ({ body, signal }) => {
    const aborted = new Promise<never>((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason))
    })
    await Promise.race([new Response(body).arrayBuffer(), aborted])
    return new Response('fine')
  }

  const chunked = (sizes: readonly number[], end: 'close' | 'break off' = 'close'): RequestInit => {
    const left = [...sizes]
    const body = new ReadableStream({
      pull(controller) {
        const size = left.shift()
        if (size !== undefined) controller.enqueue(new Uint8Array(size).fill(120))
        else if (end === 'close') controller.close()
        else controller.error(new Error('reset'))
      },
    })
    return { method: 'POST', duplex: 'half', body } as RequestInit
  }

  test('B01: as large as the limit passes', async () => {
    const { call } = pipeline(reads)
    expect((await call('/open/things', chunked([400, 600]))).status).toBe(200)
  })

  test('B01: one byte larger is 413, aborted and not ended, and booked as such', async () => {
    const { call, accounts, sent } = pipeline(reads)
    const response = await call('/open/things', chunked([400, 601]))
    expect(response.status).toBe(413)
    expect(await problemOf(response)).toBe('body_too_large')
    expect(sent[0]?.signal?.aborted).toBe(true)
    expect(accounts.diary).toEqual(['admit', 'commit', 'aborted'])
  })

  test('B04: that breaks off is aborted and not ended', async () => {
    const { call, accounts, sent } = pipeline(reads)
    expect((await call('/open/things', chunked([400, 1], 'break off'))).status).toBe(502)
    expect(sent[0]?.signal?.aborted).toBe(true)
    expect(accounts.diary).toEqual(['admit', 'commit', 'aborted'])
  })

  test('B04: that broke off before it was sent is not sent, and uses no unit', async () => {
    const { call, accounts, sent } = pipeline(reads)
    expect((await call('/open/things', chunked([], 'break off'))).status).toBe(502)
    const large = await call('/open/things', chunked([1_001]))
    expect(await problemOf(large)).toBe('body_too_large')
    expect(sent).toHaveLength(0)
    expect(accounts.diary).not.toContain('commit')
  })

  test('that grows too large behind an early answer is still aborted', async () => {
    const { call, sent } = pipeline(() => new Response('early'))
    const response = await call('/open/things', chunked([400, 601]))
    expect(response.status).toBe(200)
    await new Response(sent[0]?.body).arrayBuffer().catch(() => {})
    expect(sent[0]?.signal?.aborted).toBe(true)
  })
})
