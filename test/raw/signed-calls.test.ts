/**
 * Real calls through the production build, judged by verifiers that share no code with the signer: the sandbox
 * upstreams, which compute every signature anew from the bytes that reached them.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mintLocalToken } from '../../scripts/local-token.ts'
import sandboxConfiguration from '../../src/sandbox/config.ts'
import { listen, type Sandbox } from '../../src/sandbox/listen.ts'
import { ordersApi } from '../../src/sandbox/orders.ts'
import { plugipayApi } from '../../src/sandbox/plugipay.ts'
import { makeSecret } from '../../src/sandbox/secrets.ts'
import { type Answer, type Sent, sendTo } from '../sandbox/send.ts'
import { buildBundle, configurationFromBinding } from './harness/bundle.ts'
import { type RunningWorkerd, startWorkerd } from './harness/workerd.ts'

const url = 'https://edge.test'
const key = { id: `pk_test_${randomBytes(6).toString('hex')}`, secret: randomBytes(24).toString('hex') }
const orderKey = { id: 'orders-1', secret: randomBytes(24).toString('hex') }

let plugipay: Sandbox
let orders: Sandbox
let worker: RunningWorkerd
let token: string
let stateFolder: string

beforeAll(async () => {
  plugipay = await listen('plugipay', plugipayApi([{ ...key, workspace: 'acme' }]))
  orders = await listen('orders', ordersApi([orderKey]))
  const signingKey = makeSecret['COUNTERSIGN_SIGNING_KEY']?.() ?? ''
  const open = { keys: { main: 'PLUGIPAY' }, routes: { '* /**': 'all' }, url: plugipay.url }
  const configuration = {
    url,
    upstreams: {
      'in-authorization': { ...open, sign: { scheme: 'plugipay' } },
      'in-headers': { ...open, sign: { scheme: 'plugipay', headers: 'x-plugipay' } },
      orders: {
        ...sandboxConfiguration.upstreams.orders,
        url: `${orders.url}/v2`,
        routes: { '* /**': 'all' },
        keys: { main: 'ORDERS' },
      },
    },
    teams: {
      tested: {
        grants: Object.fromEntries(
          ['in-authorization', 'in-headers', 'orders'].map((name) => [
            name,
            { keys: ['main'], scopes: ['*'] },
          ]),
        ),
      },
    },
  }
  stateFolder = await mkdtemp(join(tmpdir(), 'countersign-state-'))
  worker = await startWorkerd({
    stateFolder,
    worker: { file: await buildBundle(configurationFromBinding) },
    bindings: {
      TEST_CONFIGURATION: JSON.stringify(configuration),
      COUNTERSIGN_ADMIN_KEY: makeSecret['COUNTERSIGN_ADMIN_KEY']?.() ?? '',
      COUNTERSIGN_SIGNING_KEY: signingKey,
      PLUGIPAY: `${key.id}:${key.secret}`,
      ORDERS: `${orderKey.id}:${orderKey.secret}`,
    },
  })
  const scope = 'in-authorization:* in-headers:* orders:*'
  token = await mintLocalToken(signingKey, { url, team: 'tested', scope })
})

afterAll(async () => {
  await worker?.stop()
  await Promise.all([plugipay?.close(), orders?.close(), rm(stateFolder, { recursive: true })])
})

/** Sends to `/{upstream}{target}` and gives the answer with what the upstream made of it. */
const call = async (
  upstream: string,
  sent: Sent,
): Promise<{ answer: Answer; seen: Sandbox['requests'][number] }> => {
  const sandbox = upstream === 'orders' ? orders : plugipay
  const before = sandbox.requests.at(-1)
  const answer = await sendTo(`http://127.0.0.1:${worker.port}`, {
    ...sent,
    target: `/${upstream}${sent.target}`,
    headers: { ...sent.headers, authorization: `Bearer ${token}` },
  })
  const seen = sandbox.requests.at(-1)
  if (seen === undefined || seen === before) {
    throw new Error(`nothing arrived: ${answer.status} ${answer.text}`)
  }
  return { answer, seen }
}

const targets = [
  '/api/v1/customers',
  '/api/v1/customers?limit=3',
  '/api/v1/customers?b=2&a=1&b=1&a=2',
  '/api/v1/customers?empty=&bare&=&&',
  '/api/v1/customers?',
  '/api/v1/customers??',
  '/api/v1/customers?q=a+b%20c%2Bd&slash=%2F&dots=%2e%2E&case=%e4%E4',
  '/api/v1/customers?json=%7B%22a%22%3A%5B1%5D%7D&sub-delims=!$()*,;&at=@:/?',
  '/api/v1/customers/cus%201',
  '/api/v1/customers/%E4%BD%A0%E5%A5%BD',
  '/api/v1/customers/%e4%bd%a0',
  "/api/v1/customers/a-b_c.d~e!f$g&h'i(j)k*l+m,n=o:p@q",
  '',
  '/',
  '/api/v1/customers/',
] as const

const binary = Buffer.from(Array.from({ length: 256 }, (_unused, byte) => byte))
const multipart =
  '--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n\x00\xff\r\n--b--\r\n'
const json = { 'content-type': 'application/json' }

const bodies: readonly (readonly [name: string, sent: Omit<Sent, 'target'>])[] = [
  ['GET without a body', { method: 'GET' }],
  ['POST with an empty body', { method: 'POST', headers: { 'content-length': '0' } }],
  ['POST with JSON', { method: 'POST', headers: json, body: '{ "a" : 1.0, "a" : "\\u00e9" }' }],
  ['POST with UTF-8', { method: 'POST', headers: json, body: '{"name":"Adé ☃ 😀"}' }],
  [
    'PUT with every byte',
    { method: 'PUT', headers: { 'content-type': 'application/octet-stream' }, body: binary },
  ],
  [
    'POST in chunks',
    { method: 'POST', headers: { ...json, 'transfer-encoding': 'chunked' }, body: '{"a":1}' },
  ],
  [
    'POST with multipart',
    { method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=b' }, body: multipart },
  ],
  [
    'PATCH with an idempotency key',
    { method: 'PATCH', headers: { ...json, 'idempotency-key': 'idem_1-a' }, body: '{}' },
  ],
  ['DELETE without a body', { method: 'DELETE' }],
]

const upstreams = ['in-authorization', 'in-headers', 'orders'] as const

describe.each(upstreams)('an independent verifier (%s) accepts', (upstream) => {
  it.each(targets)('G02 G06: the target %j, byte for byte', async (target) => {
    const { seen } = await call(upstream, { method: 'GET', target })
    expect(seen.verdict).toMatchObject({ accepted: true })
    // A base URL without a path is asked for `/`: an empty request target does not exist.
    const base = upstream === 'orders' ? '/v2' : ''
    expect(seen.request.target).toBe(`${base}${target}` === '' ? '/' : `${base}${target}`)
  })

  it.each(bodies)('B02 G06: %s', async (_name, sent) => {
    const { seen } = await call(upstream, { ...sent, target: '/api/v1/things?a=1' })
    expect(seen.verdict).toMatchObject({ accepted: true })
    expect(seen.request.body).toEqual(Buffer.from(sent.body ?? ''))
  })

  it('G06: any query and any body, with and without an idempotency key', async () => {
    const queryText = fc.string({
      unit: fc.constantFrom(...('ab12=&?+/:@!$()*,;-._~%20%c3%bc%2F%27'.match(/%..|./g) ?? [])),
    })
    await fc.assert(
      fc.asyncProperty(
        queryText,
        fc.uint8Array({ maxLength: 2_000 }),
        fc.option(fc.stringMatching(/^[\w:.-]{1,40}$/), { nil: null }),
        async (query, bytes, idempotencyKey) => {
          const headers = {
            'content-type': 'application/octet-stream',
            ...(idempotencyKey === null ? {} : { 'idempotency-key': idempotencyKey }),
          }
          const target = `/api/v1/things?${query}`
          const { seen } = await call(upstream, { method: 'POST', target, headers, body: Buffer.from(bytes) })
          expect(seen.verdict).toMatchObject({ accepted: true })
          expect(seen.request.body).toEqual(Buffer.from(bytes))
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('Plugipay behind Countersign', () => {
  it('M09: answers a repeated Idempotency-Key with its first answer', async () => {
    const sent: Sent = {
      method: 'POST',
      target: '/api/v1/customers',
      headers: { ...json, 'idempotency-key': 'once' },
      body: '{"name":"Ada"}',
    }
    const first = await call('in-authorization', sent)
    const second = await call('in-headers', sent)
    expect([first.answer.status, second.answer.headers['idempotent-replayed']]).toEqual([201, 'true'])
    expect(JSON.parse(second.answer.text).data).toEqual(JSON.parse(first.answer.text).data)
  })

  it("H05: never sees a caller's X-Plugipay-On-Behalf-Of, X-Plugipay-Mode or own signature", async () => {
    const headers = {
      'x-plugipay-on-behalf-of': 'someone-else',
      'x-plugipay-mode': 'live',
      'x-plugipay-signature': '00',
      'x-plugipay-key-id': 'pk_live_other',
      'x-plugipay-timestamp': '1',
    }
    for (const upstream of ['in-authorization', 'in-headers'] as const) {
      const { seen } = await call(upstream, { method: 'GET', target: '/api/v1/customers', headers })
      expect(seen.verdict).toMatchObject({ accepted: true, key: key.id })
      const names = seen.request.fields.map(([name]) => name.toLowerCase())
      expect(names).not.toContain('x-plugipay-on-behalf-of')
      expect(names).not.toContain('x-plugipay-mode')
      expect(seen.request.fields.map(([, value]) => value)).not.toContain(`Bearer ${token}`)
    }
  })
})
