import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answerOf, openSocket } from './harness/client.ts'
import { callBytes, type Edge, startEdge } from './harness/edge.ts'
import { bareAnswerBytes } from './upstreams/answers.ts'
import { type RawUpstream, startUpstream } from './upstreams/upstream.ts'

const megabyte = 1_000_000
const streamBytes = 500 * megabyte
const piece = Buffer.alloc(megabyte, 'x')

let upstream: RawUpstream
let relay: RawUpstream
let edge: Edge
/** What the upstream has written of its long answer. */
let written = 0

beforeAll(async () => {
  upstream = await startUpstream(
    (request, socket) => {
      if (request.method === 'POST') {
        socket.write(bareAnswerBytes(200, { headers: [['content-length', '2']], body: 'ok' }))
        return
      }
      socket.write(bareAnswerBytes(200, { headers: [['content-length', String(streamBytes)]] }))
      const more = (): void => {
        while (written < streamBytes && !socket.destroyed) {
          written += piece.length
          if (!socket.write(piece)) {
            socket.once('drain', more)
            return
          }
        }
      }
      more()
    },
    { keepBodies: false },
  )
  relay = await startUpstream(() => {}, {
    onConnect: (socket) => {
      const back = connect({ host: '127.0.0.1', port: edge.port })
      back.on('error', () => socket.destroy())
      socket.pipe(back).pipe(socket)
      return 'handled'
    },
  })
  const routes = { '* /**': 'all' }
  edge = await startEdge({
    upstreams: {
      stream: {
        url: upstream.origin,
        sign: { scheme: 'bearer' },
        keys: { main: 'STREAM_KEY' },
        routes,
        maxBodyBytes: streamBytes,
      },
      looped: { url: relay.origin, sign: { scheme: 'plugipay' }, keys: { main: 'LOOP_KEY' }, routes },
    },
  })
})

afterAll(async () => {
  await edge.stop({ upstreams: [upstream] })
  await upstream.stop()
  await relay.stop()
})

/** The most memory held so far, in MB; 0 where there is no /proc. */
const peak = (): number =>
  process.platform === 'linux'
    ? Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${edge.running.pid}/status`, 'utf8'))?.[1]) / 1_024
    : 0

describe('long streams', () => {
  it('B03: 500 MB pass to a reader that pauses; the pause reaches the upstream, and memory stays flat', async () => {
    await edge.call('POST', '/stream/warm', { body: 'x' })
    const before = peak()
    const socket = await openSocket(edge.port)
    let received = 0
    const whole = new Promise<void>((resolve) => {
      socket.on('data', (chunk) => {
        received += chunk.length
        if (received >= streamBytes) resolve()
      })
    })
    socket.write(callBytes('GET', '/stream/long', edge.token()))
    await expect.poll(() => received).toBeGreaterThan(0)
    socket.pause()
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    // What the buffers of three sockets hold, and no more.
    expect(written).toBeLessThan(60 * megabyte)
    socket.resume()
    await whole
    socket.destroy()
    expect(peak() - before).toBeLessThan(20)
  })

  it('B03: 500 MB are uploaded, and memory stays flat', async () => {
    const before = peak()
    const socket = await openSocket(edge.port)
    const answer = answerOf(socket)
    const headers = [['content-length', String(streamBytes)]] as const
    socket.write(callBytes('POST', '/stream/upload', edge.token(), { headers }))
    for (let sent = 0; sent < streamBytes; sent += piece.length) {
      if (!socket.write(piece)) await new Promise((resolve) => socket.once('drain', resolve))
    }
    expect((await answer)?.status).toBe(200)
    expect(peak() - before).toBeLessThan(20)
  })
})

describe('loops', () => {
  it('S05: an upstream that leads back here ends at the second pass, with 508', async () => {
    const answer = await edge.call('GET', '/looped/looped/x')
    expect(answer.status).toBe(508)
    expect(answer.text()).toContain('loop_detected')
    expect(relay.connections()).toBe(1)
  })
})
