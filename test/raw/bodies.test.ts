import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Answer, answerOf, chunked, openSocket } from './harness/client.ts'
import { callBytes, type Edge, startEdge } from './harness/edge.ts'
import { answerBytes } from './upstreams/answers.ts'
import { type RawUpstream, startUpstream } from './upstreams/upstream.ts'

const maxBufferedBytes = 100_000
const maxBodyBytes = 1_000_000

let upstream: RawUpstream
let counting: RawUpstream
let edge: Edge

beforeAll(async () => {
  const ok = answerBytes(200, { body: 'ok' })
  upstream = await startUpstream((_request, socket) => void socket.write(ok))
  counting = await startUpstream((_request, socket) => void socket.write(ok), { keepBodies: false })
  const common = { routes: { '* /**': 'all' }, maxBufferedBytes, maxBodyBytes }
  edge = await startEdge({
    upstreams: {
      plug: { ...common, url: upstream.origin, sign: { scheme: 'plugipay' }, keys: { main: 'PLUG_KEY' } },
      bear: { ...common, url: upstream.origin, sign: { scheme: 'bearer' }, keys: { main: 'BEARER_KEY' } },
      hooks: {
        ...common,
        url: upstream.origin,
        sign: { scheme: 'standard-webhooks' },
        keys: { main: 'HOOKS_KEY' },
      },
      large: {
        routes: { '* /**': 'all' },
        url: counting.origin,
        sign: { scheme: 'plugipay' },
        keys: { main: 'PLUG_KEY' },
        maxBufferedBytes: 16 * 1_048_576,
      },
    },
    secrets: { HOOKS_KEY: `whsec_${randomBytes(32).toString('base64')}` },
  })
})

afterAll(async () => {
  await edge.stop({ upstreams: [upstream, counting] })
  await upstream.stop()
  await counting.stop()
})

beforeEach(() => {
  upstream.clear()
  counting.clear()
})

const tooLarge = { status: 413, code: 'body_too_large' }
const outcome = (answer: { status: number; header: (name: string) => string | null } | undefined) => ({
  status: answer?.status,
  code: answer?.header('countersign-error'),
})
const passed = { status: 200, code: null }

const digestOf = (body: Uint8Array): readonly [string, string] => [
  'content-digest',
  `sha-256=:${createHash('sha256').update(body).digest('base64')}:`,
]

const sendChunked = async (target: string, ...pieces: readonly Uint8Array[]) => {
  const head = callBytes('POST', target, edge.token(), { headers: [['transfer-encoding', 'chunked']] })
  const { answers } = await edge.send(Buffer.concat([head, chunked(...pieces)]))
  return answers[0]
}

describe('how large a body may be', () => {
  it.each([
    ['plug', maxBufferedBytes],
    ['bear', maxBodyBytes],
  ])('B01: %s takes %d bytes and refuses one more before it calls the upstream', async (name, bytes) => {
    expect(outcome(await edge.call('POST', `/${name}/x`, { body: randomBytes(bytes) }))).toEqual(passed)
    expect(upstream.requests[0]?.body.length).toBe(bytes)
    upstream.clear()
    expect(outcome(await edge.call('POST', `/${name}/x`, { body: randomBytes(bytes + 1) }))).toEqual(tooLarge)
    expect(upstream.requests).toEqual([])
    expect(upstream.unfinished).toEqual([])
  })

  it('B01: a chunked body is counted as it comes: at the limit it passes, one byte more is 413 and unsent', async () => {
    const half = randomBytes(maxBufferedBytes / 2)
    expect(outcome(await sendChunked('/plug/x', half, half))).toEqual(passed)
    expect(upstream.requests[0]?.body).toEqual(Buffer.concat([half, half]))
    upstream.clear()
    expect(outcome(await sendChunked('/plug/x', half, half, Buffer.from('x')))).toEqual(tooLarge)
    expect(upstream.requests).toEqual([])
  })

  it('B01: a streamed chunked body beyond maxBodyBytes never becomes a whole request', async () => {
    const piece = randomBytes(maxBodyBytes / 4)
    const answer = await sendChunked('/bear/x', piece, piece, piece, piece, Buffer.from('x'))
    expect([413, 502]).toContain(answer?.status)
    expect(upstream.requests).toEqual([])
  })

  it('B01: a length that promises too much is refused before the body comes', async () => {
    const head = callBytes('POST', '/plug/x', edge.token(), {
      headers: [['content-length', String(maxBufferedBytes + 1)]],
    })
    const { answers } = await edge.send(head, { timeoutMillis: 3_000 })
    expect(outcome(answers[0])).toEqual(tooLarge)
  })

  it('B01: the 413 names the way out', async () => {
    const answer = await edge.call('POST', '/plug/x', { body: randomBytes(maxBufferedBytes + 1) })
    expect(answer.text()).toMatch(/content-digest/i)
  })

  it('B01: more bytes than Content-Length says are not part of the body', async () => {
    const bytes = callBytes('POST', '/plug/x', edge.token(), { headers: [['content-length', '4']] })
    await edge.send(Buffer.concat([bytes, Buffer.from('12345678')]), { timeoutMillis: 1_000 })
    expect(upstream.requests.map(({ body }) => body.toString())).toEqual(['1234'])
  })
})

describe('bodies that are signed', () => {
  it.each([
    ['random bytes', randomBytes(5_000)],
    ['invalid UTF-8', Buffer.from([0xff, 0xfe, 0xc0, 0xaf, 0xed, 0xa0, 0x80])],
    ['a byte order mark', Buffer.from('\ufeff{"a":1}')],
    ['gzip', gzipSync('hello')],
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from([0])],
    ['line ends of all kinds', Buffer.from('a\r\nb\nc\rd')],
  ])('B02: %s: the bytes that were hashed are the bytes that arrive', async (_what, body) => {
    for (const type of ['application/json', 'application/octet-stream', 'text/plain; charset=utf-16']) {
      const answer = await edge.call('POST', '/plug/x', { body, headers: [['content-type', type]] })
      expect(outcome(answer)).toEqual(passed)
      expect(upstream.requests.at(-1)?.body).toEqual(body)
    }
  })

  it('B02: 8 MB arrive as they were', async () => {
    const body = randomBytes(8_000_000)
    expect(outcome(await edge.call('POST', '/large/x', { body }))).toEqual(passed)
    expect(counting.requests[0]?.header('content-length')).toBe('8000000')
  })

  it('B02: with Content-Digest the body streams through unread and is signed as given', async () => {
    const body = randomBytes(maxBufferedBytes * 3)
    expect(outcome(await edge.call('POST', '/plug/x', { body, headers: [digestOf(body)] }))).toEqual(passed)
    expect(upstream.requests[0]?.body).toEqual(body)
    expect(upstream.requests[0]?.header('content-length')).toBe(String(body.length))
  })

  it('B02: a digest is useless to schemes that sign the body itself: 400', async () => {
    const body = randomBytes(10)
    expect(outcome(await edge.call('POST', '/hooks/x', { body, headers: [digestOf(body)] }))).toEqual({
      status: 400,
      code: 'digest_unsupported',
    })
  })

  it.each([
    ['without sha-256', 'sha-512=:YQ==:', [400]],
    ['that is not a structured field', 'sha-256=zzz', [400]],
    ['of the wrong length', 'sha-256=:YQ==:', [400]],
  ])('B02: a digest %s is refused and nothing is sent', async (_what, value, statuses) => {
    const answer = await edge.call('POST', '/plug/x', { body: 'x', headers: [['content-digest', value]] })
    expect(statuses).toContain(answer.status)
    expect(['digest_unsupported', 'header_invalid']).toContain(answer.header('countersign-error'))
    expect(upstream.requests).toEqual([])
  })
})

describe('a client that stops', () => {
  const length = ['content-length', '50000'] as const
  const inChunks = ['transfer-encoding', 'chunked'] as const
  const digest = digestOf(Buffer.alloc(50_000))
  const ways = [
    ['buffered', '/plug/x', [length]],
    ['buffered, in chunks', '/plug/x', [inChunks]],
    ['streamed', '/bear/x', [length]],
    ['streamed, in chunks', '/bear/x', [inChunks]],
    ['streamed with a digest', '/plug/x', [length, digest]],
    ['streamed with a digest, in chunks', '/plug/x', [inChunks, digest]],
  ] as const

  it.each(
    ways.flatMap(([what, target, headers]) =>
      (['resets', 'ends'] as const).map((how) => [how, what, target, headers] as const),
    ),
  )(
    'B04: a client that %s mid upload (%s) makes no whole request at the upstream',
    async (how, _what, target, headers) => {
      const socket = await openSocket(edge.port)
      socket.on('error', () => {})
      socket.write(callBytes('POST', target, edge.token(), { headers }))
      const piece = randomBytes(20_000)
      socket.write(
        headers.some(([name]) => name === 'transfer-encoding') ? chunked(piece).subarray(0, -5) : piece,
      )
      await new Promise((resolve) => setTimeout(resolve, 200))
      if (how === 'resets') socket.resetAndDestroy()
      else socket.end()
      await new Promise((resolve) => setTimeout(resolve, 300))
      socket.destroy()
      expect(upstream.requests).toEqual([])
      expect(outcome(await edge.call('GET', '/bear/x'))).toEqual(passed)
    },
  )
})

describe('an upstream that answers before the body has ended', () => {
  const head = 'HTTP/1.1 200 OK\r\n'

  /** Its answer begins with the head of a request; the rest of it comes when the test says so. */
  const startEarly = async (answer: string) => {
    const early = await startUpstream(() => {}, { onHead: (_request, socket) => void socket.write(answer) })
    const edgeOfEarly = await startEdge({
      upstreams: {
        early: {
          url: early.origin,
          sign: { scheme: 'bearer' },
          keys: { main: 'EARLY_KEY' },
          routes: { '* /**': 'all' },
        },
      },
    })
    return { early, edgeOfEarly }
  }

  it.each([
    ['goes on with its answer', `${head}transfer-encoding: chunked\r\n\r\n4\r\npart\r\n`],
    ['has said all', `${head}content-length: 4\r\n\r\npart`],
  ])('B04: and %s gets no whole request when the client stops short of its length', async (_what, answer) => {
    const { early, edgeOfEarly } = await startEarly(answer)
    const socket = await openSocket(edgeOfEarly.port)
    socket.on('error', () => {})
    const answered = new Promise((resolve) => socket.once('data', resolve))
    const headers = [['content-length', '8']] as const
    socket.write(callBytes('POST', '/early/x', edgeOfEarly.token(), { headers }))
    socket.write('half')
    await answered
    socket.destroy()
    await expect.poll(() => early.open() + early.requests.length).toBe(0)
    expect(early.unfinished).toHaveLength(1)
    await edgeOfEarly.stop({ upstreams: [early] })
    await early.stop()
  })

  it('gets all of it when the client goes on', async () => {
    const { early, edgeOfEarly } = await startEarly(`${head}transfer-encoding: chunked\r\n\r\n4\r\npart\r\n`)
    const socket = await openSocket(edgeOfEarly.port)
    const answered = new Promise((resolve) => socket.once('data', resolve))
    const headers = [['transfer-encoding', 'chunked']] as const
    socket.write(callBytes('POST', '/early/x', edgeOfEarly.token(), { headers }))
    socket.write(chunked(Buffer.from('half')).subarray(0, -5))
    await answered
    socket.write(chunked(Buffer.from(' and half')))
    await expect.poll(() => early.requests.map(({ body }) => body.toString())).toEqual(['half and half'])
    socket.destroy()
    await edgeOfEarly.stop({ upstreams: [early] })
    await early.stop()
  })
})

describe('memory', () => {
  /**
   * Begins with the head and sends the body when no refusal came at once: an answer that overtakes a body is
   * lost to the reset that follows it, on any server.
   */
  const upload = async (body: Uint8Array): Promise<Answer | undefined> => {
    const socket = await openSocket(edge.port)
    const head = callBytes('POST', '/large/x', edge.token(), {
      headers: [['content-length', String(body.length)]],
    })
    socket.write(head)
    await new Promise((resolve) => setTimeout(resolve, 500))
    return answerOf(socket, () => socket.write(body))
  }

  const residentMegabytes = () =>
    Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${edge.running.pid}/status`, 'utf8'))?.[1] ?? 0) /
    1_024

  it('B01: 50 uploads of 10 MB at once without digests are refused, and nothing crashes', async () => {
    const body = randomBytes(10_000_000)
    const answers = await Promise.all(Array.from({ length: 50 }, () => upload(body)))
    const statuses = answers.map((answer) => answer?.status)
    expect(statuses.filter((status) => ![200, 413, 503].includes(status ?? 0))).toEqual([])
    expect(statuses).toContain(503)
    for (const answer of answers.filter((one) => one?.status === 503)) {
      expect(answer?.header('countersign-error')).toBe('overloaded')
      expect(Number(answer?.header('retry-after'))).toBeGreaterThanOrEqual(1)
    }
    expect(outcome(await edge.call('POST', '/plug/x', { body: 'still here' }))).toEqual(passed)
    if (process.platform === 'linux') expect(residentMegabytes()).toBeLessThan(600)
  })

  it('B01: afterwards the buffers are free again', async () => {
    for (let call = 0; call < 5; call += 1) {
      expect(outcome(await edge.call('POST', '/large/x', { body: randomBytes(5_000_000) }))).toEqual(passed)
    }
  })
})
