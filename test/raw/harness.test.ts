import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chunked, exchange, requestBytes } from './harness/client.ts'
import { awkwardMarkerText, findMarkers, markerText } from './harness/markers.ts'
import { type RunningWorkerd, startWorkerd } from './harness/workerd.ts'
import { answerBytes } from './upstreams/answers.ts'
import { behaviourNames, misbehave } from './upstreams/behaviours.ts'
import { type RawUpstream, startUpstream } from './upstreams/upstream.ts'

const passThrough = `
import { DurableObject } from 'cloudflare:workers'
export class TeamAccount extends DurableObject {
  async count() {
    const n = ((await this.ctx.storage.get('n')) ?? 0) + 1
    await this.ctx.storage.put('n', n)
    return n
  }
}
export class Directory extends DurableObject {}
export default {
  async fetch(request, env) {
    const url = new URL(request.url)
    if (url.pathname === '/echo') return new Response(request.url)
    if (url.pathname === '/secret') { console.log('logged', env.SECRET); return new Response(env.SECRET) }
    if (url.pathname === '/count') return new Response(String(await env.ACCOUNTS.getByName('a').count()))
    if (url.pathname === '/kv') { await env.USAGE.put('k', 'v'); return new Response(await env.USAGE.get('k')) }
    return fetch(env.UPSTREAM + url.pathname + url.search, { method: request.method, body: request.body, redirect: 'manual' })
  },
}`

const get = (target: string) => requestBytes('GET', target, { headers: [['host', 'edge.test']] })
const text = async (port: number, target: string) => (await exchange(port, get(target))).answers[0]?.text()

describe('the raw harness, with a pass-through Worker', () => {
  let upstream: RawUpstream
  let edge: RunningWorkerd
  let stateFolder: string
  const secret = markerText()
  const start = () =>
    startWorkerd({
      worker: { text: passThrough },
      bindings: { UPSTREAM: upstream.origin, SECRET: secret },
      isolates: 2,
      stateFolder,
    })
  beforeAll(async () => {
    stateFolder = await mkdtemp(join(tmpdir(), 'countersign-state-'))
    upstream = await startUpstream(
      misbehave({ elsewhere: 'http://127.0.0.1:1', itself: () => upstream.origin }),
    )
    edge = await start()
  })
  afterAll(async () => {
    await edge.stop()
    await upstream.stop()
    await rm(stateFolder, { recursive: true })
  })

  it('hands the Worker a target as it was written', async () => {
    expect(await text(edge.port, '/echo?a=%2e%2E&b=//')).toBe('http://edge.test/echo?a=%2e%2E&b=//')
  })

  it('records the exact bytes of a request and reads chunked bodies', async () => {
    const request = requestBytes('POST', '/x/ok?q=%41', {
      headers: [
        ['host', 'edge.test'],
        ['transfer-encoding', 'chunked'],
      ],
      body: chunked('one', 'two'),
    })
    const { answers } = await exchange(edge.port, request)
    expect(answers[0]?.status).toBe(200)
    const received = upstream.requests.at(-1)
    expect(received?.target).toBe('/x/ok?q=%41')
    expect(received?.body.toString()).toBe('onetwo')
  })

  it('reads several answers of one connection, one after HEAD included', async () => {
    const bytes = Buffer.concat([
      requestBytes('HEAD', '/head-length', { headers: [['host', 'edge.test']] }),
      get('/ok'),
    ])
    const { answers, end } = await exchange(edge.port, bytes, { answers: 2, methods: ['HEAD', 'GET'] })
    expect(end).toBe('answered')
    expect(answers.map((answer) => answer.text())).toEqual(['', 'ok'])
  })

  it('tells a body that was cut short from a whole one', async () => {
    const { answers } = await exchange(edge.port, get('/close-in-length'))
    expect(answers[0]?.complete).toBe(false)
  })

  it('has KV, and lets isolates share one account that outlives kill -9', async () => {
    expect(await text(edge.port, '/kv')).toBe('v')
    expect(await text(edge.ports[0] ?? 0, '/count')).toBe('1')
    expect(await text(edge.ports[1] ?? 0, '/count')).toBe('2')
    await edge.kill()
    edge = await start()
    expect(await text(edge.ports[1] ?? 0, '/count')).toBe('3')
  })

  it('finds a marker in answers and in the log', async () => {
    const answer = await text(edge.port, '/secret')
    expect(findMarkers(answer ?? '', [{ name: 'SECRET', text: secret }])).toContain('SECRET (raw)')
    const inLog = () => findMarkers(edge.output(), [{ name: 'SECRET', text: secret }])
    await expect.poll(inLog).toContain('SECRET (raw)')
  })
})

describe('markers', () => {
  const marker = { name: 'KEY', text: awkwardMarkerText('sk_test_') }

  it.each([
    ['raw', (text: string) => `before ${text} after`],
    ['base64', (text: string) => Buffer.from(`id:${text}:end`).toString('base64')],
    ['base64', (text: string) => Buffer.from(`x${text}`).toString('base64url')],
    ['hex', (text: string) => Buffer.from(text).toString('hex')],
    ['percent', (text: string) => `?key=${encodeURIComponent(text)}`],
    ['json', (text: string) => JSON.stringify({ message: JSON.stringify({ key: text }) })],
  ])('are found in the %s form', (form, write) => {
    expect(findMarkers(write(marker.text), [marker])).toContain(`KEY (${form})`)
  })

  it('are not found in other text', () => {
    expect(findMarkers(awkwardMarkerText('sk_test_'), [marker])).toEqual([])
  })
})

describe('the misbehaving upstream', () => {
  it('has a row for each fault, and answers what no row names', async () => {
    const upstream = await startUpstream(misbehave({ elsewhere: '', itself: () => upstream.origin }))
    const { answers } = await exchange(upstream.port, get('/anything'))
    await upstream.stop()
    expect(behaviourNames.length).toBeGreaterThan(50)
    expect(answers[0]?.bytes).toEqual(answerBytes(200, { reason: 'OK', body: 'ok' }))
  })
})
