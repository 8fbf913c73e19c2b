import { describe, expect, test } from 'vitest'
import { readToken } from '../../src/http/bearer.ts'
import { codeOf } from '../core/refused.ts'

const read = (authorization: string | null, own: string | null = null) => {
  const headers = new Headers()
  if (authorization !== null) headers.set('authorization', authorization)
  if (own !== null) headers.set('countersign-authorization', own)
  return readToken(headers)
}

describe('a token', () => {
  test.each(['Bearer a.b.c', 'bearer a.b.c', 'BEARER   a.b.c', ' Bearer a.b.c '])(
    'is read from %j',
    (value) => {
      expect(read(value)).toEqual({ text: 'a.b.c', inOwnHeader: false })
      expect(read(null, value)).toEqual({ text: 'a.b.c', inOwnHeader: true })
    },
  )

  test('in Countersign-Authorization wins, whatever Authorization holds', () => {
    for (const other of ['Bearer other', 'Basic YTpi', 'garbage', 'Plugipay-HMAC-SHA256 keyId=x']) {
      expect(read(other, 'Bearer mine')).toEqual({ text: 'mine', inOwnHeader: true })
    }
  })

  test('that is not there is missing', () => {
    expect(codeOf(() => read(null))).toBe('token_missing')
  })

  test.each([
    ...[
      '',
      'Bearer',
      'Bearer ',
      'Basic YTpi',
      'a.b.c',
      'Bearer a b',
      'Bearer a, Bearer b',
      'Bearer a,b',
      'Bearera',
    ],
    ...['Bearer\ta', 'DPoP a', 'Bearer "a b"', 'Negotiate x, Bearer a'],
  ])('that is malformed (%j) is invalid, and not passed over in favour of another header', (value) => {
    expect(codeOf(() => read(value))).toBe('token_invalid')
    expect(codeOf(() => read('Bearer good', value))).toBe('token_invalid')
  })

  test('sent twice is refused, because the two are joined', () => {
    const headers = new Headers()
    headers.append('authorization', 'Bearer a')
    headers.append('authorization', 'Bearer a')
    expect(codeOf(() => readToken(headers))).toBe('token_invalid')
  })
})
