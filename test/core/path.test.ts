import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { urlBytesMax } from '../../src/core/limits.ts'
import { joinUpstreamUrl, parseRequestPath, type RequestPath, splitUrl } from '../../src/core/path.ts'
import { readVectors, vectorsAreThere, withoutVectors } from '../signing/vectors.ts'
import { codeOf } from './refused.ts'

const edge = 'https://edge.test'
const parse = (path: string): RequestPath => parseRequestPath(`${edge}${path}`)

/** What becomes of a path: forwarded by all, only where `encodedPath: 'allow'`, or by none. */
const fate = (path: string): 'all' | 'allow' | 'none' => {
  const code = codeOf(() => parse(path))
  if (code !== null) {
    expect(code).toBe('path_invalid')
    return 'none'
  }
  return parse(path).ambiguity === null ? 'all' : 'allow'
}

describe('a URL', () => {
  test.each([
    ['/up', 'up', '', ''],
    ['/up/', 'up', '/', ''],
    ['/up/a/b', 'up', '/a/b', ''],
    ['/up/a/?x=1', 'up', '/a/', '?x=1'],
    ['/up?x=/orders', 'up', '', '?x=/orders'],
    ['/up/a?', 'up', '/a', '?'],
    ['/up/a?b?c/../d', 'up', '/a', '?b?c/../d'],
    ['/', '', '', ''],
    ['', '', '', ''],
    ['?x', '', '', '?x'],
  ])('"%s" is cut into upstream, path and query byte for byte', (sent, upstream, path, query) => {
    expect(parse(sent)).toEqual({ upstream, path, query, ambiguity: null })
  })

  test('is read from its text, whatever its authority looks like', () => {
    expect(splitUrl('http://user:pw@[::1]:8787/up/x?y')).toEqual({ pathname: '/up/x', query: '?y' })
    expect(splitUrl('http://edge.test?x=/api')).toEqual({ pathname: '', query: '?x=/api' })
    expect(splitUrl('http://edge.test')).toEqual({ pathname: '', query: '' })
  })

  test('may be as long as the limit, and no longer', () => {
    const room = urlBytesMax - `${edge}/up/`.length
    expect(fate(`/up/${'a'.repeat(room)}`)).toBe('all')
    expect(fate(`/up/${'a'.repeat(room + 1)}`)).toBe('none')
  })
})

describe('every upstream gets', () => {
  test.each([
    '/up/orders',
    '/up/ORDERS',
    '/up/a.b/..c/d../.../x',
    "/up/~u/-_.!$&'()*+,=:@",
    '/up/caf%C3%A9',
    '/up/caf%c3%a9',
    '/up/a%20b',
    '/up/a%25b',
    '/up/%252e%252e/admin',
    '/up/orders%23frag',
    '/up/orders%3fx=1',
    '/up/orders%3Bx',
    '/up/a%2Cb',
    '/up//'.slice(0, -1),
  ])('%s', (path) => {
    expect(fate(path)).toBe('all')
  })
})

describe("only an upstream with encodedPath: 'allow' gets", () => {
  test.each([
    ['an encoded slash', '/up/a%2Fb'],
    ['an encoded slash in lower case', '/up/a%2fb'],
    ['an encoded backslash', '/up/a%5Cb'],
    ['an encoded dot inside of a name', '/up/a%2Ejson'],
    ['an encoded lower-case letter', '/up/%61dmin'],
    ['an encoded upper-case letter', '/up/%41dmin'],
    ['an encoded digit', '/up/%31'],
    ['an encoded hyphen', '/up/a%2db'],
    ['an encoded underscore', '/up/a%5Fb'],
    ['an encoded tilde', '/up/%7Eu'],
    ['an empty segment', '/up//a'],
    ['an empty segment inside', '/up/a//b'],
    ['empty segments at the end', '/up/a//'],
    ['a semicolon', '/up/a;b'],
    ['path parameters', '/up/orders;jsessionid=1/x'],
    ['a lone percent sign', '/up/orders%'],
    ['a short escape', '/up/orders%2'],
    ['an escape that is not hexadecimal', '/up/%zz'],
    ['an IIS escape', '/up/%u002e'],
    ['escapes that are not UTF-8', '/up/%ff'],
    ['overlong UTF-8 behind a name', '/up/orders%c0%ae'],
    ['a surrogate as UTF-8', '/up/%ed%a0%80'],
  ])('%s: %s', (_what, path) => {
    expect(fate(path)).toBe('allow')
  })
})

describe('no upstream gets', () => {
  test.each([
    ['a dot segment', '/up/./a'],
    ['a parent segment', '/up/../admin'],
    ['a parent segment at the end', '/up/orders/..'],
    ['a parent segment before anything', '/..'],
    ['an encoded parent segment', '/up/%2e%2e/admin'],
    ['one in mixed case', '/up/%2E%2e/admin'],
    ['one that is half encoded', '/up/.%2e/admin'],
    ['one half encoded the other way', '/up/%2E./admin'],
    ['an encoded dot segment', '/up/%2e/admin'],
    ['one behind an encoded slash', '/up/a%2f..%2fadmin'],
    ['one before an encoded slash', '/up/..%2fadmin'],
    ['one between encoded slashes, all encoded', '/up/%2e%2e%2fadmin'],
    ['one before an encoded backslash', '/up/..%5cadmin'],
    ['one behind an encoded backslash', '/up/a%5C%2E%2e'],
    ['one with path parameters', '/up/..;/admin'],
    ['one with named path parameters', '/up/..;a=b/admin'],
    ['an encoded one with path parameters', '/up/%2e%2e;x/admin'],
    ['one before an encoded semicolon', '/up/..%3b/admin'],
    ['one before an encoded semicolon in upper case', '/up/..%3Bx'],
    ['one in overlong UTF-8', '/up/%c0%ae%c0%ae/admin'],
    ['one before an overlong slash', '/up/..%C0%AFadmin'],
    ['an encoded NUL', '/up/orders%00'],
    ['an encoded newline', '/up/a%0d%0ax'],
    ['an encoded unit separator', '/up/%1f'],
    ['an encoded DEL', '/up/%7f'],
    ['a backslash', '/up/a\\b'],
    ['a backslash instead of the slash', '/up\\evil.test'],
    ['a NUL', '/up/a\0'],
    ['a newline', '/up/or\nders'],
    ['a line break with a header behind it', '/up/orders\r\nX-A: 1'],
    ['a tab', '/up/a\tb'],
    ['a space', '/up/orders '],
    ['full-width dots', '/up/\uff0e\uff0e/admin'],
    ['letters outside of ASCII', '/up/café'],
    ['a quote', '/up/"a"'],
    ['angle brackets', '/up/<a>'],
    ['a brace', '/up/{a}'],
    ['a bracket', '/up/[a]'],
    ['a pipe', '/up/a|b'],
    ['a caret', '/up/a^b'],
    ['a backtick', '/up/`a`'],
    ['a fragment', '/up/a#b'],
    ['a fragment in the query', '/up/a?b#c'],
    ['an apostrophe in the query, which fetch would encode', "/up/a?b='c'"],
    ['a quote in the query', '/up/a?b="c"'],
    ['a space in the query', '/up/a?b c'],
    ['angle brackets in the query', '/up/a?<b>'],
    ['a control in the query', '/up/a?b\u0001'],
    ['letters outside of ASCII in the query', '/up/a?b=é'],
  ])('%s: %j', (_what, path) => {
    expect(fate(path)).toBe('none')
  })
})

describe.skipIf(!vectorsAreThere('path-and-ssrf'))(
  `P04, S01: the paths of path-and-ssrf${withoutVectors('path-and-ssrf')}`,
  () => {
    const { base, cases: written } = (
      vectorsAreThere('path-and-ssrf') ? readVectors('path-and-ssrf/paths.json') : { base: '', cases: [] }
    ) as { base: string; cases: { id: string; raw: string; what: string }[] }
    // The data file abbreviates its longest row.
    const cases = written.map((row) =>
      row.raw.endsWith('...(4001 chars)') ? { ...row, raw: '/a'.repeat(2_000) } : row,
    )
    const { origin, pathname } = URL.parse(base) ?? { origin: '', pathname: '' }

    /** Those that mean one thing to everybody. */
    const forwarded = [
      'path-01',
      'path-03',
      'path-09',
      'path-29',
      'path-39',
      'path-41',
      'path-43',
      'path-61',
      'path-63',
    ]

    test('are all there', () => {
      expect(cases).toHaveLength(32)
    })

    test.each(cases)('$id ($what) goes to the configured host as it stands, or nowhere', ({ id, raw }) => {
      const outcome = fate(`/up${raw}`)
      // What does not begin with a slash only makes another name of an upstream.
      const named = outcome === 'none' ? '' : parse(`/up${raw}`).upstream
      expect(outcome === 'all' && named === 'up').toBe(forwarded.includes(id))
      if (outcome === 'none' || named !== 'up') return
      const { path, query } = parse(`/up${raw}`)
      const url = joinUpstreamUrl(origin, `${pathname}${path}`, query)
      expect(url).toBe(`${base}${raw}`)
      expect(new URL(url).origin).toBe(origin)
    })
  },
)

describe('whatever is accepted', () => {
  const odd = [
    ...[
      '/',
      '//',
      '.',
      '..',
      '...',
      '%2e',
      '%2E',
      '%2f',
      '%2F',
      '%5c',
      '\\',
      ';',
      '%3b',
      '%00',
      '%0a',
      '%7f',
    ],
    ...['a', 'B', '7', '~', '%61', '%', '%z', '%2', '%25', '%252e', '%c3%a9', '%c0%ae', '%c0%af', '%ff', 'é'],
    ...[':', '@', '?', '#', ' ', '\t', '\n', "'", '"', '<', '&', '=', '+', '*', '[', '|', '^', '`', '\uff0e'],
    ...['/../', '/./', '/..;', '%2e%2e', 'evil.test', '://', '@evil.test', ':8443'],
  ]
  const tail = fc.oneof(
    fc.array(fc.constantFrom(...odd), { maxLength: 12 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 30 }),
  )
  const origins = fc.constantFrom('https://api.up.test', 'https://api.up.test:8443', 'http://127.0.0.1:9000')
  const bases = fc.constantFrom('', '/v1', '/a/b%20c')

  /** How the most careless upstream might read a path: everything decoded, every slash a slash. */
  const carelessly = (path: string): readonly string[] =>
    path
      .replace(/%([0-9a-f]{2})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .split(/[/\\]/)
      .map((segment) => segment.replace(/;.*$/s, ''))

  test('is sent as it stands, to the configured origin, under the base path', () => {
    let accepted = 0
    fc.assert(
      fc.property(tail, origins, bases, (sent, origin, base) => {
        const url = `${edge}/up/${sent}`
        const code = codeOf(() => parseRequestPath(url))
        if (code !== null) {
          expect(code).toBe('path_invalid')
          return
        }
        const { upstream, path, query } = parseRequestPath(url)
        expect(`${edge}/${upstream}${path}${query}`).toBe(url)
        const text = joinUpstreamUrl(origin, `${base}${path}`, query)
        accepted += 1
        expect(text).toBe(`${origin}${base}${path}${query}`)
        const parsed = new URL(text)
        expect(parsed.href).toBe(text)
        expect(parsed.origin).toBe(origin)
        expect(parsed.pathname.startsWith(`${base}/`)).toBe(true)
        expect(parsed.hash).toBe('')
        expect(new Request(text).url).toBe(text)
      }),
      { numRuns: 20_000 },
    )
    expect(accepted).toBeGreaterThan(500)
  })

  test('holds no dot segment, however carelessly it is decoded', () => {
    fc.assert(
      fc.property(tail, (sent) => {
        const url = `${edge}/up/${sent}`
        if (codeOf(() => parseRequestPath(url)) !== null) return
        for (const segment of carelessly(parseRequestPath(url).path)) expect(segment).not.toMatch(/^\.{1,2}$/)
      }),
      { numRuns: 20_000 },
    )
  })

  test('without ambiguity means the same decoded and encoded anew', () => {
    fc.assert(
      fc.property(tail, (sent) => {
        const url = `${edge}/up/${sent}`
        if (codeOf(() => parseRequestPath(url)) !== null) return
        const { path, ambiguity } = parseRequestPath(url)
        if (ambiguity !== null) return
        const decoded = decodeURIComponent(path)
        expect(decoded.split('/').length).toBe(path.split('/').length)
        expect(path).not.toMatch(/;|\/\//)
        expect(decoded).not.toMatch(/[\0-\x1f\x7f\\]/)
      }),
      { numRuns: 10_000 },
    )
  })
})

test('joining asserts that the URL standard reads the text as it stands', () => {
  expect(joinUpstreamUrl('https://up.test', '', '')).toBe('https://up.test/')
  expect(joinUpstreamUrl('https://up.test', '/a', '?')).toBe('https://up.test/a?')
  for (const path of ['/a/../b', '/é', '/a b', '@evil.test/', ':8443/x', '.evil.test/']) {
    expect(codeOf(() => joinUpstreamUrl('https://up.test', path, ''))).toBe('path_invalid')
  }
})
