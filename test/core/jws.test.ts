import { CompactSign, type CryptoKey, compactVerify, exportJWK, generateKeyPair } from 'jose'
import { describe, expect, test } from 'vitest'
import type { PublicJwk } from '../../src/core/configuration.ts'
import { tokenAlgorithms } from '../../src/core/jwk.ts'
import { importJwsKey, signCompact, verifyCompact } from '../../src/core/jws.ts'

interface Pair {
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  readonly privateJwk: PublicJwk
  readonly publicJwk: PublicJwk
}

const makePair = async (algorithm: string): Promise<Pair> => {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  const jwkOf = async (key: CryptoKey): Promise<PublicJwk> => {
    const { kty = '', ...members } = await exportJWK(key)
    return { ...members, kty }
  }
  return { privateKey, publicKey, privateJwk: await jwkOf(privateKey), publicJwk: await jwkOf(publicKey) }
}

const payload = { sub: 'ünïcode', n: 1 }

describe.each(tokenAlgorithms)('%s', (algorithm) => {
  test('verifies what another library signed, and nothing that differs from it', async () => {
    const { privateKey, publicJwk } = await makePair(algorithm)
    const token = await new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
      .setProtectedHeader({ alg: algorithm })
      .sign(privateKey)
    const key = await importJwsKey(publicJwk, algorithm, 'verify')
    expect(await verifyCompact(token, key, algorithm)).toBe(true)

    const [header = '', claims = '', signature = ''] = token.split('.')
    const first = signature.startsWith('A') ? 'B' : 'A'
    const others = [
      `${header}.${claims}.${first}${signature.slice(1)}`,
      `${header}.${claims}A.${signature}`,
      `${header}.${claims}.`,
      `${header}.${claims}.${signature.slice(0, -4)}`,
      `${header}.${claims}.${signature}${signature}`,
      `${header}.${claims}.not base64url`,
      `${claims}.${signature}`,
      signature,
      '',
    ]
    for (const other of others) expect(await verifyCompact(other, key, algorithm), other).toBe(false)
  })

  test("another library verifies what it signed; the other's key does not", async () => {
    const { privateJwk, publicKey } = await makePair(algorithm)
    const key = await importJwsKey(privateJwk, algorithm, 'sign')
    const token = await signCompact({ alg: algorithm, kid: 'one', typ: 'at+jwt' }, payload, key)
    const verified = await compactVerify(token, publicKey)
    expect(verified.protectedHeader).toEqual({ alg: algorithm, kid: 'one', typ: 'at+jwt' })
    expect(JSON.parse(new TextDecoder().decode(verified.payload))).toEqual(payload)

    const stranger = await importJwsKey((await makePair(algorithm)).publicJwk, algorithm, 'verify')
    expect(await verifyCompact(token, stranger, algorithm)).toBe(false)
  })

  test('T07: an imported key cannot be exported, and does one thing', async () => {
    const { privateJwk, publicJwk } = await makePair(algorithm)
    const signs = await importJwsKey(privateJwk, algorithm, 'sign')
    const verifies = await importJwsKey(publicJwk, algorithm, 'verify')
    expect([signs.extractable, verifies.extractable]).toEqual([false, false])
    expect([signs.usages, verifies.usages]).toEqual([['sign'], ['verify']])
    await expect(crypto.subtle.exportKey('jwk', signs)).rejects.toThrow()
  })
})

test('a key is bound to the algorithm that it was imported for', async () => {
  const { privateKey, publicJwk } = await makePair('RS256')
  const token = await new CompactSign(new Uint8Array(1)).setProtectedHeader({ alg: 'RS256' }).sign(privateKey)
  const key = await importJwsKey(publicJwk, 'PS256', 'verify')
  expect(await verifyCompact(token, key, 'PS256')).toBe(false)
  await expect(verifyCompact(token, key, 'RS256')).rejects.toThrow()
})

test.each(['none', 'HS256', 'es256', 'toString', '__proto__', ''])(
  'J01: there is no algorithm %j',
  async (algorithm) => {
    const { publicJwk } = await makePair('ES256')
    await expect(importJwsKey(publicJwk, algorithm, 'verify')).rejects.toThrow('no such algorithm')
  },
)

test('a point that is not on its curve is no key', async () => {
  const { publicJwk } = await makePair('ES256')
  const moved = { ...publicJwk, y: publicJwk['x'] }
  await expect(importJwsKey(moved, 'ES256', 'verify')).rejects.toThrow()
})
