import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listen, type Sandbox } from '../../src/sandbox/listen.ts'
import { plugipayApi } from '../../src/sandbox/plugipay.ts'
import { type Sent, sendTo } from './send.ts'
import { type Signing, signPlugipay } from './sign-plugipay.ts'

const now = 1_700_000_000
const keys = [
  { id: 'ak_test_key', secret: 'sk_test_supersecret', workspace: 'acme' },
  { id: 'pk_live_other', secret: `sk_live_${randomBytes(8).toString('hex')}`, workspace: 'other' },
  { id: 'pk_test_revoked', secret: 'sk_test_revoked', workspace: 'acme', revoked: true },
]

let clock = now
let plugipay: Sandbox

beforeAll(async () => {
  plugipay = await listen('plugipay', plugipayApi(keys), { now: () => clock * 1_000 })
})
afterAll(async () => {
  await plugipay.close()
})

const signed = (sent: Sent, signing: Signing = {}): Sent =>
  signPlugipay(sent, { id: 'ak_test_key', secret: 'sk_test_supersecret', timestamp: now, ...signing })

const code = (text: string): string | undefined => {
  const { error } = JSON.parse(text) as { error: { code: string } | null }
  return error?.code
}

const list: Sent = { method: 'GET', target: '/api/v1/customers' }
const create: Sent = {
  method: 'POST',
  target: '/api/v1/customers',
  headers: { 'content-type': 'application/json' },
  body: '{"name":"Ada"}',
}

const vectors = '../shared/vectors/plugipay-hmac/cases.json'

interface VectorCase {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly body_utf8: string
  readonly content_type: string | null
  readonly idempotency_key: string | null
  readonly string_to_sign: string
  readonly authorization: string
}

describe.skipIf(!existsSync(vectors))(
  'the vectors of plugipay-hmac (skipped where their folder is not there)',
  () => {
    const { cases } = existsSync(vectors)
      ? (JSON.parse(readFileSync(vectors, 'utf8')) as { cases: readonly VectorCase[] })
      : { cases: [] }

    it.each(cases.map((vector) => [vector.id, vector] as const))(
      'G06: accepts %s and signs the same string',
      async (_id, vector) => {
        await sendTo(plugipay.url, {
          method: vector.method,
          target: vector.path,
          body: vector.body_utf8,
          headers: {
            authorization: vector.authorization,
            'x-plugipay-timestamp': String(now),
            ...(vector.content_type === null ? {} : { 'content-type': vector.content_type }),
            ...(vector.idempotency_key === null ? {} : { 'idempotency-key': vector.idempotency_key }),
          },
        })
        expect(plugipay.requests.at(-1)?.verdict).toEqual({
          accepted: true,
          key: 'ak_test_key',
          signed: vector.string_to_sign,
        })
      },
    )
  },
)

describe('signatures', () => {
  it.each(['authorization', 'x-plugipay'] as const)('accepts the %s form', async (form) => {
    const answer = await sendTo(plugipay.url, signed(list, { form }))
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toMatchObject({ error: null, meta: { hasMore: false } })
  })

  it('lists page by page when asked for a limit', async () => {
    const ids: unknown[] = []
    for (let index = 0; index < 3; index++) {
      const target = '/api/v1/plans'
      const { text } = await sendTo(plugipay.url, signed({ ...create, target }))
      ids.push(JSON.parse(text).data.id)
    }
    const page = async (query: string) => {
      const answer = await sendTo(plugipay.url, signed({ method: 'GET', target: `/api/v1/plans?${query}` }))
      const { data, meta } = JSON.parse(answer.text)
      return { ids: data.map(({ id }: { id: string }) => id), ...meta }
    }
    expect(await page('limit=2')).toMatchObject({ ids: ids.slice(0, 2), cursor: ids[1], hasMore: true })
    const last = { ids: ids.slice(2), cursor: null, hasMore: false }
    expect(await page(`limit=2&cursor=${ids[1]}`)).toMatchObject(last)
    expect(await page('limit=3')).toMatchObject({ ids, cursor: null, hasMore: false })
  })

  it('accepts an unsigned X-Plugipay-On-Behalf-Of, as the real one does', async () => {
    const { headers = {}, ...rest } = signed(list)
    const answer = await sendTo(plugipay.url, {
      ...rest,
      headers: { ...headers, 'x-plugipay-on-behalf-of': 'x' },
    })
    expect(answer.status).toBe(200)
  })

  it('refuses both forms at once, none, and a malformed one with INVALID_SIGNATURE', async () => {
    const one = signed(list)
    const other = signed(list, { form: 'x-plugipay' })
    for (const headers of [
      { ...one.headers, ...other.headers },
      {},
      { ...one.headers, authorization: 'Bearer x' },
    ]) {
      const answer = await sendTo(plugipay.url, { ...list, headers })
      expect([answer.status, code(answer.text)]).toEqual([401, 'INVALID_SIGNATURE'])
    }
  })

  it('refuses an unknown key and a revoked one with INVALID_KEY', async () => {
    for (const id of ['pk_test_nobody', 'pk_test_revoked']) {
      const answer = await sendTo(plugipay.url, signed(list, { id, secret: 'sk_test_revoked' }))
      expect([answer.status, code(answer.text)]).toEqual([401, 'INVALID_KEY'])
    }
  })

  it('refuses the secret of another key with INVALID_SIGNATURE', async () => {
    const answer = await sendTo(plugipay.url, signed(list, { secret: 'sk_live_other' }))
    expect([answer.status, code(answer.text)]).toEqual([401, 'INVALID_SIGNATURE'])
  })

  it('accepts timestamps up to 300 s away in both directions and refuses 301 s with INVALID_TIMESTAMP', async () => {
    for (const [timestamp, status] of [
      [now - 300, 200],
      [now + 300, 200],
      [now - 301, 401],
      [now + 301, 401],
    ] as const) {
      const answer = await sendTo(plugipay.url, signed(list, { timestamp }))
      expect([timestamp, answer.status]).toEqual([timestamp, status])
      if (status === 401) expect(code(answer.text)).toBe('INVALID_TIMESTAMP')
    }
  })

  it.each([`${now}000`, `${now}.0`, ` `, `-${now}`, 'now'])(
    'refuses the timestamp %j with INVALID_TIMESTAMP',
    async (timestamp) => {
      const answer = await sendTo(plugipay.url, signed(list, { timestamp }))
      expect([answer.status, code(answer.text)]).toEqual([401, 'INVALID_TIMESTAMP'])
    },
  )

  it('notices every change of method, target, body and idempotency key after signing', async () => {
    const base = signed({ ...create, headers: { ...create.headers, 'idempotency-key': 'idem-changed' } })
    const changes: readonly Partial<Sent>[] = [
      { method: 'PUT' },
      { target: '/api/v1/customers?' },
      { target: '/api/v1/customers?a=1' },
      { target: '/api/v1/%63ustomers' },
      { body: '{"name":"Bob"}' },
      { body: '' },
      { headers: { ...base.headers, 'idempotency-key': 'idem-other' } },
      { headers: { ...base.headers, 'idempotency-key': ['idem-changed', 'idem-changed'] } },
    ]
    for (const change of changes) {
      const answer = await sendTo(plugipay.url, { ...base, ...change })
      expect([change, answer.status, code(answer.text)]).toEqual([change, 401, 'INVALID_SIGNATURE'])
    }
  })

  it('accepts any bytes as a body, and any multipart body signed as an empty one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 4_096 }), fc.boolean(), async (bytes, multipart) => {
        const contentType = multipart ? 'multipart/form-data; boundary=b' : 'application/octet-stream'
        const sent = {
          method: 'POST',
          target: '/api/v1/uploads/image',
          headers: { 'content-type': contentType },
        }
        const answer = await sendTo(plugipay.url, signed({ ...sent, body: Buffer.from(bytes) }))
        expect(answer.status).toBe(multipart ? 201 : 400)
        expect(plugipay.requests.at(-1)?.request.body).toEqual(Buffer.from(bytes))
      }),
      { numRuns: 30 },
    )
  })
})

describe('the API behind the signatures', () => {
  it('answers the same Idempotency-Key with its first answer, and another request under it with 409', async () => {
    const once = { ...create, headers: { ...create.headers, 'idempotency-key': 'idem-once' } }
    const first = await sendTo(plugipay.url, signed(once))
    clock += 10
    const again = await sendTo(plugipay.url, signed(once, { timestamp: clock }))
    const other = await sendTo(plugipay.url, signed({ ...once, body: '{"name":"Bob"}' }))
    clock -= 10
    const created = JSON.parse(first.text) as { data: unknown }
    expect([first.status, again.status, other.status]).toEqual([201, 201, 409])
    expect((JSON.parse(again.text) as { data: unknown }).data).toEqual(created.data)
    expect(again.headers['idempotent-replayed']).toBe('true')
    expect(code(other.text)).toBe('IDEMPOTENCY_CONFLICT')
  })

  it('keeps what was created for its own workspace and mode only', async () => {
    const { data } = JSON.parse((await sendTo(plugipay.url, signed(create))).text) as { data: { id: string } }
    const target = `/api/v1/customers/${data.id}`
    const own = await sendTo(plugipay.url, signed({ method: 'GET', target }))
    const other = keys[1]
    const others = await sendTo(plugipay.url, signed({ method: 'GET', target }, { ...other }))
    expect([own.status, others.status]).toEqual([200, 404])
  })

  it('takes a body that is larger than what it keeps, and checks its signature over the whole', async () => {
    const body = JSON.stringify({ name: 'a'.repeat(1_100_000) })
    const answer = await sendTo(plugipay.url, signed({ ...create, body }))
    expect(answer.status).toBe(201)
    expect(JSON.parse(answer.text)).toMatchObject({ data: { bodyBytes: body.length } })
  })

  it('confirms a checkout session', async () => {
    const session = {
      ...create,
      target: '/api/v1/checkout-sessions',
      body: '{"amount":4200,"currency":"EUR"}',
    }
    const { data } = JSON.parse((await sendTo(plugipay.url, signed(session))).text) as {
      data: { id: string }
    }
    const confirm = { ...create, target: `/api/v1/checkout-sessions/${data.id}/confirm`, body: '' }
    const answer = await sendTo(plugipay.url, signed(confirm))
    expect(JSON.parse(answer.text)).toMatchObject({ data: { status: 'completed', amount: 4200 } })
  })
})
