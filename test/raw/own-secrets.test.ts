import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { faultyAssemblyMillis, secretStoreReadMillis } from '../../src/core/limits.ts'
import { type Edge, startEdge } from './harness/edge.ts'
import { markerText } from './harness/markers.ts'
import { answerBytes } from './upstreams/answers.ts'
import { type RawUpstream, startUpstream } from './upstreams/upstream.ts'

/** A Secrets Store that can fall silent. */
const adminKey = markerText()
const unanswered: ServerResponse[] = []
let silent = false
let store: Server
let upstream: RawUpstream
let edge: Edge

beforeAll(async () => {
  store = createServer((_request, response) => {
    if (silent) unanswered.push(response)
    else response.end(adminKey)
  }).listen(0, '127.0.0.1')
  await once(store, 'listening')
  const address = store.address()
  const port = typeof address === 'object' ? address?.port : 0
  upstream = await startUpstream((_request, socket) => void socket.write(answerBytes(200)))
  edge = await startEdge({
    upstreams: {
      orders: {
        url: upstream.origin,
        sign: { scheme: 'plugipay' },
        keys: { main: 'ORDERS_KEY' },
        routes: { '* /**': 'all' },
      },
    },
    isolates: 2,
    secretsStore: { url: `http://127.0.0.1:${port}`, names: ['COUNTERSIGN_ADMIN_KEY'] },
    secrets: { COUNTERSIGN_ADMIN_KEY: adminKey },
  })
})

afterAll(async () => {
  await edge.stop({ signed: [{ upstream, binding: 'ORDERS_KEY' }], allow500: true })
  await upstream.stop()
  for (const response of unanswered) response.destroy()
  store.close()
})

it('K01: an isolate whose own secret does not come says so in time, lives meanwhile, and works once it comes', async () => {
  const [first = 0, second = 0] = edge.running.ports
  silent = true
  expect((await edge.call('GET', '/orders/x', { port: first })).status).toBe(200)

  const refused = edge.call('GET', '/orders/x', { port: second, timeoutMillis: 4 * secretStoreReadMillis })
  await expect.poll(() => unanswered.length).toBeGreaterThan(0)
  const alive = await edge.call('GET', '/healthz', { port: second, timeoutMillis: secretStoreReadMillis / 2 })
  expect(alive.status).toBe(200)
  const answer = await refused
  expect([answer.status, answer.header('countersign-error')]).toEqual([500, 'config_invalid'])
  expect(edge.running.output()).toContain('"path":"COUNTERSIGN_ADMIN_KEY"')
  expect(upstream.requests).toHaveLength(1)

  silent = false
  await expect
    .poll(async () => (await edge.call('GET', '/orders/x', { port: second })).status, {
      timeout: 4 * faultyAssemblyMillis,
      interval: 500,
    })
    .toBe(200)
  expect((await edge.call('GET', '/api/whoami', { port: second, token: adminKey })).status).toBe(200)
})
