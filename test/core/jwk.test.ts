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
  const verdict = judgeJwk(jwk)
  return verdict.kind === 'refused' ? verdict.why : ''
}
const algorithmsOf = (jwk: Jwk): readonly string[] => {
  const verdict = judgeJwk(jwk)
  return verdict.kind === 'key' ? [...verdict.key.algorithms] : []
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
    const verdict = judgeJwk({ ...p256, kid: 'k', use: 'sig', x5c: ['x'], surprise: 1 })
    expect(verdict).toMatchObject({ kind: 'key', key: { kid: 'k' } })
    expect(verdict.kind === 'key' ? Object.keys(verdict.key.jwk).toSorted() : []).toEqual([
      'crv',
      'kty',
      'x',
      'y',
    ])
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
    expect(why({ ...strong, n: `A${'_'.repeat(1_400)}` })).toMatch(/too large/)
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

  it('is judged without a throw, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(p256, ed, strong), fc.jsonValue(), (any, sound, value) => {
        expect(judgeJwk(any).kind).toBe('refused')
        for (const member of Object.keys(sound)) {
          const verdict = judgeJwk({ ...sound, [member]: value })
          expect(['key', 'refused']).toContain(verdict.kind)
        }
      }),
      { numRuns: 300 },
    )
  })
})
