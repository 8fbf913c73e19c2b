import { createHash, createHmac } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { doublyEncodedUri, singlyEncodedUri } from '../../src/signing/aws-canonical.ts'
import type { AwsOptions } from '../../src/signing/aws-options.ts'
import { awsSigv4 } from '../../src/signing/aws-sigv4.ts'
import type { Edits, SignRequest } from '../../src/signing/scheme.ts'
import { boundScheme, openKey, optionFaults } from './opened.ts'
import { momentAt, signRequest, textBody } from './requests.ts'
import { readVectors, readVectorText, vectorsAreThere, vectorUrl, withoutVectors } from './vectors.ts'

interface Context {
  readonly credentials: {
    readonly access_key_id: string
    readonly secret_access_key: string
    readonly token?: string
  }
  readonly expiration_in_seconds: number
  readonly normalize: boolean
  readonly omit_session_token?: boolean
  readonly region: string
  readonly service: string
  readonly sign_body: boolean
  readonly timestamp: string
}

const folder = 'aws-sigv4/v4'
const names = vectorsAreThere(folder) ? readdirSync(vectorUrl(folder)) : []
const vectorText = (name: string, file: string): string =>
  readVectorText(`${folder}/${name}/${file}`).replaceAll('\r\n', '\n')

/** The suite writes some paths unencoded; what is sent, and thus signed, is encoded. */
const asSent = (path: string): string => encodeURI(path).replaceAll('%25', '%')

const readRequest = (name: string): SignRequest => {
  const [head = '', body = ''] = vectorText(name, 'request.txt').split('\n\n')
  const [line = '', ...fields] = head.replaceAll(/\n[ \t]+/g, ' ').split('\n')
  const [, method = '', target = ''] = /^(\S+) (.*) HTTP\/1\.1$/.exec(line) ?? []
  const headers = new Map<string, string>()
  for (const field of fields.filter((text) => text !== '')) {
    const colon = field.indexOf(':')
    const key = field.slice(0, colon).toLowerCase()
    const value = field.slice(colon + 1).trim()
    headers.set(key, headers.has(key) ? `${headers.get(key)},${value}` : value)
  }
  const host = headers.get('host') ?? ''
  headers.delete('host')
  const mark = target.indexOf('?')
  return signRequest({
    method,
    origin: `https://${host}`,
    path: asSent(mark === -1 ? target : target.slice(0, mark)),
    query: mark === -1 ? '' : target.slice(mark),
    headers: Object.fromEntries(headers),
    body: textBody(body),
  })
}

/** The suite covers every header and takes paths as they are written, once encoded. */
const optionsOf = (context: Context, request: SignRequest, placement: 'header' | 'query'): AwsOptions => ({
  service: context.service,
  region: context.region,
  placement,
  payload: 'signed',
  expiresSeconds: context.expiration_in_seconds,
  signedHeaders: request.headerNames(),
  canonicalUri: context.normalize ? (path) => doublyEncodedUri(decodeURI(path)) : singlyEncodedUri,
  contentHeader: context.sign_body && placement === 'header',
  sessionToken: context.omit_session_token === true ? 'appended' : 'signed',
})

const headerOf = (edits: Edits, name: string): string | undefined =>
  edits.set.find(([key]) => key === name)?.[1]

describe.skipIf(!vectorsAreThere(folder))(`G01: the suite of aws-c-auth${withoutVectors(folder)}`, () => {
  it('has 38 cases', () => {
    expect(names).toHaveLength(38)
  })

  const cases = names.flatMap((name) => [[name, 'header'] as const, [name, 'query'] as const])
  it.each(cases)('%s in the %s, stage by stage', async (name, placement) => {
    const context = readVectors(`${folder}/${name}/context.json`) as Context
    const { access_key_id, secret_access_key, token } = context.credentials
    const request = readRequest(name)
    const options = optionsOf(context, request, placement)
    const secret = [access_key_id, secret_access_key, ...(token === undefined ? [] : [token])].join(':')
    const key = await awsSigv4.prepare(awsSigv4.parseSecret(secret, options), options)
    const moment = momentAt(Date.parse(context.timestamp))

    const masked = (text: string): string =>
      token === undefined
        ? text
        : text.replaceAll(token, '[redacted]').replaceAll(encodeURIComponent(token), '[redacted]')
    expect(await awsSigv4.stages(request, options, key, moment)).toEqual([
      { name: 'canonical request', text: masked(vectorText(name, `${placement}-canonical-request.txt`)) },
      { name: 'string to sign', text: vectorText(name, `${placement}-string-to-sign.txt`) },
    ])

    const edits = await awsSigv4.sign(request, options, key, moment)
    const signature = vectorText(name, `${placement}-signature.txt`)
    if (placement === 'header') {
      const signed = vectorText(name, 'header-signed-request.txt')
      expect(headerOf(edits, 'authorization')).toBe(/^Authorization:(.*)$/m.exec(signed)?.[1])
      expect(headerOf(edits, 'authorization')).toMatch(new RegExp(`Signature=${signature}$`))
      for (const header of ['X-Amz-Date', 'X-Amz-Security-Token', 'X-Amz-Content-Sha256']) {
        const sent = new RegExp(`^${header}:(.*)$`, 'mi').exec(signed)?.[1]
        expect(headerOf(edits, header.toLowerCase())).toBe(sent)
      }
    } else {
      const line = /^\S+ (.*) HTTP\/1\.1$/m.exec(vectorText(name, 'query-signed-request.txt'))?.[1] ?? ''
      const added = (edits.query ?? []).map(([one, value]) => `${one}=${value}`)
      expect(line.endsWith(added.join('&'))).toBe(true)
      expect(added.at(-1)).toBe(`X-Amz-Signature=${signature}`)
    }
  })
})

const s3 = { scheme: 'aws-sigv4', service: 's3', region: 'eu-central-1' }
const api = { scheme: 'aws-sigv4', service: 'execute-api', region: 'eu-central-1' }
const secret = 'AKIAMADEUP:made-up-secret'
const moment = momentAt(Date.UTC(2026, 10, 22, 23, 59, 59, 999))

const canonicalOf = async (sign: object, request: SignRequest): Promise<string> =>
  (await (await openKey(sign, secret)).stages(request, moment))[0]?.text ?? ''

describe('aws-sigv4', () => {
  it.each([
    ['/a//b/', '/a/b/', '/a//b/'],
    ['/a%2Fb', '/a%252Fb', '/a%2Fb'],
    ['/a%2fb', '/a%252fb', '/a%2Fb'],
    ['/a%252Fb', '/a%25252Fb', '/a%252Fb'],
    ['/mac@2x.png', '/mac%402x.png', '/mac%402x.png'],
    ['/mac%402x.png', '/mac%25402x.png', '/mac%402x.png'],
    ['/a+b', '/a%2Bb', '/a%20b'],
    ['/a%20b', '/a%2520b', '/a%20b'],
    ['/%E2%98%83', '/%25E2%2598%2583', '/%E2%98%83'],
    ['/%FF', '/%25FF', '/%FF'],
    ['/%7Ea', '/%257Ea', '/~a'],
    ["/x=1;(y)!*'", '/x%3D1%3B%28y%29%21%2A%27', '/x%3D1%3B%28y%29%21%2A%27'],
    ['/', '/', '/'],
  ])('G02: the path %s is doubly encoded %s, and for S3 %s', async (path, double, single) => {
    expect((await canonicalOf(api, signRequest({ path }))).split('\n')[1]).toBe(double)
    expect((await canonicalOf(s3, signRequest({ path }))).split('\n')[1]).toBe(single)
  })

  it.each([
    ['', ''],
    ['?', ''],
    ['?b=2&a=1&a=0', 'a=0&a=1&b=2'],
    ['?prefix', 'prefix='],
    ['?a=1+2', 'a=1%202'],
    ['?a=%7e&b=%e2%98%83', 'a=~&b=%E2%98%83'],
    ['?A=1&a=2&%41b=3', 'A=1&Ab=3&a=2'],
    ['?a=b=c', 'a=b%3Dc'],
    ['?a=1&&b=2', 'a=1&b=2'],
  ])('G02: the query %s becomes %s', async (query, canonical) => {
    expect((await canonicalOf(api, signRequest({ query }))).split('\n')[2]).toBe(canonical)
  })

  it('G03: takes one instant for the date and the scope, around midnight too', async () => {
    const key = await openKey(api, secret)
    for (const [now, day, time] of [
      [Date.UTC(2026, 10, 22, 23, 59, 59, 999), '20261122', '235959'],
      [Date.UTC(2026, 10, 23), '20261123', '000000'],
    ] as const) {
      const edits = await key.sign(signRequest(), momentAt(now))
      expect(headerOf(edits, 'x-amz-date')).toBe(`${day}T${time}Z`)
      expect(headerOf(edits, 'authorization')).toContain(
        `AKIAMADEUP/${day}/eu-central-1/execute-api/aws4_request`,
      )
    }
  })

  it('G03: signs with the key of the day, also when days alternate and one is long ago', async () => {
    const key = await openKey(api, secret)
    for (const now of [3, 1, 2, 3, 1, 2, 2, 3].map((day) => Date.UTC(2026, 0, day))) {
      const fresh = await openKey(api, secret)
      expect(await key.sign(signRequest(), momentAt(now))).toEqual(
        await fresh.sign(signRequest(), momentAt(now)),
      )
    }
  })

  it('keeps the keys of two days, however many it has signed on', async () => {
    const options = awsSigv4.parseOptions(api, () => undefined)
    const key = await awsSigv4.prepare(awsSigv4.parseSecret(secret, options), options)
    for (const day of [1, 2, 3, 4, 5])
      await awsSigv4.sign(signRequest(), options, key, momentAt(Date.UTC(2026, 0, day)))
    expect([...key.dayKeys.keys()]).toEqual(['20260104', '20260105'])
  })

  it('G04: covers what is ours and stable, and nothing that an edge may rewrite', async () => {
    const request = signRequest({
      headers: {
        'accept-encoding': 'gzip',
        'x-forwarded-for': '192.0.2.1',
        'cf-worker': 'x',
        'user-agent': 'x',
        'content-type': 'text/plain',
        'x-amz-acl': 'private',
        traceparent: '00-0-0-01',
      },
    })
    expect((await canonicalOf(s3, request)).split('\n').at(-2)).toBe(
      'content-type;host;x-amz-acl;x-amz-content-sha256;x-amz-date',
    )
  })

  it('covers further headers, and refuses a request without one of them', async () => {
    const key = await openKey({ ...api, signedHeaders: ['If-Match'] }, secret)
    const request = signRequest({ headers: { 'if-match': '  "a   b" ' } })
    expect((await key.stages(request, moment))[0]?.text).toContain('\nif-match:"a b"\n')
    await expect(key.sign(signRequest(), moment)).rejects.toMatchObject({ code: 'header_invalid' })
  })

  it.each(['aws-chunked', 'gzip, AWS-Chunked', 'aws-chunked,gzip'])(
    'refuses a body in the encoding %s, which would become part of the object',
    async (encoding) => {
      for (const sign of [s3, { ...s3, payload: 'unsigned' }, { ...s3, placement: 'query' }]) {
        const key = await openKey(sign, secret)
        const request = signRequest({ method: 'PUT', headers: { 'content-encoding': encoding } })
        await expect(key.sign(request, moment)).rejects.toMatchObject({ code: 'request_invalid' })
      }
      const key = await openKey(s3, secret)
      await key.sign(signRequest({ method: 'PUT', headers: { 'content-encoding': 'gzip' } }), moment)
    },
  )

  it('leaves the body uncovered when it is told to', async () => {
    const unsigned = { ...s3, payload: 'unsigned' }
    expect(boundScheme(unsigned).bodyNeed(null)).toBe('none')
    expect(boundScheme(s3).bodyNeed(null)).toBe('sha256')
    const request = signRequest({ method: 'PUT', body: { kind: 'unread' } })
    expect((await canonicalOf(unsigned, request)).endsWith('\nUNSIGNED-PAYLOAD')).toBe(true)
    await expect(canonicalOf(s3, request)).rejects.toThrow('was not read')
  })

  it('presigns for S3 without the payload unless told to cover it, then with the header that says so', async () => {
    const request = signRequest({ method: 'PUT', body: textBody('x') })
    const hash = createHash('sha256').update('x').digest('hex')
    expect(boundScheme({ ...s3, placement: 'query' }).bodyNeed(null)).toBe('none')
    const covering = await openKey({ ...s3, placement: 'query', payload: 'signed' }, secret)
    expect((await covering.sign(request, moment)).set).toEqual([['x-amz-content-sha256', hash]])
  })

  it('matches a signature that node:crypto computes from the stages', async () => {
    const key = await openKey(api, secret)
    const mac = (bytes: string | Buffer, text: string) => createHmac('sha256', bytes).update(text).digest()
    const [canonical, toSign] = await key.stages(signRequest(), moment)
    const dayKey = ['20261122', 'eu-central-1', 'execute-api', 'aws4_request'].reduce(
      mac,
      Buffer.from('AWS4made-up-secret'),
    )
    const signature = mac(dayKey, toSign?.text ?? '').toString('hex')
    expect(toSign?.text.split('\n')[3]).toBe(
      createHash('sha256')
        .update(canonical?.text ?? '')
        .digest('hex'),
    )
    expect(headerOf(await key.sign(signRequest(), moment), 'authorization')).toMatch(`Signature=${signature}`)
  })

  it.each(['?X-Amz-Signature=1', '?a=1&x-amz-credential=x', '?%58-Amz-Expires=9'])(
    'refuses a caller that brings presigned parameters: %s',
    async (query) => {
      for (const sign of [api, { ...api, placement: 'query' }]) {
        const key = await openKey(sign, secret)
        await expect(key.sign(signRequest({ query }), moment)).rejects.toMatchObject({
          code: 'request_invalid',
        })
      }
    },
  )

  it('masks the session token in its stages and tells that it is sent', async () => {
    const key = await openKey(api, `${secret}:made/up+token==`)
    expect(JSON.stringify(await key.stages(signRequest(), moment))).not.toContain('made/up')
    expect(key.sends).toEqual(['made/up+token==', 'made%2Fup%2Btoken%3D%3D'])
    const inQuery = await openKey({ ...api, placement: 'query' }, `${secret}:made/up+token==`)
    expect(JSON.stringify(await inQuery.stages(signRequest(), moment))).not.toContain('made%2Fup')
  })

  it.each(['AKIA', 'AKIA:', ':secret', 'AKIA:se cret', 'AK IA:secret', 'AKIA:secret:', 'AKIA:secret\n'])(
    'G08: refuses the secret %j',
    async (text) => {
      await expect(boundScheme(api).open(text)).rejects.toMatchObject({ name: 'SecretFault' })
    },
  )

  it('reports every fault of its options', () => {
    expect(
      optionFaults({
        scheme: 'aws-sigv4',
        service: 'a/b',
        placement: 'body',
        expiresSeconds: 0,
        signedHeaders: ['Accept-Encoding', 'connection', 'Authorization'],
        token: 'x',
      }),
    ).toEqual([
      'service: must have letters, digits and - only',
      'region: must be a text that is not empty',
      'placement: must be header or query',
      'expiresSeconds: must be a whole number from 1 to 604800',
      'signedHeaders: accept-encoding cannot be signed: it may not arrive as it was sent',
      'signedHeaders: connection cannot be signed: it may not arrive as it was sent',
      'signedHeaders: authorization cannot be signed: it may not arrive as it was sent',
      'token: unknown option; known are service, region, placement, payload, expiresSeconds, signedHeaders',
    ])
  })
})
