/**
 * Every scheme through the production build on workerd, judged from the bytes on the wire by verifiers that share
 * no code with the signers.
 */
import { createHash, createHmac, generateKeyPairSync, type KeyObject, randomBytes, verify } from 'node:crypto'
import fc from 'fast-check'
import { jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UpstreamDefinition } from '../../src/upstreams/definition.ts'
import * as catalogue from '../../src/upstreams/index.ts'
import { type Edge, startEdge } from './harness/edge.ts'
import { headerValues } from './harness/message.ts'
import { answerBytes } from './upstreams/answers.ts'
import { awsFault } from './upstreams/aws-verifier.ts'
import { hmacVerifiers } from './upstreams/hmac-verifiers.ts'
import { type RawUpstream, type ReceivedRequest, startUpstream } from './upstreams/upstream.ts'

const secret = randomBytes(24).toString('base64')
const pairs = {
  ed25519: generateKeyPairSync('ed25519'),
  'ecdsa-p256-sha256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'ecdsa-p384-sha384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'rsa-pss-sha512': generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'rsa-v1_5-sha256': generateKeyPairSync('rsa', { modulusLength: 2048 }),
}
const es256 = pairs['ecdsa-p256-sha256']
const jwkSecret = (key: KeyObject): string =>
  JSON.stringify({ keyid: 'our-key', issuer: 'our-service', jwk: key.export({ format: 'jwk' }) })

let upstream: RawUpstream
let edge: Edge

/** Also the authorization server of the schemes that mint. */
const answer = (request: ReceivedRequest): string =>
  request.target === '/token'
    ? JSON.stringify({ access_token: 'minted-1', token_type: 'Bearer', expires_in: 3600 })
    : '{}'

const signs: Readonly<Record<string, object>> = {
  'aws-es': { scheme: 'aws-sigv4', service: 'es', region: 'eu-central-1' },
  'aws-s3': { scheme: 'aws-sigv4', service: 's3', region: 'eu-central-1' },
  'aws-es-query': { scheme: 'aws-sigv4', service: 'es', region: 'eu-central-1', placement: 'query' },
  'aws-s3-query': { scheme: 'aws-sigv4', service: 's3', region: 'eu-central-1', placement: 'query' },
  'aws-s3-unsigned': { scheme: 'aws-sigv4', service: 's3', region: 'eu-central-1', payload: 'unsigned' },
  hooks: { scheme: 'standard-webhooks' },
  basic: { scheme: 'basic' },
  header: { scheme: 'header', name: 'X-Api-Key', prefix: 'Token ' },
  query: { scheme: 'query', name: 'api_key' },
  jwt: {
    scheme: 'jwt',
    algorithm: 'ES256',
    claims: { uri: [{ part: 'method' }, ' ', { part: 'host' }, { part: 'path' }] },
  },
}

const components = ['@method', '@target-uri', '@authority', 'content-digest', 'content-type']

beforeAll(async () => {
  upstream = await startUpstream((request, socket) => {
    socket.write(answerBytes(200, { headers: [['content-type', 'application/json']], body: answer(request) }))
  })
  const tokenUrl = `${upstream.origin}/token`
  const schemes: Readonly<Record<string, object>> = {
    ...signs,
    'http-hmac': { scheme: 'http-signatures', algorithm: 'hmac-sha256', components },
    ...Object.fromEntries(
      Object.keys(pairs).map((algorithm) => [
        httpName(algorithm),
        { scheme: 'http-signatures', algorithm, components, label: 'edge', expiresSeconds: 60, alg: true },
      ]),
    ),
    'client-credentials': { scheme: 'oauth-client-credentials', tokenUrl, scope: 'read' },
    'jwt-bearer': { scheme: 'oauth-jwt-bearer', tokenUrl, algorithm: 'ES256' },
  }
  const bindings: Record<string, string> = {}
  const upstreams: Record<string, Readonly<Record<string, unknown>>> = {}
  const add = (name: string, sign: object, text: string): void => {
    const binding = name.toUpperCase().replaceAll('-', '_')
    bindings[binding] = text
    upstreams[name] = {
      url: upstream.origin,
      sign,
      keys: { main: binding },
      routes: { '* /**': 'all' },
      encodedPath: 'allow',
      headers: { allow: ['x-amz-acl'] },
    }
  }
  for (const [name, sign] of Object.entries(schemes)) add(name, sign, secretOf(name))
  for (const [name, { sign }] of recipes) add(name, sign, recipeSecret(sign))
  edge = await startEdge({ upstreams, secrets: bindings })
})

afterAll(async () => {
  await edge?.stop({ upstreams: [upstream] })
  await upstream?.stop()
})

const httpName = (algorithm: string): string => `http-${algorithm.replaceAll('_', '-')}`

const secretOf = (name: string): string => {
  if (name.startsWith('aws-')) return `AKIAMADEUP:${secret}`
  if (name === 'hooks') return `whsec_${secret}`
  if (name === 'basic' || name === 'client-credentials') return `user:${secret}`
  if (name === 'http-hmac') return `our-key:${secret}`
  if (name.startsWith('http-')) {
    const [, pair = es256] = Object.entries(pairs).find(([algorithm]) => httpName(algorithm) === name) ?? []
    return jwkSecret(pair.privateKey)
  }
  return name.startsWith('jwt') ? jwkSecret(es256.privateKey) : secret
}

/** The catalogue's recipes, at the address of this upstream. */
const recipes = Object.entries(catalogue)
  .map(([name, make]): readonly [string, UpstreamDefinition] => [
    name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    (make as (options: object) => UpstreamDefinition)({ keys: { main: 'A' }, url: 'http://127.0.0.1:9' }),
  ])
  .filter(([, { sign }]) => sign.scheme === 'hmac')

const recipeSecret = (sign: UpstreamDefinition['sign']): string => {
  if (sign.scheme !== 'hmac') return ''
  if (sign.secret === 'secret') return secret
  return sign.secret === 'id:secret:passphrase' ? `our-key:${secret}:phrase` : `our-key:${secret}`
}

interface Sent {
  readonly method?: string
  readonly target?: string
  readonly headers?: readonly (readonly [name: string, value: string])[]
  readonly body?: string | Uint8Array
}

const call = async (name: string, sent: Sent = {}): Promise<ReceivedRequest> => {
  const { method = 'GET', target = '/', ...options } = sent
  const before = upstream.requests.length
  const got = await edge.call(method, `/${name}${target}`, options)
  const request = upstream.requests.slice(before).findLast(({ target: path }) => path !== '/token')
  if (request === undefined) throw new Error(`nothing arrived: ${got.status} ${got.text()}`)
  return request
}

const json = [['content-type', 'application/json']] as const
const queries = ['', '?', '?a=1&b=2', '?b=2&a=%C3%A9&a=1', '?q=a%20b%2Bc&empty=&bare', '?x=a+b']
const paths = [
  '/',
  '/things/1',
  '/a%20b/%E2%98%83',
  '/mac@2x.png',
  '/a+b',
  '/a%2Fb',
  '/state=fl/city=(x)!*',
  "/x,y;z'$&",
  '/%7Etilde/~tilde',
]

describe('aws-sigv4', () => {
  const names = Object.keys(signs).filter((name) => name.startsWith('aws-'))
  const account = () => ({ secret, host: `127.0.0.1:${upstream.port}` })

  it.each(names)('G02: %s is accepted whatever the path and the query', async (name) => {
    for (const path of paths)
      for (const query of queries)
        expect(awsFault(await call(name, { target: path + query }), account())).toBe(null)
  })

  it.each(names)(
    'G02 G04: %s is accepted with any body, and with headers that the edge adds',
    async (name) => {
      const headers = [...json, ['x-amz-acl', '  private  '], ['x-forwarded-for', '192.0.2.1']] as const
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async (body) => {
          const request = await call(name, {
            method: 'PUT',
            target: '/k',
            headers,
            body: new Uint8Array(body),
          })
          expect(awsFault(request, account())).toBe(null)
        }),
        { numRuns: 20 },
      )
    },
  )

  it.each(names)('H02: %s is accepted when a header that is signed comes in several lines', async (name) => {
    for (const lines of [
      ['one', 'two'],
      ['one', ''],
      ['', ''],
    ]) {
      const headers = lines.map((value) => ['x-amz-acl', value] as const)
      const request = await call(name, { headers: [...json, ...json, ...headers] })
      expect(headerValues(request, 'x-amz-acl')).toHaveLength(1)
      expect(awsFault(request, account())).toBe(null)
    }
  })
})

describe('http-signatures', () => {
  const check: Readonly<Record<string, (base: string, signature: Buffer) => boolean>> = {
    'http-hmac': (base, signature) =>
      createHmac('sha256', Buffer.from(secret, 'base64')).update(base).digest().equals(signature),
    'http-ed25519': (base, signature) => verify(null, Buffer.from(base), pairs.ed25519.publicKey, signature),
    'http-ecdsa-p256-sha256': (base, signature) =>
      verify('sha256', Buffer.from(base), { key: es256.publicKey, dsaEncoding: 'ieee-p1363' }, signature),
    'http-ecdsa-p384-sha384': (base, signature) =>
      verify(
        'sha384',
        Buffer.from(base),
        { key: pairs['ecdsa-p384-sha384'].publicKey, dsaEncoding: 'ieee-p1363' },
        signature,
      ),
    'http-rsa-pss-sha512': (base, signature) =>
      verify(
        'sha512',
        Buffer.from(base),
        { key: pairs['rsa-pss-sha512'].publicKey, padding: 6, saltLength: 64 },
        signature,
      ),
    'http-rsa-v1-5-sha256': (base, signature) =>
      verify('sha256', Buffer.from(base), pairs['rsa-v1_5-sha256'].publicKey, signature),
  }

  it.each(Object.keys(check))('G05: %s is verified from what arrived', async (name) => {
    for (const query of queries) {
      const request = await call(name, {
        method: 'POST',
        target: `/things${query}`,
        headers: [...json, ['signature', 'sig1=:AAAA:'], ['signature-input', 'sig1=()']],
        body: '{"a": "é"}',
      })
      const [, label, params = ''] = /^(\w+)=(.*)$/.exec(request.header('signature-input') ?? '') ?? []
      const [, signed, encoded = ''] = /^(\w+)=:(.*):$/.exec(request.header('signature') ?? '') ?? []
      expect(signed).toBe(label)
      const digest = request.header('content-digest')
      expect(digest).toBe(`sha-256=:${createHash('sha256').update(request.body).digest('base64')}:`)
      const host = `127.0.0.1:${upstream.port}`
      const base = [
        `"@method": ${request.method}`,
        `"@target-uri": http://${host}${request.target}`,
        `"@authority": ${host}`,
        `"content-digest": ${digest}`,
        `"content-type": ${request.header('content-type')}`,
        `"@signature-params": ${params}`,
      ].join('\n')
      expect(check[name]?.(base, Buffer.from(encoded, 'base64'))).toBe(true)
    }
  })
})

describe('every other scheme', () => {
  it('standard-webhooks is verified from what arrived, with the id of the caller', async () => {
    const body = Buffer.from([0, 255, 10, 13, 123])
    const request = await call('hooks', { method: 'POST', headers: [['idempotency-key', 'msg_1']], body })
    expect(request.header('webhook-id')).toBe('msg_1')
    const head = `msg_1.${request.header('webhook-timestamp')}.`
    const mac = createHmac('sha256', Buffer.from(secret, 'base64')).update(head).update(request.body)
    expect(request.header('webhook-signature')).toBe(`v1,${mac.digest('base64')}`)
  })

  it('basic, header and query carry the credential', async () => {
    const basic = (await call('basic')).header('authorization') ?? ''
    expect(Buffer.from(basic.replace('Basic ', ''), 'base64').toString()).toBe(`user:${secret}`)
    expect((await call('header')).header('x-api-key')).toBe(`Token ${secret}`)
    const { target } = await call('query', { target: '/a?b=1' })
    expect(target).toBe(`/a?b=1&api_key=${encodeURIComponent(secret)}`)
  })

  it('jwt is verified by jose, and names the call', async () => {
    const request = await call('jwt', { target: '/v1/apps?a=1' })
    const token = (request.header('authorization') ?? '').replace('Bearer ', '')
    const { payload } = await jwtVerify(token, es256.publicKey)
    expect(payload).toMatchObject({ uri: `GET 127.0.0.1:${upstream.port}/v1/apps` })
  })

  it.each(['client-credentials', 'jwt-bearer'])('oauth-%s fetches a token once and uses it', async (name) => {
    const before = upstream.requests.length
    for (let count = 0; count < 3; count += 1)
      expect((await call(name)).header('authorization')).toBe('Bearer minted-1')
    const fetched = upstream.requests.slice(before).filter(({ target }) => target === '/token')
    expect(fetched).toHaveLength(1)
    const parameters = new URLSearchParams(fetched[0]?.body.toString())
    if (name === 'client-credentials') {
      expect(parameters.get('scope')).toBe('read')
      return
    }
    const { payload } = await jwtVerify(parameters.get('assertion') ?? '', es256.publicKey)
    expect(payload).toMatchObject({ iss: 'our-service', aud: `${upstream.origin}/token` })
  })
})

describe('a recipe of the catalogue', () => {
  const bodies: Readonly<Record<string, fc.Arbitrary<string>>> = {
    json: fc.jsonValue().map((value) => JSON.stringify({ value })),
    form: fc
      .tuple(fc.nat(), fc.stringMatching(/^[\w .&=-]{0,20}$/))
      .map(([nonce, note]) => new URLSearchParams({ nonce: String(nonce), note }).toString()),
    none: fc.constant(''),
  }
  const bodyOf = (name: string): keyof typeof bodies =>
    name === 'kraken' ? 'form' : name === 'binance' || name === 'alibaba-cloud' ? 'none' : 'json'
  const parameter = fc.stringMatching(/^[a-z]{1,3}[0-9]{1,3}$/)
  const query = fc
    .dictionary(parameter, fc.string({ unit: 'grapheme', maxLength: 4 }), { maxKeys: 4 })
    .map((values) =>
      Object.entries(values)
        .filter(([, value]) => value.isWellFormed())
        .map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll("'", '%27')}`)
        .join('&'),
    )

  it.each(Object.keys(hmacVerifiers))('%s is what node:crypto makes of what arrived', async (name) => {
    await fc.assert(
      fc.asyncProperty(bodies[bodyOf(name)] ?? fc.constant(''), query, async (body, text) => {
        const request = await call(name, {
          method: body === '' ? 'GET' : 'POST',
          target: `/v1/things${text === '' ? '' : `?${text}`}`,
          headers: [
            [
              'content-type',
              bodyOf(name) === 'form' ? 'application/x-www-form-urlencoded' : 'application/json',
            ],
          ],
          ...(body === '' ? {} : { body }),
        })
        const { received, expected } =
          hmacVerifiers[name]?.(request, { secret, origin: upstream.origin }) ?? {}
        expect(received).toBe(expected)
        expect(request.body.toString()).toBe(body)
      }),
      { numRuns: 40 },
    )
  })

  it('has a verifier', () => {
    expect(recipes.map(([name]) => name).toSorted()).toEqual(Object.keys(hmacVerifiers).toSorted())
  })
})
