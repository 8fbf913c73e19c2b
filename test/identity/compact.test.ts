import fc from 'fast-check'
import { base64url } from 'jose'
import { describe, expect, it } from 'vitest'
import { kidCharsMax, tokenBytesMax } from '../../src/core/limits.ts'
import { isCanonical, parseClaims, parseCompact } from '../../src/identity/compact.ts'

const part = (value: unknown): string =>
  base64url.encode(typeof value === 'string' ? value : JSON.stringify(value))
const token = (header: unknown, claims: unknown = { iss: 'x' }): string =>
  `${part(header)}.${part(claims)}.c2ln`
const header = { alg: 'ES256', kid: 'k', typ: 'at+jwt' }
const malformed = (text: string): string => {
  const result = parseCompact(text)
  if ('malformed' in result) return result.malformed
  return parseClaims(result) === null ? 'payload is not a JSON object' : ''
}

describe('the compact form', () => {
  it('gives algorithm, kid, typ and the claims that are not verified yet', () => {
    expect(parseCompact(token({ ...header, typ: 'application/AT+JWT' }))).toEqual({
      text: token({ ...header, typ: 'application/AT+JWT' }),
      algorithm: 'ES256',
      kid: 'k',
      typ: 'at+jwt',
      payload: part({ iss: 'x' }),
    })
    expect(parseCompact(token({ alg: 'ES256' }))).toMatchObject({ kid: null, typ: null })
  })

  it('J11: takes a token of the largest size and refuses one above, before anything else', () => {
    const base = token(header)
    const padded = `${base}${'A'.repeat(tokenBytesMax - base.length)}`
    expect(padded.length).toBe(tokenBytesMax)
    expect(malformed(padded)).not.toMatch(/longer/)
    expect(malformed(`${padded}A`)).toMatch(/longer/)
  })

  it.each([
    '',
    '.',
    '..',
    'a',
    'a.b',
    'e30.e30.',
    '.e30.e30',
    'e30..e30',
    'e30.e30.e30.e30',
    'e30.e30.a a',
    ' e30.e30.e30',
  ])('J01: refuses %j', (text) => expect(malformed(text)).not.toBe(''))

  it('J12: refuses the same token in another text: padding, a newline, bits that encode nothing', () => {
    const sound = token(header)
    expect(malformed(sound)).toBe('')
    for (const other of [`${sound}=`, `${sound}\n`, `\n${sound}`, `${sound.slice(0, -1)} ${sound.slice(-1)}`])
      expect(malformed(other)).not.toBe('')
    expect(malformed(`${part(header)}.${part({ iss: 'x' })}.AB`)).toBe('not canonical base64url')
    expect(malformed(`${part(header)}.${part({ iss: 'x' })}.AAB`)).toBe('not canonical base64url')
    expect(malformed(`${part(header)}.${part({ iss: 'x' })}.AAAAA`)).toBe('not canonical base64url')
  })

  it('J12: gives every byte string exactly one text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(63), (bytes, other) => {
        const text = base64url.encode(bytes)
        expect(isCanonical(text)).toBe(true)
        const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
        const changed = text.slice(0, -1) + alphabet.charAt(other)
        const same = Buffer.from(changed, 'base64url').equals(Buffer.from(bytes))
        if (changed !== text && same) expect(isCanonical(changed)).toBe(false)
      }),
      { numRuns: 2_000 },
    )
  })

  it.each(['crit', 'b64', 'jku', 'jwk', 'x5u', 'x5c'])(
    'J03: refuses a header with %s, whatever it holds',
    (name) => {
      for (const value of [null, false, true, [], {}, 'https://evil.example/jwks'])
        expect(malformed(token({ ...header, [name]: value }))).toBe(`header has ${name}`)
    },
  )

  it.each([1, {}, [], null, true])('J04: refuses the kid %j', (kid) =>
    expect(malformed(token({ ...header, kid }))).toMatch(/kid/),
  )

  it('J04: takes a kid of the longest length and refuses one above', () => {
    expect(malformed(token({ ...header, kid: 'x'.repeat(kidCharsMax) }))).toBe('')
    expect(malformed(token({ ...header, kid: 'x'.repeat(kidCharsMax + 1) }))).toMatch(/kid/)
  })

  it('J01: refuses a header without alg as text, a typ that is none, and a token within a token', () => {
    expect(malformed(token({ ...header, alg: ['ES256'] }))).toMatch(/alg/)
    expect(malformed(token({ kid: 'k' }))).toMatch(/alg/)
    expect(malformed(token({ ...header, typ: 1 }))).toMatch(/typ/)
    expect(malformed(token({ ...header, cty: 'JWT' }))).toMatch(/within/)
  })

  it('J11: refuses what is not a JSON object in UTF-8, and survives deep nesting', () => {
    for (const payload of ['[]', '"x"', '1', 'null', '{', '\ufeff{}', '{"a":1}x'])
      expect(malformed(`${part(header)}.${part(payload)}.c2ln`), payload).toMatch(/payload/)
    const utf16 = Buffer.from('{"iss":"x"}', 'utf16le').toString('base64url')
    expect(malformed(`${part(header)}.${utf16}.c2ln`)).toMatch(/payload/)
    expect(
      malformed(`${part(header)}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.c2ln`),
    ).toMatch(/payload/)
    expect(malformed(token(header, `{"a":${'['.repeat(2_000)}${']'.repeat(2_000)}}`))).toBe('')
  })

  it('D02: never throws, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.tuple(fc.jsonValue(), fc.jsonValue()).map(([a, b]) => token(a, b)),
        ),
        (text) => {
          const result = parseCompact(text)
          if (!('malformed' in result)) expect(typeof result.algorithm).toBe('string')
        },
      ),
      { numRuns: 2_000 },
    )
  })
})
