import { describe, expect, it } from 'vitest'
import { boundScheme, openKey, optionFaults } from './opened.ts'
import { momentAt, signRequest, textBody } from './requests.ts'
import { readVectors, vectorsAreThere, withoutVectors } from './vectors.ts'

interface Vectors {
  readonly bad_secrets: readonly string[]
  readonly cases: readonly {
    readonly name: string
    readonly secret: string
    readonly now: number
    readonly headers: Readonly<Record<string, string>>
    readonly body: string
    readonly valid: boolean
  }[]
}

const sign = { scheme: 'standard-webhooks' }
// 24 bytes of zeros.
const secret = `whsec_${'A'.repeat(32)}`

/** What a receiver accepts, by the specification, with the signature that we make for its id, time and body. */
const accepts = async ({ secret, now, headers, body }: Vectors['cases'][number]): Promise<boolean> => {
  const id = headers['webhook-id']
  const timestamp = headers['webhook-timestamp'] ?? ''
  const signatures = headers['webhook-signature']
  if (id === undefined || signatures === undefined || !/^\d+$/.test(timestamp)) return false
  if (Math.abs(now - Number(timestamp)) > 300) return false
  const key = await openKey(sign, secret)
  const request = signRequest({ method: 'POST', headers: { 'idempotency-key': id }, body: textBody(body) })
  const { set } = await key.sign(request, momentAt(Number(timestamp) * 1000))
  expect(set.slice(0, 2)).toEqual([
    ['webhook-id', id],
    ['webhook-timestamp', timestamp],
  ])
  return signatures.split(' ').includes(set[2]?.[1] ?? '')
}

const folder = 'standard-webhooks'
describe.skipIf(!vectorsAreThere(folder))(`the vectors of Standard Webhooks${withoutVectors(folder)}`, () => {
  const vectors = vectorsAreThere(folder) ? (readVectors(`${folder}/cases.json`) as Vectors) : null
  it('are 17', () => {
    expect(vectors?.cases).toHaveLength(17)
  })
  it.each(vectors?.cases ?? [])('$name: our signature is what decides', async (vector) => {
    expect(await accepts(vector)).toBe(vector.valid)
  })
  it.each(vectors?.bad_secrets ?? [])('refuse the secret %j', async (text) => {
    await expect(boundScheme(sign).open(text)).rejects.toMatchObject({ name: 'SecretFault' })
  })
})

describe('standard-webhooks', () => {
  it('draws a fresh id when there is no Idempotency-Key', async () => {
    const key = await openKey(sign, secret)
    const moment = momentAt(1_700_000_000_000)
    const ids = await Promise.all([1, 2].map(async () => (await key.sign(signRequest(), moment)).set[0]?.[1]))
    expect(ids).toEqual(['msg_00000000000000000000000000000001', 'msg_00000000000000000000000000000002'])
  })

  it.each(['a.b', 'a b', '', 'a\n', 'é'])('G07: refuses the id %j', async (id) => {
    const key = await openKey(sign, secret)
    const request = signRequest({ headers: { 'idempotency-key': id } })
    await expect(key.sign(request, momentAt(0))).rejects.toMatchObject({ code: 'header_invalid' })
  })

  it('signs the bytes of the body, also those that are not text', async () => {
    const key = await openKey(sign, secret)
    const moment = momentAt(1_700_000_000_000)
    const signatureOf = async (bytes: number[]) =>
      (
        await key.sign(
          signRequest({
            headers: { 'idempotency-key': 'id' },
            body: { kind: 'bytes', bytes: new Uint8Array(bytes) },
          }),
          moment,
        )
      ).set[2]?.[1]
    expect(await signatureOf([0xff])).not.toBe(await signatureOf([0xfe]))
    expect(boundScheme(sign).bodyNeed(null)).toBe('bytes')
    await expect(key.sign(signRequest({ body: { kind: 'unread' } }), moment)).rejects.toThrow('not read')
  })

  it.each([`${secret}\n`, ` ${secret}`, 'whsec_', 'whsec_***', 'AAAA'])('G08: refuses %j', async (text) => {
    await expect(boundScheme(sign).open(text)).rejects.toMatchObject({ name: 'SecretFault' })
  })

  it('has no options', () => {
    expect(optionFaults({ ...sign, version: 1 })).toEqual(['version: this scheme has no options'])
  })
})
