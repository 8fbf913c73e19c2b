/**
 * What a call leaves behind when it ends early: clients that go, refusals that come before the body, upstreams that
 * say nothing. The runtime drops a request once it is answered or its client is gone, in the middle of whatever it does.
 */
import type { Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { chunked, openSocket } from './harness/client.ts'
import { callBytes, type Edge, startEdge } from './harness/edge.ts'
import { answerBytes } from './upstreams/answers.ts'
import { type RawUpstream, startUpstream } from './upstreams/upstream.ts'

const mebibyte = 1_048_576
/** What one team may have of the buffers. */
const half = 16 * mebibyte

let upstream: RawUpstream
let edge: Edge
/** The connection of the last call that gets no answer; others are kept alive, and stay. */
let silent: Socket | null = null

beforeAll(async () => {
  const ok = answerBytes(200, { body: 'ok' })
  upstream = await startUpstream(
    (request, socket) => {
      if (!request.target.startsWith('/silent')) socket.write(ok)
    },
    {
      onHead: (request, socket) => {
        if (request.target.startsWith('/silent')) silent = socket
        return undefined
      },
    },
  )
  const common = { url: upstream.origin, routes: { '* /**': 'all' }, timeoutMs: 700, uploadTimeoutMs: 700 }
  const patient = { ...common, timeoutMs: 20_000, uploadTimeoutMs: 20_000 }
  const signed = { ...patient, sign: { scheme: 'plugipay' }, keys: { main: 'KEY' }, maxBufferedBytes: half }
  const granted = { keys: ['main'], scopes: ['*'] }
  const limited = {
    grants: { signed: granted },
    limits: [{ name: 'one', requests: 1, per: '1h' }],
  }
  edge = await startEdge({
    upstreams: {
      signed,
      hasty: { ...common, sign: { scheme: 'bearer' }, keys: { main: 'TOKEN' } },
      patient: { ...patient, sign: { scheme: 'bearer' }, keys: { main: 'TOKEN' } },
    },
    teams: {
      shop: { grants: { signed: granted, hasty: granted, patient: granted } },
      'limited-1': limited,
      'limited-2': limited,
    },
  })
})

afterAll(async () => {
  await edge.stop({ upstreams: [upstream] })
  await upstream.stop()
})

beforeEach(() => {
  upstream.clear()
  silent = null
})

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

const eventually = async (holds: () => boolean, millis = 3_000): Promise<void> => {
  for (let waited = 0; !holds() && waited < millis; waited += 20) await pause(20)
  expect(holds()).toBe(true)
}

/** Sends the head and the beginning of a body, and hands over the connection. */
const beginUpload = async (target: string, claims: Readonly<Record<string, unknown>> = {}) => {
  const socket = await openSocket(edge.port)
  socket.on('error', () => {})
  const headers = [['content-length', String(half)]] as const
  socket.write(callBytes('POST', target, edge.token(claims), { headers }))
  socket.write('x'.repeat(1_000))
  return socket
}

const lines = (): readonly Readonly<Record<string, unknown>>[] =>
  edge.running
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{"event":"call"'))
    .map((line) => JSON.parse(line))

describe('promise 10: the memory of a body', () => {
  it('that was still coming when its call was refused is free again', async () => {
    for (const team of ['limited-1', 'limited-2']) {
      expect((await edge.call('GET', '/signed/x', { token: edge.token({ team }) })).status).toBe(200)
      const before = lines().length
      const socket = await beginUpload('/signed/x', { team })
      await eventually(() => lines().length > before)
      expect(lines().at(-1)).toMatchObject({ team, status: 429, code: 'rate_limited' })
      socket.destroy()
    }
    const answer = await edge.call('POST', '/signed/x', { body: 'x'.repeat(mebibyte) })
    expect([answer.status, answer.header('countersign-error')]).toEqual([200, null])
  })

  it.each(['resetAndDestroy', 'destroy'] as const)(
    'is free again when its client is gone (%s)',
    async (how) => {
      const socket = await beginUpload('/signed/x')
      await pause(200)
      const before = lines().length
      socket[how]()
      await eventually(() => lines().length > before)
      const answer = await edge.call('POST', '/signed/x', { body: 'x'.repeat(half) })
      expect([answer.status, answer.header('countersign-error')]).toEqual([200, null])
    },
  )
})

describe('U01: a client that resets while the upstream is silent', () => {
  it.each([
    ['without a body', 'patient', undefined],
    ['behind a body that streamed', 'patient', 'x'.repeat(1_000)],
    ['behind a body that was read', 'signed', 'x'.repeat(1_000)],
  ])('%s ends the call to the upstream, and is booked as aborted', async (_what, name, body) => {
    const before = lines().length
    const socket = await openSocket(edge.port)
    socket.on('error', () => {})
    const options = body === undefined ? {} : { body }
    socket.write(callBytes('POST', `/${name}/silent`, edge.token(), options))
    await eventually(() => silent !== null)
    socket.resetAndDestroy()
    await eventually(() => silent?.closed === true)
    await eventually(() => lines().length > before)
    expect(lines().at(-1)).toMatchObject({ upstream: name, outcome: 'aborted' })
  })
})

describe('M01: an upstream that does not answer in time', () => {
  it('is 504, and the connection to it ends', async () => {
    const answer = await edge.call('GET', '/hasty/silent')
    expect([answer.status, answer.header('countersign-error')]).toEqual([504, 'upstream_timeout'])
    await eventually(() => silent?.closed === true)
    expect(lines().at(-1)).toMatchObject({ outcome: 'timeout' })
  })

  it('is 504 while the client still uploads, and never gets a whole body', async () => {
    const socket = await openSocket(edge.port)
    socket.on('error', () => {})
    const headers = [['transfer-encoding', 'chunked']] as const
    socket.write(callBytes('POST', '/hasty/silent', edge.token(), { headers }))
    const piece = chunked('x'.repeat(1_000)).subarray(0, -5)
    const before = lines().length
    const sending = setInterval(() => socket.write(piece), 50)
    await eventually(() => lines().length > before)
    clearInterval(sending)
    expect(lines().at(-1)).toMatchObject({ status: 504, outcome: 'timeout' })
    await eventually(() => silent?.closed === true)
    expect(upstream.requests).toEqual([])
    socket.destroy()
  })
})
