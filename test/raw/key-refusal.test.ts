import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Edge, startEdge } from './harness/edge.ts'
import { answerBytes } from './upstreams/answers.ts'
import { type RawUpstream, startUpstream } from './upstreams/upstream.ts'

/** Longer than 64 KiB of JSON, which is all that is read of a refusal. */
const longRefusal = JSON.stringify({ error: { code: 'OTHER' }, text: 'x'.repeat(100_000) })
const refusal = JSON.stringify({ error: { code: 'SCOPE_MISSING' } })

let upstream: RawUpstream
let edge: Edge

beforeAll(async () => {
  upstream = await startUpstream((request, socket) => {
    const [, , what] = request.target.split('/')
    if (what === 'stalled')
      socket.write('HTTP/1.1 401 X\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"error"')
    else if (what === 'broken') {
      socket.write('HTTP/1.1 401 X\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"error"')
      setTimeout(() => socket.destroy(), 50)
    } else if (what === 'gzip')
      socket.write(
        answerBytes(401, { headers: [['content-encoding', 'gzip']], body: gzipSync(Buffer.from(refusal)) }),
      )
    else if (what === 'long') socket.write(answerBytes(401, { body: longRefusal }))
    else socket.write(answerBytes(401, { body: refusal }))
  })
  edge = await startEdge({
    upstreams: {
      orders: {
        url: upstream.origin,
        sign: { scheme: 'bearer' },
        keys: { main: ['KEY_NEW', 'KEY_OLD'] },
        routes: { '* /**': 'all' },
        keyRefused: { status: 401, codes: ['INVALID_KEY'] },
        timeoutMs: 1_000,
      },
    },
  })
})

afterAll(async () => {
  await edge.stop({ upstreams: [upstream] })
  await upstream.stop()
})

beforeEach(() => upstream.clear())

it('section 8: a refusal that says something else passes as it came', async () => {
  const answer = await edge.call('GET', '/orders/x/plain')
  expect([answer.status, answer.text()]).toEqual([401, refusal])
  expect(upstream.requests).toHaveLength(1)
})

it('section 8: a compressed refusal passes byte for byte, whole, with its length', async () => {
  const answer = await edge.call('GET', '/orders/x/gzip', { headers: [['accept-encoding', 'gzip']] })
  const bytes = gzipSync(Buffer.from(refusal))
  expect(answer.complete).toBe(true)
  expect(answer.header('content-encoding')).toBe('gzip')
  expect(Buffer.from(answer.body).equals(bytes)).toBe(true)
})

it('section 8: a refusal too long to be looked through passes whole', async () => {
  const answer = await edge.call('GET', '/orders/x/long')
  expect([answer.status, answer.complete, answer.text() === longRefusal]).toEqual([401, true, true])
})

it('M01: a refusal whose body never comes does not hold the call: its head passes within the timeout', async () => {
  const { answers } = await edge.send(
    `GET /orders/x/stalled HTTP/1.1\r\nhost: edge.test\r\nauthorization: Bearer ${edge.token()}\r\n\r\n`,
    { timeoutMillis: 4_000 },
  )
  expect(answers[0]?.status).toBe(401)
})

it("M02: a refusal whose body breaks off is the upstream's fault and not ours", async () => {
  const { answers } = await edge.send(
    `GET /orders/x/broken HTTP/1.1\r\nhost: edge.test\r\nauthorization: Bearer ${edge.token()}\r\n\r\n`,
    { timeoutMillis: 4_000 },
  )
  expect(answers[0]?.status).toBe(502)
  expect(answers[0]?.header('countersign-error')).toBe('upstream_unreachable')
})
