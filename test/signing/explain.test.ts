import { describe, expect, it } from 'vitest'
import { explain } from '../../src/signing/explain.ts'
import { boundScheme } from './opened.ts'
import { momentAt, signRequest, textBody } from './requests.ts'

const moment = momentAt(1_700_000_000_000)

const explained = async (
  sign: object,
  secret: string | null,
  { keyName = 'live', ...parts }: Parameters<typeof signRequest>[0] & { keyName?: string } = {},
) => {
  const scheme = boundScheme(sign)
  return explain({
    scheme,
    key: secret === null ? null : await scheme.open(secret),
    keyName,
    keyFaults: secret === null ? ['BINDING: the secret has white space at its beginning or end'] : [],
    request: signRequest(parts),
    moment,
  })
}

describe('explain', () => {
  it('shows every stage by name and masks the signature, so that two can still be compared', async () => {
    const { stages, headers } = await explained({ scheme: 'plugipay' }, 'pk_live_1:made-up', { path: '/a' })
    expect(stages.map(({ name }) => name)).toEqual(['string to sign'])
    expect(headers).toEqual([
      {
        name: 'authorization',
        value: expect.stringMatching(
          /^Plugipay-HMAC-SHA256 keyId=pk_live_1, scope=\*, signature=[0-9a-f]{8}\.\.\.\[masked\]$/,
        ),
      },
      { name: 'x-plugipay-timestamp', value: '1700000000' },
    ])
  })

  it('shows of a credential that travels as it is nothing at all', async () => {
    expect((await explained({ scheme: 'bearer' }, 'made-up')).headers).toEqual([
      { name: 'authorization', value: 'Bearer [redacted]' },
    ])
    expect((await explained({ scheme: 'query', name: 'key' }, 'made/up')).query).toEqual([
      { name: 'key', value: '[redacted]' },
    ])
  })

  it('shows the token request of a scheme that mints, its secrets masked, and the claims of an assertion', async () => {
    const { stages } = await explained(
      {
        scheme: 'oauth-client-credentials',
        tokenUrl: 'https://login.example.com/t',
        clientAuth: 'post',
        scope: 'a',
      },
      'client:made-up',
    )
    expect(stages).toEqual([
      {
        name: 'token request',
        text: [
          'POST https://login.example.com/t',
          'content-type: application/x-www-form-urlencoded',
          'accept: application/json',
          '',
          'grant_type=client_credentials',
          'scope=a',
          'client_id=client',
          'client_secret=[redacted]',
        ].join('\n'),
      },
    ])
  })

  it.each([
    [
      'live',
      'pk_test_1:made-up',
      'The key "live" holds a test key: the upstream knows it in its test mode only.',
    ],
    [
      'test',
      'pk_live_1:made-up',
      'The key "test" holds a live key: the upstream knows it in its live mode only.',
    ],
  ])('finds that the key %s is of the other mode', async (keyName, secret, mistake) => {
    expect((await explained({ scheme: 'plugipay' }, secret, { keyName })).mistakes[0]).toBe(mistake)
  })

  it('finds what is wrong with a secret that cannot be used', async () => {
    const { stages, mistakes } = await explained({ scheme: 'plugipay' }, null)
    expect(stages).toEqual([])
    expect(mistakes[0]).toContain('white space')
  })

  it('says what a refused request lacks', async () => {
    const sign = { scheme: 'http-signatures', algorithm: 'hmac-sha256', components: ['x-note'] }
    expect((await explained(sign, 'k:QUJD')).mistakes[0]).toBe(
      'The request is refused: Send the header x-note, in visible ASCII: this upstream signs it.',
    )
  })

  it('says that a scheme which signs the bytes of a body needs them', async () => {
    const body = { kind: 'sha256', sha256: new Uint8Array(32) } as const
    const { mistakes } = await explained({ scheme: 'standard-webhooks' }, 'whsec_QUJD', { body })
    expect(mistakes[0]).toContain('for an empty body only')
  })

  it('names the likely mistakes of a request, and the clock behind them', async () => {
    const { mistakes } = await explained({ scheme: 'plugipay' }, 'pk_live_1:made-up', {
      method: 'POST',
      path: '/a%2fb',
      query: '?a=1+2',
      body: textBody('{}'),
    })
    expect(mistakes.map((text) => text.split(' ').slice(0, 5).join(' '))).toEqual([
      'The body is signed byte',
      'The query has a +,',
      'Percent escapes in lower case',
      'The time here is 2023-11-14T22:13:20.000Z:',
    ])
  })
  it.each([
    [{ scheme: 'bearer' }, 'made-up'],
    [{ scheme: 'header', name: 'x-api-key' }, 'made-up'],
    [{ scheme: 'basic' }, 'user:made-up'],
  ])('of %j says that only the secret can be refused, and nothing of a clock', async (sign, secret) => {
    expect((await explained(sign, secret)).mistakes).toEqual([
      'Nothing of the call is signed: what the upstream refuses is the secret, or what it may do.',
    ])
  })
})
