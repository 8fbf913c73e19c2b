import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Upstream } from '../../src/core/configuration.ts'
import { isProtectedHeader } from '../../src/core/headers.ts'
import type { Permit } from '../../src/core/permit.ts'
import { Fields } from '../../src/http/fields.ts'
import { applyEdits, buildOutbound, type Outbound } from '../../src/http/outbound.ts'
import { codeOf } from '../core/refused.ts'
import { pipelineConfig } from './pipeline.ts'

const base = pipelineConfig().upstreams.get('open') as Upstream
const nonce = (): string => '0123456789abcdef0123456789abcdef'

type SentHeaders = ConstructorParameters<typeof Headers>[0]

interface Made {
  readonly allow?: readonly string[]
  readonly owns?: readonly string[]
  readonly set?: readonly (readonly [string, string])[]
  readonly path?: string
  readonly query?: string
  readonly basePath?: string
  readonly barePath?: string
}

const outbound = (
  headers: SentHeaders,
  { allow = [], owns = [], set = [], path = '/things', query = '', ...paths }: Made = {},
): Outbound => {
  const upstream: Upstream = {
    ...base,
    ...paths,
    headers: { allow: new Set(allow), set },
    scheme: { ...base.scheme, owns: new Set(owns) },
  }
  const permit = { upstream, target: { method: 'GET', upstream: 'open', path, query } } as unknown as Permit
  return buildOutbound(
    permit,
    new Fields(new Headers(headers)),
    { kind: 'empty' },
    { loopName: 'edge.test', nonce },
  )
}

const sentWith = (headers: SentHeaders, made: Made = {}): Record<string, string> =>
  Object.fromEntries(outbound(headers, made).headers)

const ours = {
  'cdn-loop': 'edge.test',
  via: '1.1 countersign',
  traceparent: '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01',
}

describe('the request to the upstream', () => {
  test('has our fields, and of the caller those that are allowed', () => {
    expect(sentWith({})).toEqual(ours)
    expect(
      sentWith(
        { 'content-type': 'a/b', cookie: 'a=b', 'x-other': '1', 'x-mine': '2' },
        { allow: ['x-mine'] },
      ),
    ).toEqual({
      ...ours,
      'content-type': 'a/b',
      'x-mine': '2',
    })
  })

  test('is signed over the same method, origin, path, query and fields that are sent', () => {
    const { request, url, headers } = outbound(
      { 'idempotency-key': 'k' },
      { path: '/a%20b', query: '?x=%2F&y' },
    )
    expect(`${request.origin}${request.path}${request.query}`).toBe(url)
    expect(url).toBe('https://open.test/v1/a%20b?x=%2F&y')
    expect(request.host).toBe('open.test')
    expect(request.header('idempotency-key')).toBe('k')
    expect(request.header('cookie')).toBe(null)
    expect([...request.headerNames()].sort()).toEqual([...headers.keys()])
  })

  test('G02: keeps a bare question mark', () => {
    const { request, url } = outbound({}, { query: '?' })
    expect([url, request.query]).toEqual(['https://open.test/v1/things?', '?'])
  })

  test('leads to the base URL as it is written, when the path is the name of the upstream alone', () => {
    const slashed = { path: '', basePath: '/v2', barePath: '/v2/' }
    expect(outbound({}, slashed).request.path).toBe('/v2/')
    expect(outbound({}, { ...slashed, path: '/x' }).request.path).toBe('/v2/x')
    expect(outbound({}, { path: '', basePath: '', barePath: '/' }).url).toBe('https://open.test/')
  })

  test('does not exist for a path that would be sent in another form', () => {
    for (const path of ['/a/../b', '/é', '/a b', '/a\\b'])
      expect(codeOf(() => outbound({}, { path }))).toBe('path_invalid')
  })

  test("has the operator's fields, whatever the caller sent under their names", () => {
    const made = { allow: ['x-mode'], set: [['x-mode', 'ours']] } as const
    expect(sentWith({ 'x-mode': 'theirs' }, made)['x-mode']).toBe('ours')
  })
})

describe('H03: what Connection names', () => {
  test('does not go on, but what we add does', () => {
    const headers = {
      connection: 'content-type, x-mine, via, cdn-loop, traceparent, x-set, authorization, "bad name"',
      'content-type': 'a/b',
      'x-mine': '1',
    }
    const made = { allow: ['x-mine'], set: [['x-set', 'ours']], owns: ['authorization'] } as const
    const built = outbound(headers, made)
    applyEdits(built, { set: [['authorization', 'Bearer signed']] })
    expect(Object.fromEntries(built.headers)).toEqual({
      ...ours,
      'x-set': 'ours',
      authorization: 'Bearer signed',
    })
  })
})

describe('trace context', () => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'

  test('goes on under a span of ours', () => {
    const sent = sentWith({ traceparent: `00-${trace}-00f067aa0ba902b7-00`, tracestate: 'a=b' })
    expect(sent['traceparent']).toBe(`00-${trace}-0123456789abcdef-00`)
    expect(sent['tracestate']).toBe('a=b')
  })

  test.each([
    ['01', '01'],
    ['cc', '01-what-is-to-come'],
    ['00', '03'],
    ['00', 'ff'],
  ])('goes on from version %s with flags %s, of which those stay that have a meaning', (version, flags) => {
    const sent = sentWith({ traceparent: `${version}-${trace}-00f067aa0ba902b7-${flags}`, tracestate: 'a=b' })
    const kept = flags.startsWith('01') ? '01' : '03'
    expect(sent['traceparent']).toBe(`00-${trace}-0123456789abcdef-${kept}`)
    expect(sent['tracestate']).toBe('a=b')
  })

  test.each([
    'garbage',
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase()}-00f067aa0ba902b7-01`,
    `ff-${trace}-00f067aa0ba902b7-01`,
    `01-${trace}-00f067aa0ba902b7-01x`,
    `00-${trace}-00f067aa0ba902b7-01-extra`,
    `00-${trace}-00f067aa0ba902b7-01, 00-${trace}-00f067aa0ba902b7-01`,
  ])('begins anew, without the state of the old one, for %s', (traceparent) => {
    const sent = sentWith({ traceparent, tracestate: 'a=b' })
    expect(sent['traceparent']).toBe(ours.traceparent)
    expect(sent['tracestate']).toBe(undefined)
  })
})

describe('the edits of a scheme', () => {
  test('H02: replace what is there: one value, ours', () => {
    const built = outbound({ 'x-api-key': 'theirs', 'X-Api-Key': 'theirs too' }, { allow: ['x-api-key'] })
    applyEdits(built, { set: [['X-Api-Key', 'signed']] })
    expect(built.headers.get('x-api-key')).toBe('signed')
  })

  test.each([
    ['', 'https://open.test/v1/things?key=s'],
    ['?', 'https://open.test/v1/things?key=s'],
    ['?a=b', 'https://open.test/v1/things?a=b&key=s'],
    ['?a=b&', 'https://open.test/v1/things?a=b&key=s'],
  ])('add to the query %j', (query, url) => {
    expect(applyEdits(outbound({}, { query }), { set: [], query: [['key', 's']] })).toBe(url)
    expect(applyEdits(outbound({}, { query }), { set: [] })).toBe(`https://open.test/v1/things${query}`)
  })
})

describe("promise 5: whatever a caller's headers are", () => {
  const spelled = (name: string): fc.Arbitrary<string> =>
    fc.constantFrom(
      name,
      name.toUpperCase(),
      name.replaceAll('-', '_'),
      name.replaceAll('-', '.'),
      name.replace('-', '_'),
      `${name}-x`,
      `x-${name}`,
    )
  const name = fc
    .constantFrom(
      ...[
        'authorization',
        'countersign-authorization',
        'countersign-key',
        'cookie',
        'host',
        'forwarded',
        'te',
      ],
      ...[
        'x-forwarded-for',
        'x-forwarded-host',
        'x-real-ip',
        'cf-connecting-ip',
        'proxy-authorization',
        'via',
      ],
      ...['cdn-loop', 'traceparent', 'tracestate', 'x-plugipay-mode', 'x-plugipay-on-behalf-of', 'x-api-key'],
      ...[
        'x-signature',
        'signature',
        'signature-input',
        'content-digest',
        'x-amz-date',
        'connection',
        'origin',
      ],
      ...['content-type', 'accept', 'accept-language', 'user-agent', 'x-mine', 'x-set', 'idempotency-key'],
    )
    .chain(spelled)
  const value = fc.constantFrom(
    'theirs',
    'theirs, x-set',
    'via',
    'x-signature, x-set, authorization',
    'content-type',
  )
  const owns = ['authorization', 'x-signature', 'x-api-key', 'content-digest', 'x-plugipay-mode']
  const rules = { allow: ['x-mine', 'x-api-key', 'content-digest'], owns, set: [['x-set', 'ours']] } as const

  test('nothing of theirs stands where a signature or a trusted value goes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 12 }), (fields) => {
        const incoming = new Headers()
        for (const [one, text] of fields) incoming.append(one, text)
        const built = outbound(incoming, rules)
        // A scheme need not set all that it owns on every call.
        for (const owned of owns) expect(built.headers.has(owned), owned).toBe(false)
        applyEdits(built, {
          set: [
            ['authorization', 'signed'],
            ['x-signature', 'signed'],
          ],
        })
        const sent = Object.fromEntries(built.headers)
        expect(sent['authorization']).toBe('signed')
        expect(sent['x-signature']).toBe('signed')
        expect(sent['x-set']).toBe('ours')
        expect(sent['via']).toBe('1.1 countersign')
        expect(sent['traceparent']).toBe(ours.traceparent)
        expect(sent['cdn-loop']).toMatch(/(?:^|, )edge\.test$/)
        const known = new Set(['authorization', 'cdn-loop', 'via', 'traceparent'])
        for (const one of Object.keys(sent)) {
          expect(known.has(one) || !isProtectedHeader(one), one).toBe(true)
          expect(one).not.toMatch(/_|^x-(?:forwarded|plugipay|amz|real)|^signature|^cookie$|^origin$|^host$/)
        }
      }),
      { numRuns: 5_000 },
    )
  })
})
