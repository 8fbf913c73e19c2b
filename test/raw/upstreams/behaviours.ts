/**
 * Upstreams that misbehave on purpose, each a row; the last path segment of a request chooses it. What a
 * correct proxy makes of each stands in the tests, not here.
 */
import type { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { answerBytes, bareAnswerBytes } from './answers.ts'
import type { Behaviour, ReceivedRequest } from './upstream.ts'

export interface BehaviourContext {
  /** Another origin, whose listener must never be called. */
  readonly elsewhere: string
  /** The upstream's own origin. */
  readonly itself: () => string
}

type Row = (socket: Socket, request: ReceivedRequest, context: BehaviourContext) => void

const write =
  (bytes: Buffer | ((request: ReceivedRequest, context: BehaviourContext) => Buffer)): Row =>
  (socket, request, context) => {
    socket.write(typeof bytes === 'function' ? bytes(request, context) : bytes)
  }

/** Writes, and closes the connection in good order. */
const writeAndEnd =
  (bytes: Buffer): Row =>
  (socket) => {
    socket.end(bytes)
  }

/** Writes, waits until the bytes are on their way, and resets. */
const writeAndReset =
  (bytes: Buffer): Row =>
  (socket) => {
    socket.write(bytes, () => setTimeout(() => socket.resetAndDestroy(), 50))
  }

/** Writes a piece again and again until the other side leaves. */
const repeat =
  (head: Buffer, piece: Buffer, everyMillis: number): Row =>
  (socket) => {
    socket.write(head)
    const timer = setInterval(() => {
      if (socket.writableNeedDrain) return
      socket.write(piece)
    }, everyMillis)
    socket.on('close', () => clearInterval(timer))
  }

const chunkedHead = (headers: readonly (readonly [string, string])[] = []): Buffer =>
  bareAnswerBytes(200, { headers: [['transfer-encoding', 'chunked'], ...headers] })

const redirect = (status: number, location: (context: BehaviourContext) => string): Row =>
  write((_request, context) => answerBytes(status, { headers: [['location', location(context)]] }))

/** Everything in the request's head that may be a credential. */
const credentialOf = (request: ReceivedRequest): string => request.header('authorization') ?? ''

const informational = (status: number, headers: readonly (readonly [string, string])[] = []): Buffer =>
  bareAnswerBytes(status, { headers })

const rows: Readonly<Record<string, Row>> = {
  ok: write(answerBytes(200, { reason: 'OK', body: 'ok' })),
  // M01, M03: silence and slowness.
  silent: () => {},
  'half-head': write(Buffer.from('HTTP/1.1 200 OK\r\ncontent-type: text/pl')),
  drip: repeat(bareAnswerBytes(200, { headers: [['content-length', '600']] }), Buffer.from('.'), 1_000),
  infinite: repeat(chunkedHead(), Buffer.from(`4000\r\n${'x'.repeat(0x4000)}\r\n`), 1),
  // M02: cut short.
  'reset-before-head': (socket) => {
    socket.resetAndDestroy()
  },
  'close-before-head': (socket) => {
    socket.end()
  },
  'reset-in-length': writeAndReset(
    bareAnswerBytes(200, { headers: [['content-length', '1000']], body: 'x'.repeat(100) }),
  ),
  'close-in-length': writeAndEnd(
    bareAnswerBytes(200, { headers: [['content-length', '1000']], body: 'x'.repeat(100) }),
  ),
  'reset-in-chunks': writeAndReset(
    Buffer.concat([chunkedHead(), Buffer.from(`64\r\n${'x'.repeat(100)}\r\n`)]),
  ),
  // M04: malformed.
  'huge-headers': write(answerBytes(200, { headers: [['x-huge', 'h'.repeat(200_000)]] })),
  'many-headers': write(
    answerBytes(200, { headers: Array.from({ length: 2_000 }, (_unused, n) => [`x-${n}`, 'v'.repeat(100)]) }),
  ),
  'bad-header-name': write(answerBytes(200, { headers: [['bad name', '1']] })),
  'bare-cr': write(answerBytes(200, { headers: [['x-cr', 'a\rb: c']] })),
  'nul-in-header': write(answerBytes(200, { headers: [['x-nul', 'a\0b']] })),
  'duplicate-length': write(
    bareAnswerBytes(200, {
      headers: [
        ['content-length', '2'],
        ['content-length', '3'],
      ],
      body: 'abc',
    }),
  ),
  'length-and-chunked': write(
    bareAnswerBytes(200, {
      headers: [
        ['content-length', '4'],
        ['transfer-encoding', 'chunked'],
      ],
      body: '3\r\nabc\r\n0\r\n\r\n',
    }),
  ),
  'bytes-after-body': write(
    Buffer.concat([
      answerBytes(200, { body: 'first' }),
      answerBytes(200, { headers: [['x-smuggled', 'yes']], body: 'SMUGGLED' }),
    ]),
  ),
  'body-with-204': write(bareAnswerBytes(204, { headers: [['content-length', '8']], body: 'SMUGGLED' })),
  // M05: statuses.
  'interim-100': write(Buffer.concat([informational(100), answerBytes(200, { body: 'final' })])),
  'interim-103': write(
    Buffer.concat([
      informational(103, [['link', '</a.css>; rel=preload']]),
      answerBytes(200, { body: 'final' }),
    ]),
  ),
  'interim-103-thousand': write(
    Buffer.concat([
      ...Array.from({ length: 1_000 }, () => informational(103)),
      answerBytes(200, { body: 'final' }),
    ]),
  ),
  'switching-101': write(
    informational(101, [
      ['upgrade', 'websocket'],
      ['connection', 'upgrade'],
    ]),
  ),
  'status-999': write(answerBytes(999, { body: 'what' })),
  'status-000': write(Buffer.from('HTTP/1.1 000 X\r\ncontent-length: 0\r\n\r\n')),
  'http-09': writeAndEnd(Buffer.from('hello from the eighties\n')),
  'http-10': writeAndEnd(Buffer.from('HTTP/1.0 200 OK\r\n\r\nold but fine')),
  // S03: redirects.
  ...Object.fromEntries(
    [301, 302, 303, 307, 308].flatMap((status): (readonly [string, Row])[] => [
      [`redirect-${status}-elsewhere`, redirect(status, ({ elsewhere }) => `${elsewhere}/stolen`)],
      [`redirect-${status}-scheme`, redirect(status, ({ elsewhere }) => elsewhere.replace(/^https?:/, ''))],
      [`redirect-${status}-itself`, redirect(status, ({ itself }) => `${itself()}/base/ok?from=redirect`)],
      [`redirect-${status}-relative`, redirect(status, () => 'ok')],
      [`redirect-${status}-outside`, redirect(status, ({ itself }) => `${itself()}/outside`)],
    ]),
  ),
  // M06, C04, H07: headers that speak for an origin, or for a connection.
  'origin-headers': write(
    answerBytes(200, {
      headers: [
        ['set-cookie', 'session=evil; Path=/'],
        ['set-cookie', 'other=evil'],
        ['access-control-allow-origin', '*'],
        ['access-control-allow-credentials', 'true'],
        ['vary', '*'],
        ['clear-site-data', '"*"'],
        ['service-worker-allowed', '/'],
        ['strict-transport-security', 'max-age=0'],
        ['alt-svc', 'h3="evil.example:443"'],
        ['report-to', '{}'],
        ['nel', '{}'],
        ['reporting-endpoints', 'a="https://evil.example"'],
        ['refresh', '0; url=https://evil.example'],
        ['www-authenticate', 'Basic realm="evil"'],
        ['cache-control', 'public, max-age=3600'],
        ['content-security-policy', 'default-src *'],
        ['countersign-request-id', 'forged'],
        ['countersign-error', 'forged'],
        ['x-kept', 'yes'],
      ],
      body: '<script>alert(1)</script>',
    }),
  ),
  'hop-by-hop': write(
    answerBytes(200, {
      headers: [
        ['connection', 'x-named, keep-alive'],
        ['x-named', 'by connection'],
        ['keep-alive', 'timeout=5'],
        ['proxy-authenticate', 'Basic'],
        ['proxy-authentication-info', 'x'],
        ['proxy-connection', 'keep-alive'],
        ['trailer', 'x-trailer'],
        ['te', 'trailers'],
        ['upgrade', 'h2c'],
        ['via', '1.1 theirs'],
      ],
      body: 'ok',
    }),
  ),
  'hop-by-hop-nonsense': write(
    answerBytes(200, { headers: [['connection', 'a b, "x", (, x:y, close']], body: 'ok' }),
  ),
  // K05: what the upstream saw of the credential comes back.
  'reflect-header': write((request) => answerBytes(200, { headers: [['x-echo', credentialOf(request)]] })),
  'reflect-location': write((request) =>
    answerBytes(302, {
      headers: [['location', `https://elsewhere.example/?c=${encodeURIComponent(credentialOf(request))}`]],
    }),
  ),
  'reflect-body': write((request) =>
    answerBytes(401, {
      headers: [['content-type', 'application/json']],
      body: JSON.stringify({ sent: credentialOf(request) }),
    }),
  ),
  // B05: passed unchanged.
  gzip: write(
    answerBytes(200, {
      headers: [
        ['content-encoding', 'gzip'],
        ['content-type', 'text/plain'],
      ],
      body: gzipSync('z'.repeat(100_000)),
    }),
  ),
  'gzip-bomb': write(
    answerBytes(200, { headers: [['content-encoding', 'gzip']], body: gzipSync(Buffer.alloc(50_000_000)) }),
  ),
  sse: write(
    Buffer.concat([
      chunkedHead([['content-type', 'text/event-stream']]),
      Buffer.from('d\r\ndata: first\n\n\r\n'),
    ]),
  ),
  partial: write(answerBytes(206, { headers: [['content-range', 'bytes 2-5/10']], body: 'cdef' })),
  'not-modified': write(bareAnswerBytes(304, { headers: [['etag', '"a"']] })),
  'no-content': write(bareAnswerBytes(204)),
  'head-length': write(bareAnswerBytes(200, { headers: [['content-length', '12345']] })),
  // M07, M08: refusals of the upstream's own.
  'rate-limited': write(
    answerBytes(429, {
      headers: [
        ['retry-after', '17'],
        ['ratelimit-policy', '"theirs";q=100;w=1'],
        ['ratelimit', '"theirs";r=0;t=17'],
      ],
      body: 'slow down',
    }),
  ),
  unavailable: write(answerBytes(503, { headers: [['retry-after', '9']], body: 'later' })),
  unauthorized: write(
    answerBytes(401, {
      headers: [['www-authenticate', 'Bearer realm="theirs"']],
      body: '{"error":"theirs"}',
    }),
  ),
  forbidden: write(answerBytes(403, { body: '{"error":"theirs"}' })),
}

export const behaviourNames: readonly string[] = Object.keys(rows)

/** Chooses the row by the last segment of the path; an unknown one answers 200 `ok`. */
export const misbehave =
  (context: BehaviourContext): Behaviour =>
  (request, socket) => {
    const name = /([^/?]*)(?:\?.*)?$/.exec(request.target)?.[1] ?? ''
    const row = Object.hasOwn(rows, name) ? rows[name] : undefined
    ;(row ?? write(answerBytes(200, { reason: 'OK', body: 'ok' })))(socket, request, context)
  }
