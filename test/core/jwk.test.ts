import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judgeJwk } from '../../src/core/jwk.ts'

type Jwk = Record<string, unknown>

const rsa = (bits: number): Jwk =>
  generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({ format: 'jwk' })
const ec = (namedCurve: string): Jwk =>
  generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' })
const ed: Jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
const strong = rsa(2_048)
const p256 = ec('P-256')

const why = (jwk: unknown): string => {
  const key = judgeJwk(jwk)
  return typeof key === 'string' ? key : ''
}
const algorithmsOf = (jwk: Jwk): readonly string[] => {
  const key = judgeJwk(jwk)
  return typeof key === 'string' ? [] : [...key.algorithms]
}

describe('a public key', () => {
  it('fits the algorithms of its type', () => {
    expect(algorithmsOf(p256)).toEqual(['ES256'])
    expect(algorithmsOf(ec('P-384'))).toEqual(['ES384'])
    expect(algorithmsOf(ec('P-521'))).toEqual(['ES512'])
    expect(algorithmsOf(ed)).toEqual(['EdDSA', 'Ed25519'])
    expect(algorithmsOf(strong)).toEqual(['PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'])
  })

  it('is bound to its alg, where Ed25519 and EdDSA are one', () => {
    expect(algorithmsOf({ ...strong, alg: 'PS256' })).toEqual(['PS256'])
    expect(algorithmsOf({ ...ed, alg: 'Ed25519' })).toEqual(['EdDSA', 'Ed25519'])
    for (const alg of ['RS256', 'HS256', 'none', '', 1, null]) expect(why({ ...p256, alg })).toMatch(/alg/)
  })

  it('keeps its public members only', () => {
    const { crv, kty, x, y } = p256
    expect(judgeJwk({ ...p256, kid: 'k', use: 'sig', x5c: ['x'], surprise: 1 })).toEqual({
      jwk: { crv, kty, x, y },
      kid: 'k',
      algorithms: new Set(['ES256']),
    })
  })

  it('S06: is refused when it is private, shared, or for something else', () => {
    const privateKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
    expect(why(privateKey)).toMatch(/private/)
    expect(why({ kty: 'oct', k: 'bWFkZS11cA' })).toMatch(/shared/)
    expect(why({ ...p256, k: 'bWFkZS11cA' })).toMatch(/private/)
    expect(why({ ...p256, use: 'enc' })).toMatch(/use/)
    expect(why({ ...p256, key_ops: ['encrypt'] })).toMatch(/key_ops/)
    expect(why({ ...p256, key_ops: ['verify'] })).toBe('')
    expect(why({ ...p256, kid: 1 })).toMatch(/kid/)
  })

  it('J01: is refused when it is weak or misshapen', () => {
    expect(why(strong)).toBe('')
    expect(why(rsa(2_040))).toMatch(/weak/)
    expect(why(rsa(1_024))).toMatch(/weak/)
    expect(why({ ...strong, n: `A${'_'.repeat(1_399)}` })).toMatch(/too large/)
    expect(why({ ...strong, n: 'A'.repeat(342) })).toMatch(/weak/)
    for (const e of ['AQ', 'Ag', 'AA', '', 'AQAA', 'AQAB=', 'A', 'AQABA', 1])
      expect(why({ ...strong, e }), String(e)).toMatch(/exponent/)
    expect(why({ ...strong, e: 'Aw' })).toBe('')
    expect(why({ ...p256, x: `${p256['x']}A` })).toMatch(/length/)
    expect(why({ ...p256, crv: 'secp256k1' })).toMatch(/curve/)
    expect(why({ ...p256, crv: '__proto__' })).toMatch(/curve/)
    expect(why({ ...ed, crv: 'X25519' })).toMatch(/curve/)
    expect(why({ ...p256, kty: 'AKP' })).toMatch(/kty/)
  })

  it('J01: is weak one bit below the bound, and too large one above', () => {
    const modulus = (bits: number): string =>
      Buffer.from(
        (1n << BigInt(bits - 1)).toString(16).padStart(Math.ceil(bits / 8) * 2, '0'),
        'hex',
      ).toString('base64url')
    expect(why({ ...strong, n: modulus(2_047) })).toMatch(/weak/)
    expect(why({ ...strong, n: modulus(2_048) })).toBe('')
    expect(why({ ...strong, n: modulus(8_192) })).toBe('')
    expect(why({ ...strong, n: modulus(8_193) })).toMatch(/too large/)
  })

  it('is judged without a throw, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(p256, ed, strong), fc.jsonValue(), (any, sound, value) => {
        expect(typeof judgeJwk(any)).toBe('string')
        for (const member of Object.keys(sound)) {
          expect(['object', 'string']).toContain(typeof judgeJwk({ ...sound, [member]: value }))
        }
      }),
      { numRuns: 300 },
    )
  })
})
