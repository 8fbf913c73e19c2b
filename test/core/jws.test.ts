import { CompactSign, type CryptoKey, compactVerify, exportJWK, generateKeyPair, importJWK } from 'jose'
import { describe, expect, it, test } from 'vitest'
import type { PublicJwk } from '../../src/core/configuration.ts'
import { judgeJwk, tokenAlgorithms } from '../../src/core/jwk.ts'
import { importSigningKey, importVerifier, signJws } from '../../src/core/jws.ts'

/** A fresh pair as JWKs; the public one with the members of its type alone. */
const makePair = async (algorithm: string) => {
  const pair = await generateKeyPair(algorithm, { extractable: true })
  const verdict = judgeJwk(await exportJWK(pair.publicKey))
  if (verdict.kind === 'refused') throw new Error(verdict.why)
  return { ...pair, publicJwk: verdict.key.jwk, privateJwk: await exportJWK(pair.privateKey) }
}

const signedByJose = (algorithm: string, key: CryptoKey): Promise<string> =>
  new CompactSign(new TextEncoder().encode('{"sub":"ada"}')).setProtectedHeader({ alg: algorithm }).sign(key)

/** The token with one bit of its signature turned. */
const withBrokenSignature = (text: string): string => {
  const dot = text.lastIndexOf('.')
  const signature = Buffer.from(text.slice(dot + 1), 'base64url')
  signature[7] = (signature[7] ?? 0) ^ 1
  return `${text.slice(0, dot)}.${signature.toString('base64url')}`
}

describe.each(tokenAlgorithms)('%s', (algorithm) => {
  it('J01: verifies what another library signed, and nothing that differs in a bit', async () => {
    const { privateKey, publicJwk } = await makePair(algorithm)
    const text = await signedByJose(algorithm, privateKey)
    const verifies = await importVerifier(publicJwk, algorithm)
    expect(await verifies(text)).toBe(true)
    expect(await verifies(withBrokenSignature(text))).toBe(false)
    expect(await verifies(text.replace('.', '.e'))).toBe(false)
    expect(await verifies(`${text.slice(0, text.lastIndexOf('.'))}.`)).toBe(false)
  })

  it('signs what another library verifies', async () => {
    const { privateJwk, publicJwk } = await makePair(algorithm)
    const key = await importSigningKey({ ...privateJwk, kty: publicJwk.kty }, algorithm)
    expect(key.extractable).toBe(false)
    const text = await signJws({ alg: algorithm, kid: 'k1' }, { sub: 'ada', name: 'Åsa' }, key)
    const verified = await compactVerify(text, await importJWK(publicJwk, algorithm))
    expect(verified.protectedHeader).toEqual({ alg: algorithm, kid: 'k1' })
    expect(JSON.parse(new TextDecoder().decode(verified.payload))).toEqual({ sub: 'ada', name: 'Åsa' })
  })
})

test.each([
  ['RS256', 'PS256'],
  ['RS256', 'RS384'],
  ['PS256', 'RS256'],
  ['PS384', 'PS512'],
])('J02: what was signed by %s is nothing by %s, with the same key', async (algorithm, other) => {
  const { privateKey, publicJwk } = await makePair(algorithm)
  const verifies = await importVerifier(publicJwk, other)
  expect(await verifies(await signedByJose(algorithm, privateKey))).toBe(false)
})

test.each(['none', 'HS256', 'RSA-OAEP', '__proto__', 'constructor'])(
  'J02: there is no key for %s',
  async (name) => {
    const { publicJwk } = await makePair('ES256')
    await expect(importVerifier(publicJwk, name)).rejects.toThrow('not an algorithm for tokens')
  },
)

test('a point that is not on its curve is no key', async () => {
  const { publicJwk } = await makePair('ES256')
  const moved: PublicJwk = { ...publicJwk, x: publicJwk['y'], y: publicJwk['x'] }
  await expect(importVerifier(moved, 'ES256')).rejects.toThrow()
})
