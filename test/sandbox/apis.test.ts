import { createHash, createHmac } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { type Api, listen, type Sandbox } from '../../src/sandbox/listen.ts'
import { onepinApi } from '../../src/sandbox/onepin.ts'
import { type HmacRecipe, ordersApi, ordersRecipe } from '../../src/sandbox/orders.ts'
import { plexicusApi } from '../../src/sandbox/plexicus.ts'
import { pluggedinApi } from '../../src/sandbox/pluggedin.ts'
import { makeSecret, sandboxKeys } from '../../src/sandbox/secrets.ts'
import { sendTo } from './send.ts'

const now = 1_700_000_000_000
const open: Sandbox[] = []

const start = async (api: Api): Promise<string> => {
  const sandbox = await listen('tested', api, { now: () => now })
  open.push(sandbox)
  return sandbox.url
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((sandbox) => sandbox.close()))
})

const get = async (url: string, target: string, token?: string | readonly string[]): Promise<number> => {
  const tokens = typeof token === 'string' ? [token] : (token ?? [])
  const headers = tokens.length === 0 ? {} : { authorization: tokens.map((text) => `Bearer ${text}`) }
  return (await sendTo(url, { method: 'GET', target, headers })).status
}

describe('Plugged.in', () => {
  const api = (): Api =>
    pluggedinApi([
      { name: 'reader', token: 'pk_live_reader', scopes: ['read:servers'] },
      { name: 'gone', token: 'pk_live_gone', scopes: ['read:servers'], revoked: true },
      { name: 'slow', token: 'pk_test_slow', scopes: ['read:servers'], requestsPerMinute: 2 },
    ])

  it('answers 401 without a key, for an unknown one, and for two at once', async () => {
    const url = await start(api())
    expect(await get(url, '/api/servers')).toBe(401)
    expect(await get(url, '/api/servers', 'pk_live_nobody')).toBe(401)
    expect(await get(url, '/api/servers', ['pk_live_reader', 'pk_live_reader'])).toBe(401)
  })

  it('answers 403 for a scope that the key lacks and 404 for what is not there', async () => {
    const url = await start(api())
    expect(await get(url, '/api/servers?limit=1', 'pk_live_reader')).toBe(200)
    expect(await get(url, '/api/documents', 'pk_live_reader')).toBe(403)
    expect(await get(url, '/api/nothing', 'pk_live_reader')).toBe(404)
  })

  it('answers 410 for a revoked key', async () => {
    expect(await get(await start(api()), '/api/servers', 'pk_live_gone')).toBe(410)
  })

  it('answers 429 with the seconds that are left of the minute in Retry-After', async () => {
    const url = await start(api())
    expect(await get(url, '/api/servers', 'pk_test_slow')).toBe(200)
    expect(await get(url, '/api/servers', 'pk_test_slow')).toBe(200)
    const headers = { authorization: 'Bearer pk_test_slow' }
    const limited = await sendTo(url, { method: 'GET', target: '/api/servers', headers })
    expect([limited.status, limited.headers['retry-after']]).toEqual([429, '40'])
  })
})

describe('Plexicus', () => {
  it('answers 401 from the millisecond in which a token expires', async () => {
    const token = (expiresAt: number) => [{ name: 'ci', token: 'plx_token', scopes: ['read'], expiresAt }]
    expect(await get(await start(plexicusApi(token(now + 1))), '/findings', 'plx_token')).toBe(200)
    expect(await get(await start(plexicusApi(token(now))), '/findings', 'plx_token')).toBe(401)
  })
})

describe('OnePin', () => {
  it('tells a key what it is and what it may do', async () => {
    const url = await start(onepinApi([{ name: 'ci', token: 'op_live_one', scopes: ['workflows:read'] }]))
    const headers = { authorization: 'Bearer op_live_one' }
    const whoami = await sendTo(url, { method: 'GET', target: '/api/v1/auth/whoami', headers })
    expect(JSON.parse(whoami.text)).toMatchObject({ data: { key_name: 'ci', scopes: ['workflows:read'] } })
    expect(await get(url, '/api/v1/workflows', 'op_live_one')).toBe(200)
    expect(await get(url, '/api/v1/voices', 'op_live_one')).toBe(403)
  })

  it('knows no key without the op_live_ prefix', async () => {
    const url = await start(onepinApi([{ name: 'test', token: 'op_test_one', scopes: ['workflows:read'] }]))
    expect(await get(url, '/api/v1/auth/whoami', 'op_test_one')).toBe(401)
  })
})

describe('orders', () => {
  const keys = [{ id: 'orders-1', secret: 'made-up' }]
  const digest = (body: string): string => createHash('sha256').update(body).digest('hex')
  const credentials = (text: string, { id = 'orders-1', time = now / 1_000 } = {}) => ({
    'x-orders-key': id,
    'x-orders-timestamp': String(time),
    'x-orders-signature': `v1=${createHmac('sha256', 'made-up').update(text).digest('hex')}`,
  })

  it('accepts what its recipe describes', async () => {
    const url = await start(ordersApi(keys))
    const body = '{"item":"ink"}'
    const headers = credentials(`POST\n/v2/orders?a=1&a=2\n${now / 1_000}\n${digest(body)}`)
    expect((await sendTo(url, { method: 'POST', target: '/v2/orders?a=1&a=2', headers, body })).status).toBe(
      201,
    )
  })

  it('refuses what is unsigned, unknown, stale or changed, each with its own code', async () => {
    const url = await start(ordersApi(keys))
    const text = (time: number): string => `GET\n/v2/orders\n${time}\n${digest('')}`
    const seconds = now / 1_000
    const cases = [
      ['unsigned', {}],
      ['unknown_key', credentials(text(seconds), { id: 'orders-9' })],
      ['stale', credentials(text(seconds - 301), { time: seconds - 301 })],
      ['wrong_signature', credentials(`${text(seconds)} `)],
      ['wrong_signature', { ...credentials(text(seconds)), 'x-orders-signature': 'v1=00' }],
    ] as const
    for (const [code, headers] of cases) {
      const answer = await sendTo(url, { method: 'GET', target: '/v2/orders', headers })
      expect([answer.status, JSON.parse(answer.text)]).toEqual([401, { error: code }])
    }
  })

  it('verifies by any other recipe as well', async () => {
    const recipe: HmacRecipe = {
      ...ordersRecipe,
      hash: 'sha512',
      encoding: 'base64',
      separator: '|',
      parts: ['key-id', 'timestamp', 'path', 'query', 'header:x-acme-trace'],
      timestamp: { header: 'x-orders-timestamp', unit: 'milliseconds', windowSeconds: 1 },
    }
    const url = await start(ordersApi(keys, recipe))
    const text = `orders-1|${now}|/v2/orders|a=%2f|t-1`
    const headers = {
      'x-orders-key': 'orders-1',
      'x-orders-timestamp': String(now),
      'x-orders-signature': `v1=${createHmac('sha512', 'made-up').update(text).digest('base64')}`,
      'x-acme-trace': 't-1',
    }
    expect((await sendTo(url, { method: 'GET', target: '/v2/orders?a=%2f', headers })).status).toBe(200)
    const traced = { ...headers, 'x-acme-trace': 't-2' }
    expect((await sendTo(url, { method: 'GET', target: '/v2/orders?a=%2f', headers: traced })).status).toBe(
      401,
    )
  })
})

describe('a listening sandbox', () => {
  it('keeps the target as its bytes came, and the latest requests only', async () => {
    const api: Api = () => ({ status: 204, verdict: { accepted: true, key: 'any', signed: null } })
    const sandbox = await listen('tested', api, { requestsKept: 2 })
    open.push(sandbox)
    for (const target of ['/one', '/a%2fb/%e4?x=+&x=%20&&', '/a?']) {
      await sendTo(sandbox.url, { method: 'GET', target })
    }
    expect(sandbox.requests.map(({ request }) => request.target)).toEqual(['/a%2fb/%e4?x=+&x=%20&&', '/a?'])
  })

  it('hashes and counts the whole of a body of which it keeps the first MiB', async () => {
    const api: Api = () => ({ status: 204, verdict: { accepted: true, key: 'any', signed: null } })
    const sandbox = await listen('tested', api)
    open.push(sandbox)
    const body = Buffer.alloc(1_500_000, 'x')
    await sendTo(sandbox.url, { method: 'POST', target: '/', body })
    const seen = sandbox.requests[0]?.request
    expect([seen?.bodyBytes, seen?.body.length]).toEqual([1_500_000, 1_048_576])
    expect(seen?.bodySha256).toBe(createHash('sha256').update(body).digest('hex'))
  })
})

describe('made-up secrets', () => {
  it('differ every time and open every sandbox', () => {
    const make = (): Record<string, string> =>
      Object.fromEntries(Object.entries(makeSecret).map(([name, value]) => [name, value()]))
    const [one, other] = [make(), make()]
    for (const name of Object.keys(one)) expect(one[name]).not.toBe(other[name])
    for (const keys of Object.values(sandboxKeys(one))) expect(keys.length).toBeGreaterThan(0)
    expect(one['COUNTERSIGN_ADMIN_KEY']?.length).toBeGreaterThanOrEqual(32)
  })
})
