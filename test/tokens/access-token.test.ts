import { decodeJwt, decodeProtectedHeader } from 'jose'
import { beforeAll, expect, test } from 'vitest'
import { accessTokenSeconds, tokenBytesMax } from '../../src/core/limits.ts'
import { type AccessTokenClaims, mintAccessToken } from '../../src/tokens/access-token.ts'
import { openSigner, type Signer } from '../../src/tokens/signing-keys.ts'
import { makeSigningKey } from './signing-key.ts'

const url = 'https://edge.test'
const now = 1_800_000_000

const claims: AccessTokenClaims = {
  audience: 'calls',
  subject: 'token/abc',
  team: 'checkout',
  scopes: ['plugipay:customer:read', 'plugipay:refund:*'],
  clientId: 'countersign-cli',
  grantId: 'pat:abc',
  tokenId: 'one-token-id',
  role: 'member',
}

let signer: Signer
beforeAll(async () => {
  signer = await openSigner(await makeSigningKey('ES256'))
})

const mint = async (
  over: Partial<AccessTokenClaims> = {},
  notAfter: number | null = null,
): Promise<string> => {
  const token = await mintAccessToken(signer, { ...claims, ...over }, { url, now, notAfter })
  return token?.text.reveal() ?? ''
}

test('a token for calling has the claims of RFC 9068 and our own', async () => {
  const token = await mint()
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', kid: signer.kid, typ: 'at+jwt' })
  expect(decodeJwt(token)).toEqual({
    iss: url,
    sub: 'token/abc',
    aud: url,
    iat: now,
    exp: now + accessTokenSeconds,
    jti: 'one-token-id',
    client_id: 'countersign-cli',
    scope: 'plugipay:customer:read plugipay:refund:*',
    team: 'checkout',
    gid: 'pat:abc',
  })
})

test('A01: a token for administration has another audience and a role, and no token has both', async () => {
  const token = await mint({ audience: 'administration', role: 'team-admin' })
  expect(decodeJwt(token)).toMatchObject({ aud: `${url}/api`, role: 'team-admin' })
  expect(decodeJwt(await mint({ role: 'admin' }))).not.toHaveProperty('role')
})

test('never outlives what it descends from', async () => {
  expect(decodeJwt(await mint({}, now + 30)).exp).toBe(now + 30)
  expect(decodeJwt(await mint({}, now + 86_400)).exp).toBe(now + accessTokenSeconds)
})

test('is not issued when no verifier would read it', async () => {
  const scope = `plugipay:${'a'.repeat(100)}`
  const many = (count: number) => ({
    ...claims,
    scopes: Array.from({ length: count }, (_, n) => `${scope}${n}`),
  })
  const short = await mintAccessToken(signer, many(40), { url, now, notAfter: null })
  expect(short?.text.reveal().length).toBeLessThanOrEqual(tokenBytesMax)
  expect(await mintAccessToken(signer, many(70), { url, now, notAfter: null })).toBeNull()
})
