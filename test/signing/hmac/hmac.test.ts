import { createHash, createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { HmacDefinition, StringPart } from '../../../src/signing/hmac/definition.ts'
import { boundScheme, openKey, optionFaults } from '../opened.ts'
import { momentAt, signRequest, textBody } from '../requests.ts'

const moment = momentAt(1_700_000_000_123)
const signature = [{ part: 'signature' }] as const

const recipe = (fields: Partial<HmacDefinition>): HmacDefinition => ({
  scheme: 'hmac',
  algorithm: 'sha256',
  string: [{ part: 'method' }, '\n', { part: 'path' }],
  headers: { 'x-signature': signature },
  ...fields,
})

const stringOf = async (parts: readonly StringPart[], request = signRequest()): Promise<string> => {
  const placed = parts.some((part) => typeof part !== 'string' && part.part === 'nonce')
    ? [{ part: 'nonce' } as const, ...signature]
    : [...signature]
  const key = await openKey(
    recipe({
      string: parts,
      headers: { 'x-signature': placed, 'x-time': [{ part: 'timestamp', as: 'iso' }] },
    }),
    'id:made-up',
  )
  return (await key.stages(request, momentAt(1_700_000_000_123)))[0]?.text ?? ''
}

describe('hmac', () => {
  it('makes each part once, also where one has to be waited for', async () => {
    const asked: string[] = []
    const request = {
      ...signRequest(),
      header: (name: string) => {
        asked.push(name)
        return 'v'
      },
    }
    const of = [{ part: 'header', name: 'x-inner' }] as const
    const key = await openKey(
      recipe({
        string: [
          { part: 'header', name: 'x-outer' },
          '\n',
          { part: 'digest', algorithm: 'sha256', encoding: 'hex', of },
        ],
      }),
      'id:made-up',
    )
    await key.sign(request, moment)
    expect(asked).toEqual(['x-outer', 'x-inner'])
  })

  it('signs the string with the key, and sets what the recipe places', async () => {
    const definition = recipe({
      string: [{ part: 'timestamp', as: 'seconds' }, '.', { part: 'body' }],
      headers: {
        'X-Signature': ['t=', { part: 'timestamp', as: 'seconds' }, ',v1=', { part: 'signature' }],
        'X-Key': [{ part: 'key-id' }],
      },
    })
    const key = await openKey(definition, 'id:made-up')
    const mac = createHmac('sha256', 'made-up').update('1700000000.{"a":1}').digest('hex')
    expect(await key.sign(signRequest({ method: 'POST', body: textBody('{"a":1}') }), moment)).toEqual({
      set: [
        ['x-signature', `t=1700000000,v1=${mac}`],
        ['x-key', 'id'],
      ],
    })
    expect([...boundScheme(definition).owns]).toEqual(['x-signature', 'x-key'])
    expect(boundScheme(definition).bodyNeed(null)).toBe('bytes')
  })

  it.each(['sha1', 'sha256', 'sha384', 'sha512', 'md5'] as const)(
    'computes HMAC with %s',
    async (algorithm) => {
      const key = await openKey(recipe({ algorithm, signatureEncoding: 'base64' }), 'id:made-up')
      const mac = createHmac(algorithm, 'made-up').update('GET\n/').digest('base64')
      expect(await key.sign(signRequest(), moment)).toEqual({ set: [['x-signature', mac]] })
    },
  )

  it.each([
    ['hex', Buffer.from('made-up').toString('hex')],
    ['base64', Buffer.from('made-up').toString('base64')],
    ['base64url', Buffer.from('made-up').toString('base64url')],
  ] as const)('G08: takes a key in %s, and refuses one that is not', async (keyEncoding, text) => {
    const key = await openKey(recipe({ keyEncoding }), `id:${text}`)
    const mac = createHmac('sha256', 'made-up').update('GET\n/').digest('hex')
    expect(await key.sign(signRequest(), moment)).toEqual({ set: [['x-signature', mac]] })
    await expect(boundScheme(recipe({ keyEncoding })).open('id:not-@-this')).rejects.toThrow(
      `the secret is not ${keyEncoding}`,
    )
  })

  it.each([
    ['hex', (mac: Buffer) => mac.toString('hex')],
    ['upper-hex', (mac: Buffer) => mac.toString('hex').toUpperCase()],
    ['base64', (mac: Buffer) => mac.toString('base64')],
    ['base64url', (mac: Buffer) => mac.toString('base64url')],
  ] as const)('writes the signature in %s', async (signatureEncoding, encode) => {
    const key = await openKey(recipe({ signatureEncoding }), 'id:made-up')
    const mac = createHmac('sha256', 'made-up').update('GET\n/').digest()
    expect(await key.sign(signRequest(), moment)).toEqual({ set: [['x-signature', encode(mac)]] })
  })

  it('covers the query that it adds, and puts the signature behind it', async () => {
    const definition = recipe({
      string: [{ part: 'query', mark: false }, { part: 'no-body' }],
      headers: {},
      query: { signature, timestamp: [{ part: 'timestamp', as: 'millis' }] },
    })
    const key = await openKey(definition, 'id:made-up')
    const mac = createHmac('sha256', 'made-up').update('a=1&timestamp=1700000000123').digest('hex')
    expect(await key.sign(signRequest({ query: '?a=1' }), moment)).toEqual({
      set: [],
      query: [
        ['timestamp', '1700000000123'],
        ['signature', mac],
      ],
    })
    const sign = async (query: string) => key.sign(signRequest({ query }), moment)
    await expect(sign('?timestamp=1')).rejects.toMatchObject({ code: 'request_invalid' })
    await expect(sign('?%73ignature=1')).rejects.toMatchObject({ code: 'request_invalid' })
  })

  it('draws one nonce for a request', async () => {
    const definition = recipe({
      string: [{ part: 'nonce' }, { part: 'method' }],
      headers: { 'x-signature': [{ part: 'nonce' }, '.', { part: 'signature' }] },
    })
    const key = await openKey(definition, 'id:made-up')
    const [[, value = ''] = []] = (await key.sign(signRequest(), moment)).set
    const [nonce = '', mac] = value.split('.')
    expect(mac).toBe(createHmac('sha256', 'made-up').update(`${nonce}GET`).digest('hex'))
  })

  it.each([
    ['a:b', 'the secret has fewer than 2 colons; its form is <id>:<secret>:<passphrase>'],
    ['a::c', 'the secret of <id>:<secret>:<passphrase> is empty'],
    ['a:b:', 'the passphrase of <id>:<secret>:<passphrase> is empty'],
    ['a:b:c d', 'the passphrase of <id>:<secret>:<passphrase> holds white space'],
  ])('the secret %j with a passphrase is refused in words: %s', async (text, said) => {
    const definition = recipe({
      secret: 'id:secret:passphrase',
      headers: { 'x-signature': signature, 'x-pass': [{ part: 'passphrase' }] },
    })
    await expect(openKey(definition, text)).rejects.toThrow(said)
  })

  it('sends a passphrase, and says so', async () => {
    const definition = recipe({
      secret: 'id:secret:passphrase',
      headers: { 'x-signature': signature, 'x-pass': [{ part: 'passphrase' }] },
    })
    const key = await openKey(definition, 'id:secret:pass')
    expect((await key.sign(signRequest(), moment)).set).toContainEqual(['x-pass', 'pass'])
    expect(key.sends).toEqual(['pass'])
    expect((await openKey(recipe({}), 'id:secret')).sends).toEqual([])
  })
})

describe('the parts of a string', () => {
  const request = signRequest({
    method: 'POST',
    origin: 'https://api.example.com:8443',
    path: '/a/b%20c',
    query: '?b=2&a=%7e1&c',
    headers: { 'content-type': 'text/plain' },
    body: textBody('nonce=17&x=1'),
  })
  const hash = createHash('sha256').update('nonce=17&x=1')
  const digest = hash.copy().digest('hex')
  it.each<[StringPart, string]>([
    [{ part: 'method' }, 'POST'],
    [{ part: 'origin' }, 'https://api.example.com:8443'],
    [{ part: 'host' }, 'api.example.com:8443'],
    [{ part: 'path' }, '/a/b%20c'],
    [{ part: 'path', encode: 'percent' }, '%2Fa%2Fb%2520c'],
    [{ part: 'query' }, '?b=2&a=%7e1&c'],
    [{ part: 'query', mark: false }, 'b=2&a=%7e1&c'],
    [{ part: 'query', order: 'sorted' }, 'a=~1&b=2&c='],
    [{ part: 'query', order: 'sorted', encode: 'percent' }, 'a%3D~1%26b%3D2%26c%3D'],
    [{ part: 'query', order: 'sorted', mark: true }, '?a=~1&b=2&c='],
    [{ part: 'header', name: 'Content-Type' }, 'text/plain'],
    [{ part: 'header', name: 'content-type', ifSent: '\n' }, '\ntext/plain'],
    [{ part: 'header', name: 'idempotency-key', ifSent: '\n' }, ''],
    [{ part: 'timestamp', as: 'seconds' }, '1700000000'],
    [{ part: 'timestamp', as: 'millis' }, '1700000000123'],
    [{ part: 'timestamp', as: 'iso' }, '2023-11-14T22:13:20.123Z'],
    [{ part: 'timestamp', as: 'iso-seconds' }, '2023-11-14T22:13:20Z'],
    [{ part: 'nonce' }, '00000000000000000000000000000001'],
    [{ part: 'key-id' }, 'id'],
    [{ part: 'body' }, 'nonce=17&x=1'],
    [{ part: 'body', begins: 'form' }, 'nonce=17&x=1'],
    [{ part: 'body-digest', algorithm: 'sha256', encoding: 'hex' }, digest],
    [{ part: 'form-field', name: 'nonce' }, '17'],
    [{ part: 'digest', algorithm: 'sha256', encoding: 'hex', of: [{ part: 'body' }] }, digest],
    [{ part: 'digest', algorithm: 'sha256', encoding: 'raw', of: [{ part: 'body' }] }, `<${digest}>`],
  ])('writes %j', async (part, text) => {
    expect(await stringOf([part], request)).toBe(text)
  })

  it.each<[string, StringPart, Parameters<typeof signRequest>[0]]>([
    ['a header that was not sent', { part: 'header', name: 'x-needed' }, {}],
    ['an empty header', { part: 'header', name: 'x', ifSent: '\n' }, { headers: { x: '' } }],
    ['a header with a line break', { part: 'header', name: 'x' }, { headers: { x: 'a\nb' } }],
    ['a form field that is missing', { part: 'form-field', name: 'nonce' }, { body: textBody('a=1') }],
    ['a form field that came twice', { part: 'form-field', name: 'n' }, { body: textBody('n=1&n=2') }],
    ['a body where none is covered', { part: 'no-body' }, { body: { kind: 'unread' } }],
    ['a body of another kind', { part: 'body', begins: 'json' }, { body: textBody('a=1') }],
    ['a repeated name in a sorted query', { part: 'query', order: 'sorted' }, { query: '?a=1&%61=2' }],
    ['a plus in a sorted query', { part: 'query', order: 'sorted' }, { query: '?a=1+2' }],
    ['a bare question mark that is left out', { part: 'query', mark: false }, { query: '?' }],
    ['a query that is not ASCII', { part: 'query' }, { query: '?ä' }],
  ])('G07: refuses %s, and never signs an empty text for it', async (_what, part, request) => {
    await expect(stringOf([part], signRequest(request))).rejects.toMatchObject({
      name: 'Refusal',
      code: expect.stringMatching(/^(?:header|request)_invalid$/),
    })
  })
})

describe('the recipe', () => {
  it('is refused whole, with the path of every fault', () => {
    expect(
      optionFaults({
        scheme: 'hmac',
        version: 2,
        algorithm: 'sha3',
        string: [{ part: 'verb' }, { part: 'timestamp', as: 'days' }, '', { part: 'path', sort: true }],
        headers: { host: [{ part: 'signature' }], 'x-a': [{ part: 'path' }], 'x-b': 'text' },
        places: {},
      }).map((fault) => fault.split(':')[0]),
    ).toEqual([
      'version',
      'algorithm',
      'string[0].part',
      'string[1].as',
      'string[2]',
      'string[3].sort',
      'headers.host',
      'headers.x-a[0].part',
      'headers.x-b',
      'places',
    ])
  })

  it('must send the signature, and the time and nonce that it signs', () => {
    expect(optionFaults(recipe({ headers: { 'x-key': [{ part: 'key-id' }] } }))).toEqual([
      'headers: none of the headers or query parameters has the signature',
    ])
    expect(
      optionFaults(recipe({ string: [{ part: 'timestamp', as: 'seconds' }, { part: 'nonce' }] })),
    ).toEqual([
      'string: the timestamp is signed, but neither a header nor a query parameter sends it',
      'string: the nonce is signed, but neither a header nor a query parameter sends it',
    ])
  })

  it('cannot use parts of the secret that its form does not have', () => {
    expect(
      optionFaults(recipe({ secret: 'secret', headers: { x: [{ part: 'key-id' }, ...signature] } })),
    ).toEqual(["secret: 'secret' has no id for the part key-id"])
    expect(optionFaults(recipe({ headers: { x: [{ part: 'passphrase' }], y: signature } }))).toEqual([
      "secret: the part passphrase needs 'id:secret:passphrase'",
    ])
  })

  it.each([['authorization', 'content-length', 'connection'].map((name) => ({ part: 'header', name }))])(
    'cannot sign headers that do not arrive as sent',
    (...parts) => {
      for (const part of parts) expect(optionFaults(recipe({ string: [part as StringPart] }))).toHaveLength(1)
    },
  )
})
