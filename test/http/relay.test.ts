import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Upstream } from '../../src/core/configuration.ts'
import type { Permit } from '../../src/core/permit.ts'
import type { Sent } from '../../src/http/dispatch.ts'
import { Fields } from '../../src/http/fields.ts'
import { type RelayOptions, relay } from '../../src/http/relay.ts'
import { codeOf } from '../core/refused.ts'
import { pipelineConfig } from './pipeline.ts'

const upstream = pipelineConfig().upstreams.get('open') as Upstream
const permit = { upstream } as unknown as Permit
const secret = 'made-up+secret/=='

/** The same whether the values were listed at once or are asked for one by one. */
const relayed = (
  answer: Response,
  { credentialTexts = [secret], ...changes }: Partial<RelayOptions & Pick<Sent, 'credentialTexts'>> = {},
): Response => {
  const url = 'https://open.test/v1/things'
  const [one, other] = (['names', 'lines'] as const).map((lists) =>
    relay({ answer, fields: new Fields(answer.headers, lists), url, credentialTexts }, permit, {
      url: 'https://edge.test',
      tokenInOwnHeader: false,
      rateLimit: null,
      ...changes,
    }),
  )
  expect([...(one as Response).headers]).toEqual([...(other as Response).headers])
  return one as Response
}

const answered = (headers: Readonly<Record<string, string>>, status = 200): Headers =>
  relayed(new Response(null, { status, headers })).headers

describe('an answer', () => {
  test('passes with its status, body and fields', async () => {
    const response = relayed(
      new Response('body', {
        status: 418,
        headers: { etag: '"a"', 'x-request-id': '7', 'content-type': 'text/html' },
      }),
    )
    expect(response.status).toBe(418)
    expect(await response.text()).toBe('body')
    expect(response.headers.get('etag')).toBe('"a"')
    expect(response.headers.get('x-request-id')).toBe('7')
    expect(response.headers.get('content-type')).toBe('text/html')
    expect(response.headers.has('countersign-error')).toBe(false)
  })

  test('B05: passes its body unread, as the same stream', () => {
    const answer = new Response('body')
    expect(relayed(answer).body).toBe(answer.body)
    expect(answer.bodyUsed).toBe(false)
  })

  test.each([204, 304])('B05: with status %i passes without a body', (status) => {
    const response = relayed(new Response(null, { status, headers: { etag: '"a"' } }))
    expect([response.status, response.body, response.headers.get('etag')]).toEqual([status, null, '"a"'])
  })

  test.each([100, 101, 103, 199, 600, 999])('M05: with status %i is not final: 502', (status) => {
    const answer = new Response('x')
    Object.defineProperty(answer, 'status', { value: status })
    expect(codeOf(() => relayed(answer))).toBe('upstream_bad_response')
  })

  test('C05: cannot script our origin, and is never stored by a shared cache', () => {
    const headers = answered({ 'content-security-policy': "default-src *; script-src 'unsafe-inline'" })
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toBe("sandbox; default-src 'none'; frame-ancestors 'none'")
    expect(headers.get('cache-control')).toBe('private, no-store')
    expect(answered({ 'cache-control': 'public, max-age=9' }).get('cache-control')).toBe('private, max-age=9')
  })

  test('H07, C04, M06: loses every field that is not for the caller', () => {
    const dropped = {
      'set-cookie': 'a=b',
      'clear-site-data': '"*"',
      'service-worker-allowed': '/',
      'strict-transport-security': 'max-age=0',
      'access-control-allow-origin': '*',
      'access-control-allow-credentials': 'true',
      'countersign-error': 'rate_limited',
      'countersign-request-id': 'forged',
      'www-authenticate': 'Basic',
      'alt-svc': 'h3=":443"',
      'keep-alive': 'timeout=5',
      refresh: '0;url=https://evil.test/',
    }
    const headers = answered({ ...dropped, 'x-kept': '1' })
    for (const name of Object.keys(dropped)) expect(headers.has(name), name).toBe(false)
    expect(headers.get('x-kept')).toBe('1')
  })

  test('H07: loses what its Connection names', () => {
    const headers = answered({ connection: 'close, X-Internal', 'x-internal': '1', 'x-kept': '1' })
    expect([headers.has('connection'), headers.has('x-internal'), headers.has('x-kept')]).toEqual([
      false,
      false,
      true,
    ])
  })

  test('C04: with Vary: * is for this request alone', () => {
    const headers = answered({ vary: 'accept, *', 'cache-control': 'private, max-age=60' })
    expect([headers.get('vary'), headers.get('cache-control')]).toEqual([null, 'private, no-store'])
    expect(answered({ vary: 'accept' }).get('vary')).toBe('accept')
  })

  test('H07: names us in Via, behind those before us', () => {
    expect(answered({ via: '1.1 up' }).get('via')).toBe('1.1 up, 1.1 countersign')
    expect(answered({}).get('via')).toBe('1.1 countersign')
  })

  test("R05, M07: keeps the upstream's own RateLimit members, before ours", () => {
    const answer = new Response(null, {
      headers: { ratelimit: '"up";r=1', 'ratelimit-policy': '"up";q=2', 'retry-after': '3' },
    })
    const { headers } = relayed(answer, { rateLimit: { policy: '"all";q=9;w=1', limit: '"all";r=8' } })
    expect(headers.get('ratelimit')).toBe('"up";r=1, "all";r=8')
    expect(headers.get('ratelimit-policy')).toBe('"up";q=2, "all";q=9;w=1')
    expect(headers.get('retry-after')).toBe('3')
  })

  test.each(['limit=5, remaining=3, reset=1', '', '(((', '"open', '"a";;', 'é'])(
    'R05: keeps RateLimit readable when the upstream sent %s',
    (value) => {
      const answer = new Response(null, { headers: { ratelimit: value, 'ratelimit-policy': value } })
      const { headers } = relayed(answer, { rateLimit: { policy: '"all";q=9;w=1', limit: '"all";r=8' } })
      expect(headers.get('ratelimit')).toBe('"all";r=8')
      expect(headers.get('ratelimit-policy')).toBe('"all";q=9;w=1')
    },
  )

  test("keeps an upstream's RateLimit of any form where there is none of ours", () => {
    expect(answered({ ratelimit: 'limit=5, remaining=3' }).get('ratelimit')).toBe('limit=5, remaining=3')
  })

  test('M08: of 401 and 403 alone links to what a refusal of the upstream means', () => {
    for (const status of [401, 403]) {
      expect(answered({ link: '<a>; rel=b' }, status).get('link')).toBe(
        '<a>; rel=b, <https://edge.test/problems/upstream_refused>; rel="help"',
      )
    }
    for (const status of [200, 400, 402, 404, 500]) expect(answered({}, status).has('link')).toBe(false)
  })
})

describe('K05: a credential that the upstream repeats', () => {
  test.each([
    ['as it is', secret],
    ['within other text', `Bearer ${secret}; x`],
    ['percent-encoded', `q=${encodeURIComponent(secret)}&x`],
    [
      'percent-encoded with small digits',
      `q=${encodeURIComponent(secret).replaceAll('%2B', '%2b').replaceAll('%2F', '%2f')}&x`,
    ],
    ['percent-encoded in part', 'q=made-up%2bsecret/==&bad=%zz%ff'],
    ['beside escapes that are no UTF-8', 'q=%ff%6dade-up%2bsecret/=='],
    ['percent-encoded beyond need', `q=%6dade%2Dup%2Bsecret/==`],
    [
      'in a URL within a URL',
      `next=${encodeURIComponent(`https://a.test/?q=${encodeURIComponent(secret)}`)}`,
    ],
    ['encoded three times', `q=${[1, 2, 3].reduce((text) => encodeURIComponent(text), secret)}`],
  ])('%s takes its field with it', (_how, value) => {
    const headers = answered({ 'x-echo': value, 'x-kept': '1' })
    expect(headers.has('x-echo')).toBe(false)
    expect(headers.get('x-kept')).toBe('1')
  })

  test('in Location takes it too', () => {
    const location = `https://open.test/v1/x?key=${encodeURIComponent(secret)}`
    expect(answered({ location }, 302).has('location')).toBe(false)
  })

  test('in the reason phrase takes that', () => {
    const answer = new Response(null, { status: 401, statusText: `Unknown key ${secret}` })
    const response = relayed(answer)
    expect(response.status).toBe(401)
    expect(response.statusText).not.toContain('made-up')
    const encoded = new Response(null, { status: 401, statusText: encodeURIComponent(secret) })
    expect(relayed(encoded).statusText).not.toContain('made-up')
  })

  test('with spaces takes its field with it when they are written as plus signs', () => {
    const { headers } = relayed(
      new Response(null, { headers: { 'x-echo': 'p=two+words%21', 'x-kept': 'two+words' } }),
      { credentialTexts: ['two words!'] },
    )
    expect([headers.has('x-echo'), headers.get('x-kept')]).toEqual([false, 'two+words'])
  })

  test('is not looked for where the scheme keeps it', () => {
    const { headers } = relayed(new Response(null, { headers: { 'x-echo': secret } }), {
      credentialTexts: [],
    })
    expect(headers.get('x-echo')).toBe(secret)
  })

  test('promise 1: stands in no field, wherever the upstream puts it', () => {
    const name = fc.constantFrom(
      'x-a',
      'etag',
      'link',
      'via',
      'vary',
      'location',
      'ratelimit',
      'cache-control',
      'server',
    )
    const fields = fc.dictionary(
      name,
      fc.tuple(fc.constantFrom('', 'a ', '<'), fc.boolean(), fc.constantFrom('', ' b')),
    )
    fc.assert(
      fc.property(fields, fc.constantFrom(200, 201, 401), (chosen, status) => {
        const headers = Object.entries(chosen).map(
          ([one, [before, has, after]]) =>
            [one, `${before}${has ? secret : 'x'}${after}`] as [string, string],
        )
        const response = relayed(new Response(null, { status, headers }))
        expect(JSON.stringify([...response.headers])).not.toContain(secret)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('S03: a redirect', () => {
  const to = (location: string, own: boolean, status = 302): Response =>
    relayed(new Response(null, { status, headers: { location } }), { tokenInOwnHeader: own })

  test.each([true, false])(
    'inside of the base becomes our path (token in Countersign-Authorization: %s)',
    (own) => {
      expect(to('https://open.test/v1/next?x', own).headers.get('location')).toBe('/open/next?x')
      expect(to('next', own).headers.get('location')).toBe('/open/next')
    },
  )

  test('elsewhere passes where clients drop the token by themselves', () => {
    expect(to('https://other.test/x', false).headers.get('location')).toBe('https://other.test/x')
    expect(to('/above', false).headers.get('location')).toBe('https://open.test/above')
  })

  test.each([301, 302, 303, 307, 308, 300, 305])(
    'elsewhere with status %i is 502 when the token came in Countersign-Authorization',
    (status) => {
      for (const location of [
        'https://other.test/x',
        'http://open.test/v1/x',
        '/above',
        '/v10/x',
        'data:,x',
      ]) {
        expect(codeOf(() => to(location, true, status))).toBe('upstream_bad_response')
      }
    },
  )

  test.each([true, false])('to another upstream of ours, or to nowhere, is 502 (%s)', (own) => {
    for (const location of ['https://edge.test/plugipay/x', 'https://edge.test/', 'https://[', 'http://']) {
      expect(codeOf(() => to(location, own, 307))).toBe('upstream_bad_response')
    }
  })

  test('is only what has the status of one: 201 passes, and an unreadable Location goes', () => {
    expect(to('https://other.test/x', true, 201).headers.get('location')).toBe('https://other.test/x')
    expect(to('https://edge.test/plugipay/x', true, 201).headers.has('location')).toBe(false)
    expect(to('https://[', true, 201).headers.has('location')).toBe(false)
  })

  test('without a Location passes', () => {
    expect(relayed(new Response(null, { status: 302 }), { tokenInOwnHeader: true }).status).toBe(302)
  })
})
