import { describe, expect, test } from 'vitest'
import { refusalBytesMax } from '../../src/core/limits.ts'
import { refusesKey } from '../../src/http/failover.ts'

const rule = { status: 401, codes: ['INVALID_KEY', 'KEY_REVOKED'] }
const json = (body: unknown, status = 401): Response => Response.json(body, { status })

describe('a refused key', () => {
  test.each([
    { code: 'INVALID_KEY' },
    { error: 'KEY_REVOKED' },
    { error: { code: 'INVALID_KEY' }, data: null },
    { code: 7, error: { code: 'KEY_REVOKED' } },
    { errors: [{ code: 'OTHER' }, { code: 'INVALID_KEY' }] },
  ])('is told by its code in %j, and the answer stays whole', async (body) => {
    const answer = json(body)
    expect(await refusesKey(answer, rule)).toBe(true)
    expect(await answer.json()).toEqual(body)
  })

  test.each([
    [json({ code: 'INVALID_KEY' }, 403)],
    [json({ code: 'INVALID_SIGNATURE' })],
    [json({ message: 'INVALID_KEY' })],
    [json(['INVALID_KEY'])],
    [json('INVALID_KEY')],
    [json(null)],
    [json({ error: { detail: 'INVALID_KEY' } })],
    [json({ code: ['INVALID_KEY'] })],
    [new Response('INVALID_KEY', { status: 401 })],
    [new Response('{"code":"INVALID_KEY"', { status: 401 })],
    [new Response(null, { status: 401 })],
    [new Response(new Uint8Array([0xff, 0xfe]), { status: 401 })],
  ])('is not seen elsewhere (%#)', async (answer) => {
    expect(await refusesKey(answer, rule)).toBe(false)
  })

  test('may be told by the status alone, without a look at the body', async () => {
    const answer = new Response('anything', { status: 410 })
    expect(await refusesKey(answer, { status: 410, codes: [] })).toBe(true)
    expect(answer.bodyUsed).toBe(false)
  })

  test('is looked for in a body up to the bound, and larger answers pass as they are', async () => {
    const sized = (bytes: number): Response => {
      const frame = JSON.stringify({ code: 'INVALID_KEY', pad: '' }).length
      return json({ code: 'INVALID_KEY', pad: 'x'.repeat(bytes - frame) })
    }
    expect(await refusesKey(sized(refusalBytesMax), rule)).toBe(true)
    const large = sized(refusalBytesMax + 1)
    expect(await refusesKey(large, rule)).toBe(false)
    expect((await large.text()).length).toBe(refusalBytesMax + 1)
  })
})
