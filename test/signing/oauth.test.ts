import { generateKeyPairSync } from 'node:crypto'
import { jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import type { OpenKey } from '../../src/signing/scheme.ts'
import { boundScheme, optionFaults } from './opened.ts'
import { momentAt, signRequest } from './requests.ts'

const now = 1_700_000_000_000
const moment = momentAt(now)
const tokenUrl = 'https://login.example.com/oauth/token'

const openMint = async (sign: object, secret: string): Promise<Extract<OpenKey, { kind: 'mint' }>> => {
  const key = await boundScheme(sign).open(secret)
  if (key.kind !== 'mint') throw new Error('the scheme signs')
  return key
}

const client = { scheme: 'oauth-client-credentials', tokenUrl }
const assertion = { scheme: 'oauth-jwt-bearer', tokenUrl, algorithm: 'ES256' }
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const assertionSecret = JSON.stringify({
  keyid: 'our-key',
  issuer: 'service@example.com',
  jwk: privateKey.export({ format: 'jwk' }),
  token_uri: 'https://attacker.example/token',
})

describe('oauth-client-credentials', () => {
  it('asks with id and secret as user and password, each encoded first (RFC 6749 section 2.3.1)', async () => {
    const key = await openMint({ ...client, scope: 'a b', parameters: { audience: 'api' } }, 'id/1:made+up:x')
    const request = await key.mintRequest(moment)
    expect(request.url).toBe(tokenUrl)
    expect(request.body).toBe('grant_type=client_credentials&scope=a+b&audience=api')
    const authorization = request.headers.find(([name]) => name === 'authorization')?.[1] ?? ''
    expect(atob(authorization.replace('Basic ', ''))).toBe('id%2F1:made%2Bup%3Ax')
  })

  it('asks with parameters of the body when told to', async () => {
    const key = await openMint({ ...client, clientAuth: 'post' }, 'id:made+up')
    const request = await key.mintRequest(moment)
    expect(request.body).toBe('grant_type=client_credentials&client_id=id&client_secret=made%2Bup')
    expect(request.headers.map(([name]) => name)).toEqual(['content-type', 'accept'])
  })

  it('uses the token as bearer until it expires', async () => {
    const key = await openMint(client, 'id:made-up')
    const minted = key.parseMint(
      { access_token: 'made-up.token', token_type: 'Bearer', expires_in: 3600 },
      now,
    )
    expect(minted.expiresAt).toBe(now + 3_600_000)
    expect(JSON.stringify(minted)).not.toContain('made-up')
    expect(key.thenSign(signRequest(), minted)).toEqual({ set: [['authorization', 'Bearer made-up.token']] })
  })

  it.each([
    [undefined, 300],
    ['60', 60],
    [10_000_000, 86_400],
  ])('takes expires_in %j for %j seconds', async (expires_in, seconds) => {
    const key = await openMint(client, 'id:made-up')
    const minted = key.parseMint({ access_token: 'x', token_type: 'bearer', expires_in }, now)
    expect(minted.expiresAt - now).toBe(seconds * 1000)
  })

  it.each([
    null,
    'x',
    {},
    { error: 'invalid_client' },
    { access_token: 'x' },
    { access_token: 'x', token_type: 'mac', expires_in: 1 },
    { access_token: 'two\r\nlines', token_type: 'bearer', expires_in: 1 },
    { access_token: '', token_type: 'bearer', expires_in: 1 },
    { access_token: 'x', token_type: 'bearer', expires_in: 0 },
    { access_token: 'x', token_type: 'bearer', expires_in: 'soon' },
    { access_token: 'x', token_type: 'bearer', expires_in: null },
    { access_token: 'x', token_type: 'bearer', expires_in: true },
  ])('refuses the answer %j', async (answer) => {
    const key = await openMint(client, 'id:made-up')
    expect(() => key.parseMint(answer, now)).toThrow(expect.objectContaining({ name: 'SecretFault' }))
  })
})

describe('oauth-jwt-bearer', () => {
  it('signs an assertion for the token endpoint of the configuration, whatever the secret says', async () => {
    const key = await openMint({ ...assertion, scope: 'read' }, assertionSecret)
    const { url, body } = await key.mintRequest(moment)
    expect(url).toBe(tokenUrl)
    const parameters = new URLSearchParams(body)
    expect(parameters.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer')
    expect(parameters.get('scope')).toBe('read')
    const { payload, protectedHeader } = await jwtVerify(parameters.get('assertion') ?? '', publicKey, {
      currentDate: new Date(now),
    })
    expect(protectedHeader).toEqual({ alg: 'ES256', kid: 'our-key', typ: 'JWT' })
    expect(payload).toEqual({
      iss: 'service@example.com',
      sub: 'service@example.com',
      aud: tokenUrl,
      iat: 1_700_000_000,
      exp: 1_700_000_300,
      jti: expect.stringMatching(/^[0-9a-f]{32}$/),
    })
  })

  it('takes a service account file as Google hands it out', async () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const file = JSON.stringify({
      type: 'service_account',
      private_key_id: 'key-1',
      private_key: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }),
      client_email: 'robot@project.iam.gserviceaccount.com',
      token_uri: 'https://oauth2.googleapis.com/token',
    })
    const sign = {
      ...assertion,
      algorithm: 'RS256',
      scope: 'https://scope',
      scopeClaim: true,
      subject: 'none',
    }
    const parameters = new URLSearchParams((await (await openMint(sign, file)).mintRequest(moment)).body)
    expect(parameters.has('scope')).toBe(false)
    const { payload } = await jwtVerify(parameters.get('assertion') ?? '', pair.publicKey, {
      currentDate: new Date(now),
    })
    expect(payload).toMatchObject({ iss: 'robot@project.iam.gserviceaccount.com', scope: 'https://scope' })
    expect(payload).not.toHaveProperty('sub')
  })

  it('stands for the client of a client credentials grant when told to (section 2.2)', async () => {
    const { body } = await (await openMint({ ...assertion, use: 'client' }, assertionSecret)).mintRequest(
      moment,
    )
    expect([...new URLSearchParams(body).keys()]).toEqual([
      'grant_type',
      'client_assertion_type',
      'client_assertion',
    ])
  })

  it.each(['{}', 'made-up', '{"keyid":"k","jwk":{}}', '{"keyid":"k","issuer":"i"}'])(
    'G08: refuses the secret %s',
    async (text) => {
      await expect(boundScheme(assertion).open(text)).rejects.toMatchObject({ name: 'SecretFault' })
    },
  )
})

describe('a token endpoint', () => {
  it.each([
    'https://login.example.com/token?x=1',
    'https://login.example.com//a@b',
    'http://localhost:9/token',
    'http://127.0.0.1:9',
    'http://[::1]:9/',
  ])('may be %s', (url) => {
    expect(optionFaults({ ...client, tokenUrl: url })).toEqual([])
  })

  it.each([
    'http://login.example.com/token',
    'http://127.0.0.1.example.com/',
    'https://user:pass@login.example.com/',
    'https:@login.example.com/',
    'https:/@login.example.com/',
    'https:///@login.example.com/',
    'https://login.example.com/#x',
    'ftp://login.example.com/',
    '//login.example.com',
    'https:\\\\login.example.com',
    'https://login.example.com/\n',
    '',
  ])('may not be %j', (url) => {
    expect(optionFaults({ ...client, tokenUrl: url })).toHaveLength(1)
  })

  it('reports every fault of its options', () => {
    expect(
      optionFaults({
        ...client,
        scope: 'a  b',
        parameters: { client_secret: 'x', audience: 1, textless: { toString: 1, valueOf: 1 } },
        clientAuth: 'none',
        expiresSeconds: 0,
        secret: 'x',
      }).map((fault) => fault.split(':')[0]),
    ).toEqual([
      'scope',
      'parameters.client_secret',
      'parameters.audience',
      'parameters.textless',
      'expiresSeconds',
      'clientAuth',
      'secret',
    ])
  })
})
