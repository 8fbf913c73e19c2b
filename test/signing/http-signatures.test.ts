import type { webcrypto } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { base64, fromBase64, utf8 } from '../../src/core/bytes.ts'
import { httpSignatures, type SignatureOptions } from '../../src/signing/http-signatures.ts'
import { privateAlgorithms } from '../../src/signing/jwk.ts'
import type { SignRequest } from '../../src/signing/scheme.ts'
import { signatureBase } from '../../src/signing/signature-base.ts'
import { boundScheme, openKey, optionFaults } from './opened.ts'
import { momentAt, signRequest, textBody } from './requests.ts'
import { readVectors, vectorsAreThere, withoutVectors } from './vectors.ts'

interface Case {
  readonly id: string
  readonly alg: SignatureOptions['algorithm']
  readonly keyid: string
  readonly message: 'request' | 'response'
  readonly signature_input: string
  readonly signature_base: string
  readonly signature_base64: string
  readonly deterministic: boolean
}

interface Vectors {
  readonly keys: Readonly<Record<string, { readonly jwk?: object; readonly base64?: string }>>
  readonly test_request: string
  readonly cases: readonly Case[]
  readonly proxy_case_b3: Case & { readonly unsigned_forward: string }
  readonly transform_cases_b4: {
    readonly alg: SignatureOptions['algorithm']
    readonly keyid: string
    readonly signature_base: string
    readonly messages: readonly { readonly message: string; readonly valid: boolean; readonly what: string }[]
  }
}

const readMessage = (message: string): SignRequest => {
  const [head = '', body = ''] = message.split('\n\n')
  const [line = '', ...fields] = head.split('\n')
  const [, method = '', path = '', query = ''] = /^(\S+) ([^ ?]*)(\??\S*) /.exec(line) ?? []
  const headers: Record<string, string> = {}
  for (const field of fields) {
    const colon = field.indexOf(':')
    const name = field.slice(0, colon).toLowerCase()
    const value = field.slice(colon + 1).trim()
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value
  }
  const { host = 'example.com', ...rest } = headers
  return signRequest({
    method,
    path,
    query,
    origin: `https://${host}`,
    headers: rest,
    body: textBody(body),
  })
}

/** As the message has it: the suite signs Content-Length and digests by sha-512, which a configuration cannot. */
const optionsFrom = (signatureInput: string, algorithm: Case['alg']): SignatureOptions => {
  const identifiers = [
    ...(/^\((.*?)\)/.exec(signatureInput)?.[1] ?? '').matchAll(/"[^"]*"(?:;[a-z]+(?:="[^"]*")?)*/g),
  ]
  return {
    algorithm,
    components: identifiers.map(([identifier]) => {
      const options = httpSignatures.parseOptions({ algorithm, components: [identifier] }, () => undefined)
      const [component] = options.components
      if (component !== undefined) return component
      const name = identifier.slice(1, -1)
      return { name, item: [name, new Map()], identifier, value: (request) => request.header(name) ?? '' }
    }),
    coversDigest: false,
    label: 'sig1',
    expiresSeconds: null,
    tag: /;tag="([^"]*)"/.exec(signatureInput)?.[1] ?? null,
    nonce: signatureInput.includes(';nonce='),
    alg: false,
  }
}

const keyOf = async (
  vectors: Vectors | null,
  { keyid, alg }: Pick<Case, 'keyid' | 'alg'>,
  signatureInput = '()',
) => {
  const key = vectors?.keys[keyid]
  const secret = alg === 'hmac-sha256' ? `${keyid}:${key?.base64}` : JSON.stringify({ keyid, jwk: key?.jwk })
  const options = optionsFrom(signatureInput, alg)
  return httpSignatures.prepare(httpSignatures.parseSecret(secret, options), options)
}

const verifies = async (
  vectors: Vectors | null,
  { keyid, alg }: Pick<Case, 'keyid' | 'alg'>,
  base: string,
  signature: string,
): Promise<boolean> => {
  if (alg === 'hmac-sha256') {
    const key = await keyOf(vectors, { keyid, alg })
    return base64(new Uint8Array(await key.sign(utf8(base)))) === signature
  }
  const {
    d: _d,
    p: _p,
    q: _q,
    dp: _dp,
    dq: _dq,
    qi: _qi,
    ...jwk
  } = (vectors?.keys[keyid]?.jwk ?? {}) as webcrypto.JsonWebKey
  const { parameters } = privateAlgorithms[alg]
  const key = await crypto.subtle.importKey('jwk', jwk, parameters, false, ['verify'])
  return crypto.subtle.verify(parameters, key, fromBase64(signature) ?? utf8(''), utf8(base))
}

const folder = 'rfc9421'
describe.skipIf(!vectorsAreThere(folder))(`G05: RFC 9421 appendix B${withoutVectors(folder)}`, () => {
  const vectors = vectorsAreThere(folder) ? (readVectors(`${folder}/appendix-b.json`) as Vectors) : null
  const nonceOf = (input: string): string => /;nonce="([^"]*)"/.exec(input)?.[1] ?? ''
  const requests = (vectors?.cases ?? []).filter(({ message }) => message === 'request')

  it.each(requests)('B.2 $id: the signature base is the same, and the signature', async (one) => {
    const request = readMessage(vectors?.test_request ?? '')
    const withLength: SignRequest = {
      ...request,
      header: (name) => (name === 'content-length' ? '18' : request.header(name)),
    }
    const options = optionsFrom(one.signature_input, one.alg)
    const key = await keyOf(vectors, one, one.signature_input)
    const moment = { now: 1_618_884_473_000, nonce: () => nonceOf(one.signature_input) }
    // Where appendix B has a nonce, it stands as we put it: behind keyid.
    expect(await httpSignatures.stages(withLength, options, key, moment)).toEqual([
      { name: 'signature base', text: one.signature_base },
    ])
    const edits = await httpSignatures.sign(withLength, options, key, moment)
    expect(edits.set[0]).toEqual(['signature-input', `sig1=${one.signature_input}`])
    const signature = /^sig1=:(.*):$/.exec(edits.set[1]?.[1] ?? '')?.[1] ?? ''
    expect(await verifies(vectors, one, one.signature_base, signature)).toBe(true)
    expect(await verifies(vectors, one, one.signature_base, one.signature_base64)).toBe(true)
    if (one.deterministic) expect(signature).toBe(one.signature_base64)
  })

  it('B.2.4: a response is not ours to sign, but its base is built and verified alike', async () => {
    const one = vectors?.cases.find(({ message }) => message === 'response')
    if (one === undefined) throw new Error('the response is missing')
    const lines = one.signature_base.split('\n').slice(0, -1)
    const parts = lines.map((line) => ({
      identifier: line.slice(0, line.indexOf(': ')),
      value: line.slice(line.indexOf(': ') + 2),
    }))
    const base = signatureBase(parts, one.signature_input, ({ value }) => value)
    expect(base).toBe(one.signature_base)
    expect(await verifies(vectors, one, base, one.signature_base64)).toBe(true)
  })

  it('B.3: what a TLS-terminating proxy signs', async () => {
    const one = vectors?.proxy_case_b3
    if (one === undefined) throw new Error('the proxy case is missing')
    const input = one.signature_base.split('"@signature-params": ')[1] ?? ''
    const [stage] = await httpSignatures.stages(
      readMessage(one.unsigned_forward),
      optionsFrom(input, one.alg),
      await keyOf(vectors, one, input),
      momentAt(1_618_884_473_000),
    )
    expect(stage?.text).toBe(one.signature_base)
    expect(await verifies(vectors, one, stage?.text ?? '', one.signature_base64)).toBe(true)
  })

  it.each(vectors?.transform_cases_b4.messages ?? [])('B.4: $what', async ({ message, valid }) => {
    const cases = vectors?.transform_cases_b4
    if (cases === undefined) throw new Error('the transform cases are missing')
    const input = cases.signature_base.split('"@signature-params": ')[1] ?? ''
    const request = readMessage(message)
    const [stage] = await httpSignatures.stages(
      request,
      optionsFrom(input, cases.alg),
      await keyOf(vectors, cases, input),
      momentAt(1_618_884_473_000),
    )
    const signature = /transform=:(.*):/.exec(request.header('signature') ?? '')?.[1] ?? ''
    expect(await verifies(vectors, cases, stage?.text ?? '', signature)).toBe(valid)
  })
})

const secret = `our-key:${base64(utf8('made-up'))}`
const moment = momentAt(1_700_000_000_000)
const definition = (fields: object) => ({
  scheme: 'http-signatures',
  algorithm: 'hmac-sha256',
  components: ['@method', '@target-uri'],
  ...fields,
})
const baseOf = async (sign: object, request: SignRequest): Promise<string> =>
  (await (await openKey(sign, secret)).stages(request, moment))[0]?.text ?? ''

describe('http-signatures', () => {
  it('sets the parameters that policy names, and Content-Digest of what is sent', async () => {
    const sign = definition({
      components: ['@method', 'content-digest'],
      label: 'edge',
      expiresSeconds: 60,
      tag: 'acme',
      nonce: true,
      alg: true,
    })
    const key = await openKey(sign, secret)
    const request = signRequest({
      method: 'POST',
      headers: { 'content-digest': 'sha-512=:AAAA:', signature: 'sig1=:AAAA:', 'signature-input': 'sig1=()' },
      body: textBody('{"hello": "world"}'),
    })
    const { set } = await key.sign(request, moment)
    // RFC 9530 appendix B has this digest.
    expect(set[0]).toEqual(['content-digest', 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:'])
    expect(set[1]).toEqual([
      'signature-input',
      'edge=("@method" "content-digest");created=1700000000;expires=1700000060;keyid="our-key";' +
        'nonce="00000000000000000000000000000001";alg="hmac-sha256";tag="acme"',
    ])
    expect([...boundScheme(sign).owns]).toEqual(['signature', 'signature-input', 'content-digest'])
    expect(boundScheme(sign).bodyNeed(null)).toBe('sha256')
    expect(boundScheme(definition({})).bodyNeed(null)).toBe('none')
  })

  it.each([
    ['@method', 'POST'],
    ['@authority', 'api.example.com:8443'],
    ['@scheme', 'https'],
    ['@target-uri', 'https://api.example.com:8443/a%20b?x=1&n%61me=a+b%7e&e'],
    ['@request-target', '/a%20b?x=1&n%61me=a+b%7e&e'],
    ['@path', '/a%20b'],
    ['@query', '?x=1&n%61me=a+b%7e&e'],
    ['@query-param;name="name"', 'a%20b%7E'],
    ['@query-param;name="e"', ''],
    ['content-type', 'text/plain'],
    ['"content-type";bs', ':dGV4dC9wbGFpbg==:'],
    ['priority;key="u"', '3'],
    ['priority;key="i"', '?1'],
  ])('covers %s as %s', async (component, value) => {
    const request = signRequest({
      method: 'POST',
      origin: 'https://api.example.com:8443',
      path: '/a%20b',
      query: '?x=1&n%61me=a+b%7e&e',
      headers: { 'content-type': ' text/plain ', priority: 'u=3, i' },
    })
    const [line = ''] = (await baseOf(definition({ components: [component] }), request)).split('\n')
    expect(line.slice(line.indexOf(': ') + 2)).toBe(value)
  })

  it('covers a query that is not there as a lone question mark (section 2.2.7)', async () => {
    expect(await baseOf(definition({ components: ['@query'] }), signRequest())).toMatch(/^"@query": \?\n/)
  })

  it.each([
    [['content-type'], {}],
    [['priority;key="u"'], { headers: { priority: 'i' } }],
    [['priority;key="u"'], { headers: { priority: '(' } }],
    [['priority;key="u"'], { headers: { priority: 'u=1.0' } }],
    [['x-note'], { headers: { 'x-note': 'a\nb' } }],
    [['x-note'], { headers: { 'x-note': 'é' } }],
    [['@query-param;name="a"'], { query: '' }],
    [['@query-param;name="a"'], { query: '?a=1&%61=2' }],
    [['@query-param;name="a"'], { query: '?a=%ff' }],
  ])('refuses a request without the component %j, %j', async (components, parts) => {
    await expect(baseOf(definition({ components }), signRequest(parts))).rejects.toMatchObject({
      name: 'Refusal',
      code: expect.stringMatching(/^(?:header|request)_invalid$/),
    })
  })

  it('throws when the body that its digest covers was not read', async () => {
    const sign = definition({ components: ['content-digest'] })
    await expect(baseOf(sign, signRequest({ body: { kind: 'unread' } }))).rejects.toThrow('was not read')
  })

  it.each([
    '@status',
    '@signature-params',
    '@method;req',
    '@query-param',
    'Content-Type',
    'content-length',
    'authorization',
    'signature',
    'accept-encoding',
    'x-forwarded-for',
    'content-type;sf',
    'content-type;tr',
    'a b',
    '',
    '"x',
  ])('refuses the component %j in the configuration', (component) => {
    expect(optionFaults(definition({ components: [component] })).length).toBeGreaterThan(0)
  })

  it('reports every fault of its options', () => {
    expect(
      optionFaults({
        scheme: 'http-signatures',
        algorithm: 'none',
        components: ['@method', '@method'],
        label: 'Sig',
        expiresSeconds: 0,
        tag: '\n',
        keyid: 'x',
      }).map((fault) => fault.split(':')[0]),
    ).toEqual(['algorithm', 'components', 'label', 'expiresSeconds', 'tag', 'keyid'])
  })

  it.each(['our-key', 'our-key:', ':AAAA', 'our-key:not base64', 'our-key:***', 'our-key:QUJD\n'])(
    'G08: refuses the shared secret %j',
    async (text) => {
      await expect(boundScheme(definition({})).open(text)).rejects.toMatchObject({ name: 'SecretFault' })
    },
  )

  const marker = 'c2VjcmV0LW1hcmtlcg'
  it.each([
    `{"keyid":"k","jwk":"${marker}"`,
    `"${marker}"`,
    JSON.stringify({ keyid: 'k' }),
    JSON.stringify({ jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AA', d: marker } }),
    JSON.stringify({ keyid: 'k', jwk: { kty: 'OKP', crv: 'Ed25519', x: marker } }),
    JSON.stringify({ keyid: 'k', jwk: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', d: marker } }),
    JSON.stringify({ keyid: 'k', jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AA', d: marker } }),
    JSON.stringify({ keyid: 'k', jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AA', d: [marker] } }),
  ])('G08: refuses the key %j without repeating it', async (text) => {
    const error = await boundScheme(definition({ algorithm: 'ed25519' }))
      .open(text)
      .then(() => null, String)
    expect(error).toMatch(/^SecretFault: /)
    expect(error).not.toContain(marker)
  })

  it('takes keys that say what they are for', async () => {
    const { privateKey } = (await crypto.subtle.generateKey('Ed25519', true, [
      'sign',
      'verify',
    ])) as webcrypto.CryptoKeyPair
    const jwk = {
      ...(await crypto.subtle.exportKey('jwk', privateKey)),
      use: 'sig',
      key_ops: ['verify'],
      alg: 'x',
    }
    const key = await openKey(definition({ algorithm: 'ed25519' }), JSON.stringify({ keyid: 'k', jwk }))
    expect((await key.sign(signRequest(), moment)).set[1]?.[1]).toMatch(/^sig1=:[A-Za-z0-9+/]{86}==:$/)
  })
})
