import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Refusal } from '../../src/core/problems.ts'
import { boundScheme, openKey, optionFaults } from './opened.ts'
import { momentAt, signRequest, textBody } from './requests.ts'
import { readVectors, vectorsAreThere, withoutVectors } from './vectors.ts'

interface Case {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly body_utf8: string
  readonly content_type: string | null
  readonly idempotency_key: string | null
  readonly timestamp: number
  readonly string_to_sign: string
  readonly signature: string
  readonly authorization: string
}

interface Vectors {
  readonly key_id: string
  readonly secret: string
  readonly cases: readonly Case[]
}

const requestOf = ({ method, path, body_utf8, content_type, idempotency_key }: Case) => {
  const mark = path.indexOf('?')
  return signRequest({
    method,
    path: mark === -1 ? path : path.slice(0, mark),
    query: mark === -1 ? '' : path.slice(mark),
    headers: {
      ...(content_type === null ? {} : { 'content-type': content_type }),
      ...(idempotency_key === null ? {} : { 'idempotency-key': idempotency_key }),
    },
    body: content_type?.startsWith('multipart/') ? { kind: 'unread' } : textBody(body_utf8),
  })
}

const folder = 'plugipay-hmac'
describe.skipIf(!vectorsAreThere(folder))(
  `G06: the vectors of plugipay-hmac${withoutVectors(folder)}`,
  () => {
    const vectors = vectorsAreThere(folder) ? (readVectors(`${folder}/cases.json`) as Vectors) : null
    it.each(vectors?.cases ?? [])('signs $id as published', async (vector) => {
      const key = await openKey({ scheme: 'plugipay' }, `${vectors?.key_id}:${vectors?.secret}`)
      const moment = momentAt(vector.timestamp * 1000 + 999)
      expect(await key.stages(requestOf(vector), moment)).toEqual([
        { name: 'string to sign', text: vector.string_to_sign },
      ])
      expect(await key.sign(requestOf(vector), moment)).toEqual({
        set: [
          ['authorization', vector.authorization],
          ['x-plugipay-timestamp', String(vector.timestamp)],
        ],
      })
    })
  },
)

const secret = 'pk_test_id:sk_test_made-up'

describe('plugipay', () => {
  it('sets three headers of its own when asked for', async () => {
    const key = await openKey({ scheme: 'plugipay', headers: 'x-plugipay' }, secret)
    const { set } = await key.sign(signRequest({ path: '/api/v1/customers' }), momentAt(1_700_000_000_000))
    const text = `GET\n/api/v1/customers\n1700000000\n${createHash('sha256').digest('hex')}`
    expect(set).toEqual([
      ['x-plugipay-key-id', 'pk_test_id'],
      ['x-plugipay-timestamp', '1700000000'],
      ['x-plugipay-signature', createHmac('sha256', 'sk_test_made-up').update(text).digest('hex')],
    ])
    expect([...boundScheme({ scheme: 'plugipay', headers: 'x-plugipay' }).owns]).toEqual(
      set.map(([name]) => name),
    )
  })

  it('needs a digest of a body, and none of a multipart body', () => {
    const { bodyNeed } = boundScheme({ scheme: 'plugipay' })
    expect(bodyNeed('application/json')).toBe('sha256')
    expect(bodyNeed(null)).toBe('sha256')
    expect(bodyNeed('Multipart/Form-Data; boundary=b')).toBe('none')
    expect(bodyNeed('multipart/form-data-ish')).toBe('sha256')
  })

  it('throws when a body that it covers was not read', async () => {
    const key = await openKey({ scheme: 'plugipay' }, secret)
    const sign = async () => key.sign(signRequest({ method: 'POST', body: { kind: 'unread' } }), momentAt(0))
    await expect(sign()).rejects.toThrow('was not read')
  })

  it.each(['', 'a\nb', 'a\rb', 'a\u0000', 'ä'])('G07: refuses the idempotency key %j', async (value) => {
    const key = await openKey({ scheme: 'plugipay' }, secret)
    const request = signRequest({ headers: { 'idempotency-key': value } })
    const sign = async () => key.sign(request, momentAt(0))
    await expect(sign()).rejects.toBeInstanceOf(Refusal)
    await expect(sign()).rejects.toMatchObject({ code: 'header_invalid' })
  })

  it('G07: gives no two requests one string', async () => {
    const key = await openKey({ scheme: 'plugipay' }, secret)
    const piece = fc.string({ unit: fc.constantFrom('/', 'a', '?', '&', '=', '1', '%0a'), maxLength: 4 })
    const arbitrary = fc.record({
      method: fc.constantFrom('GET', 'POST', 'PUT'),
      path: piece.map((text) => `/${text.replaceAll('?', '')}`),
      query: piece.map((text) => (text === '' ? '' : `?${text}`)),
      body: fc.constantFrom('', 'a', '1'),
      idempotencyKey: fc.option(piece.filter((text) => text !== '')),
      seconds: fc.integer({ min: 1_700_000_000, max: 1_700_000_002 }),
    })
    const stringOf = async (value: typeof arbitrary extends fc.Arbitrary<infer T> ? T : never) => {
      const headers = value.idempotencyKey === null ? {} : { 'idempotency-key': value.idempotencyKey }
      const request = signRequest({ ...value, headers, body: textBody(value.body) })
      return (await key.stages(request, momentAt(value.seconds * 1000)))[0]?.text
    }
    await fc.assert(
      fc.asyncProperty(arbitrary, arbitrary, async (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other)
        expect((await stringOf(one)) === (await stringOf(other))).toBe(same)
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    '',
    ':',
    'id:',
    ':secret',
    'id',
    'id:secret\n',
    ' id:secret',
    'id: secret',
    'i d:secret',
    'id,x:s',
  ])('G08: refuses the secret %j and names its form only', async (text) => {
    await expect(boundScheme({ scheme: 'plugipay' }).open(text)).rejects.toThrow(/<id>:<secret>/)
  })

  it('reports every fault of its options', () => {
    expect(optionFaults({ scheme: 'plugipay', headers: 'both', header: 'x' })).toEqual([
      'headers: must be authorization or x-plugipay',
      'header: unknown option; known are headers',
    ])
  })
})
