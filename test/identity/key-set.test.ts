import { CompactSign, exportJWK, generateKeyPair } from 'jose'
import { describe, expect, it } from 'vitest'
import { makeKeySet } from '../../src/identity/key-set.ts'
import { makeSigner } from './fixtures.ts'

const [first, second, edwards] = await Promise.all([
  makeSigner('k1'),
  makeSigner('k2'),
  makeSigner('k1', 'EdDSA'),
])

describe('a key set', () => {
  it('S06: passes over bad keys and keeps the good ones', () => {
    const set = makeKeySet([
      second.privateJwk,
      { kty: 'oct', kid: 'k9', k: 'bWFkZS11cA' },
      null,
      'x',
      first.jwk,
    ])
    expect(set.choose('k1', 'ES256')?.kid).toBe('k1')
    expect(set.choose('k2', 'ES256')).toBeNull()
    expect(set.choose('k9', 'HS256')).toBeNull()
  })

  it('S06: takes neither of two keys with one kid, unless they are the same or of different algorithms', () => {
    const clash = { ...second.jwk, kid: 'k1' }
    expect(makeKeySet([first.jwk, clash]).choose('k1', 'ES256')).toBeNull()
    expect(makeKeySet([first.jwk, { ...first.jwk }]).choose('k1', 'ES256')).not.toBeNull()
    const mixed = makeKeySet([first.jwk, edwards.jwk])
    expect(mixed.choose('k1', 'ES256')?.jwk.kty).toBe('EC')
    expect(mixed.choose('k1', 'EdDSA')?.jwk.kty).toBe('OKP')
  })

  it('chooses without a kid only when one key fits', () => {
    expect(makeKeySet([first.jwk, edwards.jwk]).choose(null, 'ES256')).not.toBeNull()
    expect(makeKeySet([first.jwk, second.jwk]).choose(null, 'ES256')).toBeNull()
    expect(makeKeySet([]).choose(null, 'ES256')).toBeNull()
  })

  it('knows itself again in any order, and tells a changed key', () => {
    const fingerprint = (...keys: readonly unknown[]): string => makeKeySet(keys).fingerprint
    expect(fingerprint(first.jwk, second.jwk)).toBe(fingerprint(second.jwk, first.jwk))
    expect(fingerprint(first.jwk)).not.toBe(fingerprint(second.jwk))
    expect(fingerprint(first.jwk)).not.toBe(fingerprint({ ...first.jwk, kid: 'k3' }))
    expect(fingerprint(first.jwk, { kty: 'oct' })).toBe(fingerprint(first.jwk))
  })

  it('verifies only with an algorithm of the key', async () => {
    const set = makeKeySet([first.jwk])
    const key = set.choose('k1', 'ES256')
    if (key === null) throw new Error('the key is there')
    const token = { text: await first.sign({}), algorithm: 'ES256', kid: 'k1', typ: 'at+jwt', payload: '' }
    expect(await set.verifies(key, token)).toBe(true)
    expect(await set.verifies(key, { ...token, algorithm: 'EdDSA' })).toBe(false)
    expect(await set.verifies(key, { ...token, text: await second.sign({}) })).toBe(false)
  })

  it('J06: an RSA key of one algorithm verifies none of the others that RSA could do', async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k1' }
    const text = await new CompactSign(new Uint8Array(1))
      .setProtectedHeader({ alg: 'RS256' })
      .sign(privateKey)
    const token = { text, algorithm: 'RS256', kid: 'k1', typ: null, payload: '' }
    const verifies = async (alg: string): Promise<boolean> => {
      const set = makeKeySet([{ ...jwk, alg }])
      const key = set.choose('k1', alg)
      if (key === null) throw new Error('the key is there')
      return set.verifies(key, token)
    }
    expect([await verifies('RS256'), await verifies('PS256')]).toEqual([true, false])
  })
})
