import { decodeProtectedHeader, importJWK, type JWK, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { mintAccessToken } from '../../src/tokens/access-token.ts'
import { openSigner } from '../../src/tokens/signing-keys.ts'
import { makeSigningKey } from './signing-key.ts'

test.each(['EdDSA', 'ES256'] as const)(
  'T16: what a %s key signs, its published half verifies',
  async (algorithm) => {
    const key = await makeSigningKey(algorithm)
    const signer = await openSigner(key)
    const token = await mintAccessToken(
      signer,
      {
        audience: 'calls',
        subject: 'token/abc',
        team: 'checkout',
        scopes: [],
        clientId: 'countersign-cli',
        grantId: 'pat:abc',
        tokenId: 'one',
        role: 'member',
      },
      { url: 'https://edge.test', now: Math.floor(Date.now() / 1000), notAfter: null },
    )
    const text = token?.text.reveal() ?? ''
    expect(decodeProtectedHeader(text)).toEqual({ alg: algorithm, kid: key.kid, typ: 'at+jwt' })
    const { payload } = await jwtVerify(text, await importJWK(key.publicJwk as JWK, algorithm))
    expect(payload.sub).toBe('token/abc')
  },
)

test('T07: a signing key cannot be exported or printed', async () => {
  const key = await makeSigningKey('ES256')
  const signer = await openSigner(key)
  expect(Object.values(signer).filter((value) => value instanceof CryptoKey)).toEqual([])
  const { d } = JSON.parse(key.privateJwk.reveal())
  expect(JSON.stringify([key, signer])).not.toContain(d)
})
