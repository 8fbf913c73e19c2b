import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { compactVerify, decodeProtectedHeader, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { boundScheme, openKey, optionFaults } from './opened.ts'
import { momentAt, signRequest, textBody } from './requests.ts'

const now = 1_700_000_000_000
const moment = momentAt(now)
const request = signRequest({ method: 'POST', path: '/v1/apps', query: '?a=1', body: textBody('{}') })

const tokenOf = async (sign: object, secret: string): Promise<string> => {
  const [[name, value = ''] = []] = (await (await openKey(sign, secret)).sign(request, moment)).set
  expect(name).toBe('authorization')
  return value.replace(/^Bearer /, '')
}

const pairs = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  EdDSA: generateKeyPairSync('ed25519'),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
}

describe('jwt', () => {
  it('HS256: is verified by jose', async () => {
    const sign = { scheme: 'jwt', algorithm: 'HS256', claims: { iss: 'joe' } }
    const token = await tokenOf(sign, 'id:made-up')
    const { payload } = await compactVerify(token, new TextEncoder().encode('made-up'))
    expect(JSON.parse(new TextDecoder().decode(payload))).toEqual({
      iss: 'joe',
      iat: 1_700_000_000,
      exp: 1_700_000_060,
    })
  })

  it.each(['ES256', 'ES384', 'EdDSA', 'RS256'] as const)(
    '%s: is verified by jose, from JWK and from PEM',
    async (algorithm) => {
      const { privateKey, publicKey } = pairs[algorithm]
      const sign = { scheme: 'jwt', algorithm, claims: { aud: 'api' } }
      const forms = [
        { jwk: privateKey.export({ format: 'jwk' }) },
        { pem: privateKey.export({ format: 'pem', type: 'pkcs8' }) },
        ...(algorithm === 'RS256' ? [{ pem: privateKey.export({ format: 'pem', type: 'pkcs1' }) }] : []),
        ...(algorithm.startsWith('ES') ? [{ pem: privateKey.export({ format: 'pem', type: 'sec1' }) }] : []),
      ]
      for (const form of forms) {
        const token = await tokenOf(sign, JSON.stringify({ keyid: 'our-key', ...form }))
        const { payload, protectedHeader } = await jwtVerify(token, publicKey, {
          audience: 'api',
          currentDate: new Date(now),
        })
        expect(protectedHeader).toEqual({ alg: algorithm, kid: 'our-key', typ: 'JWT' })
        expect(payload).toEqual({ aud: 'api', iat: 1_700_000_000, exp: 1_700_000_060 })
      }
    },
  )

  it('makes claims of parts of the request, as Coinbase asks for', async () => {
    const sign = {
      scheme: 'jwt',
      algorithm: 'ES256',
      lifetimeSeconds: 120,
      notBefore: true,
      backdateSeconds: 10,
      claims: {
        iss: 'cdp',
        sub: [{ part: 'key-id' }],
        aud: { list: ['one', 'two'] },
        uri: [{ part: 'method' }, ' ', { part: 'host' }, { part: 'path' }],
        body: [{ part: 'body-digest', algorithm: 'sha256', encoding: 'hex' }],
      },
      joseHeader: { nonce: [{ part: 'nonce' }] },
    }
    expect(boundScheme(sign).bodyNeed(null)).toBe('sha256')
    const { privateKey, publicKey } = pairs.ES256
    const secret = JSON.stringify({
      keyid: 'organizations/o/apiKeys/k',
      jwk: privateKey.export({ format: 'jwk' }),
    })
    const token = await tokenOf(sign, secret)
    const { payload } = await jwtVerify(token, publicKey, { currentDate: new Date(now) })
    expect(payload).toEqual({
      iss: 'cdp',
      sub: 'organizations/o/apiKeys/k',
      aud: ['one', 'two'],
      uri: 'POST api.example.com/v1/apps',
      body: '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
      iat: 1_699_999_990,
      nbf: 1_699_999_990,
      exp: 1_700_000_120,
    })
    expect(decodeProtectedHeader(token)).toMatchObject({ nonce: expect.stringMatching(/^[0-9a-f]{32}$/) })
  })

  it('goes into another header when told to', async () => {
    const key = await openKey({ scheme: 'jwt', algorithm: 'HS256', header: 'X-Assertion' }, 'id:made-up')
    expect((await key.sign(request, moment)).set[0]?.[0]).toBe('x-assertion')
    expect((await key.sign(request, moment)).set[0]?.[1]).toMatch(/^eyJ/)
  })

  it('reports every fault of its options', () => {
    expect(
      optionFaults({
        scheme: 'jwt',
        algorithm: 'none',
        claims: {
          exp: 1,
          a: null,
          b: [],
          c: [{ part: 'path' }, { part: 'body' }],
          d: { list: [1] },
          e: Number.NaN,
        },
        joseHeader: { alg: 'x' },
        lifetimeSeconds: 0,
        header: 'host',
        issuer: 'x',
      }).map((fault) => fault.split(':')[0]),
    ).toEqual([
      'algorithm',
      'claims.exp',
      'claims.a',
      'claims.b',
      'claims.c',
      'claims.d',
      'claims.e',
      'joseHeader.alg',
      'lifetimeSeconds',
      'header',
      'issuer',
    ])
  })

  const marker = 'c2VjcmV0bWFya2Vy'
  it.each([
    marker,
    `{"keyid":"k","pem":"${marker}"}`,
    `{"keyid":"k","pem":"-----BEGIN PRIVATE KEY-----\\n${marker}\\n-----END PRIVATE KEY-----"}`,
    `{"keyid":"k","pem":"-----BEGIN RSA PRIVATE KEY-----\\n${marker}\\n-----END RSA PRIVATE KEY-----"}`,
    `{"keyid":"","jwk":{"kty":"RSA","d":"${marker}"}}`,
    `{"keyid":"k","jwk":{"kty":"RSA","d":"${marker}"}}`,
    `{"keyid":"k","jwk":"${marker}"}`,
  ])('G08: refuses the secret %j without repeating it', async (text) => {
    const error = await boundScheme({ scheme: 'jwt', algorithm: 'RS256' })
      .open(text)
      .then(() => null, String)
    expect(error).toMatch(/^SecretFault: /)
    expect(error).not.toContain(marker)
  })

  it('takes an RSA key in PKCS #1 of any length of DER', async () => {
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
    const sign = { scheme: 'jwt', algorithm: 'RS256' }
    const pem = small.export({ format: 'pem', type: 'pkcs1' })
    const token = await tokenOf(sign, JSON.stringify({ keyid: 'k', pem }))
    const [head, body, signature = ''] = token.split('.')
    const { createVerify } = await import('node:crypto')
    const verifier = createVerify('sha256').update(`${head}.${body}`)
    expect(verifier.verify(createPublicKey(createPrivateKey(pem)), signature, 'base64url')).toBe(true)
  })
})
