import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  byNames,
  connectionNamed,
  contentLength,
  corsRequestHeaders,
  dropsAnswerHeader,
  forwardsRequestHeader,
  isProtectedHeader,
  privateCacheControl,
  repeatsText,
  sameNames,
} from '../../src/core/headers.ts'
import { encodedTimesMax, nameListCharsMax, nameListsMax } from '../../src/core/limits.ts'

const none = { allow: new Set<string>(), owned: new Set<string>() }

describe("a caller's field", () => {
  test.each([
    ...['content-type', 'content-encoding', 'content-language', 'content-digest', 'content-range'],
    ...['accept', 'accept-language', 'accept-encoding', 'if-none-match', 'if-match', 'if-range', 'range'],
    ...['user-agent', 'idempotency-key', 'prefer', 'tracestate', 'baggage'],
  ])('%s goes on', (name) => {
    expect(forwardsRequestHeader(name, none)).toBe(true)
  })

  test.each([
    ...['authorization', 'proxy-authorization', 'cookie', 'cookie2', 'host', 'content-length', 'expect'],
    ...['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'via', 'cdn-loop'],
    ...[
      'forwarded',
      'x-forwarded-for',
      'x-forwarded-host',
      'x-real-ip',
      'true-client-ip',
      'cf-connecting-ip',
    ],
    ...['countersign-key', 'countersign-authorization', 'countersign-anything', 'traceparent', 'origin'],
    ...['x-http-method-override', 'x-original-url', 'x-rewrite-url', 'x-forwarded-uri', 'referer'],
    ...['x-api-key', 'x-amz-date', 'x-amz-security-token', 'signature', 'signature-input'],
    ...['x-plugipay-on-behalf-of', 'x-plugipay-mode', 'x-goog-user-project', 'openai-organization'],
    ...['content_type', 'accept_language', 'accept-_language', 'accept-x.y', 'accept-1', 'x_api_key'],
    ...['__proto__', 'constructor', 'sec-fetch-site', 'x-unknown'],
  ])('H01, H03, H04, H05: %s does not', (name) => {
    expect(forwardsRequestHeader(name, none)).toBe(false)
  })

  test('goes on when the upstream allows it, in its exact name', () => {
    const rules = { ...none, allow: new Set(['x-acme-trace']) }
    expect(forwardsRequestHeader('x-acme-trace', rules)).toBe(true)
    for (const name of ['x_acme_trace', 'x.acme.trace', 'x-acme-trace-2', 'x-acme']) {
      expect(forwardsRequestHeader(name, rules)).toBe(false)
    }
  })

  test('H02: that the scheme sets never goes on, not even when it is allowed', () => {
    const owned = new Set(['content-digest', 'x-api-key', 'accept-signature'])
    const allow = new Set(['x-api-key', 'x.api.key'])
    for (const name of ['content-digest', 'x-api-key', 'x.api.key', 'accept-signature']) {
      expect(forwardsRequestHeader(name, { allow, owned })).toBe(false)
    }
  })
})

describe('a protected name', () => {
  test.each([
    ...['authorization', 'cookie', 'set-cookie', 'forwarded', 'via', 'cdn-loop', 'traceparent', 'host'],
    ...['x-forwarded-for', 'cf-worker', 'proxy-authorization', 'countersign-key', 'connection', 'te'],
    ...['x_api_key', 'x-forwarded_for', 'x.forwarded.for', 'x-forwarded.host', 'cf.connecting.ip'],
    ...['countersign.key', 'transfer.encoding', 'x.real.ip', 'x.http.method.override'],
  ])('H04: is %s, which no configuration may let in', (name) => {
    expect(isProtectedHeader(name)).toBe(true)
  })

  test.each(['x-acme-trace', 'x.acme.trace', 'content-type', 'x-cf', 'x-api-key'])('is not %s', (name) => {
    expect(isProtectedHeader(name)).toBe(false)
  })
})

describe('what Connection names', () => {
  test.each([
    [null, []],
    ['', []],
    ['close', ['close']],
    ['Keep-Alive, X-Internal', ['keep-alive', 'x-internal']],
    [' x-a ,,\tx-b,', ['x-a', 'x-b']],
    ['not a name, x-c', ['x-c']],
    ['x-\u00e9, "x"', []],
  ] as const)('in %j is %j', (value, names) => {
    expect(connectionNamed(value)).toEqual(names)
  })
})

describe("an answer's field", () => {
  test.each([
    ...['connection', 'keep-alive', 'proxy-authenticate', 'trailer', 'transfer-encoding', 'upgrade', 'te'],
    ...['proxy-connection', 'proxy-authentication-info', 'proxy-status'],
    ...['set-cookie', 'clear-site-data', 'service-worker-allowed', 'alt-svc', 'strict-transport-security'],
    ...['report-to', 'nel', 'reporting-endpoints', 'refresh', 'www-authenticate'],
    ...['access-control-allow-origin', 'access-control-allow-credentials', 'access-control-anything'],
    ...['countersign-error', 'countersign-request-id', 'countersign-anything'],
    ...['cdn-cache-control', 'cloudflare-cdn-cache-control', 'surrogate-control'],
  ])('H07, C04, M06: %s is dropped', (name) => {
    expect(dropsAnswerHeader(name)).toBe(true)
  })

  test.each([
    ...['content-type', 'content-length', 'content-encoding', 'content-range', 'etag', 'last-modified'],
    ...['location', 'link', 'retry-after', 'ratelimit', 'x-request-id', 'vary', 'date', '__proto__'],
  ])('M07: %s is not', (name) => {
    expect(dropsAnswerHeader(name)).toBe(false)
  })
})

describe('Cache-Control', () => {
  test.each([
    [null, 'private, no-store'],
    ['', 'private, no-store'],
    ['  ', 'private, no-store'],
    ['public', 'private'],
    ['public, max-age=60', 'private, max-age=60'],
    ['max-age=60', 'private, max-age=60'],
    ['PUBLIC,S-MaxAge=60,max-age=60', 'private, max-age=60'],
    ['no-store', 'no-store'],
    ['private, max-age=60', 'private, max-age=60'],
    ['private, public', 'private'],
    ['no-cache="private", max-age=60', 'private, no-cache="private", max-age=60'],
    ['x-private, max-age=60', 'private, x-private, max-age=60'],
    ['not-no-store', 'private, not-no-store'],
  ])('A07: of %j becomes %j', (value, limited) => {
    expect(privateCacheControl(value)).toBe(limited)
  })

  test('D02: looks at a value of 64 KiB piece by piece', () => {
    const pieces = 'private,'.repeat(8_000)
    expect(privateCacheControl(`${pieces}"`)).toBe('private, "')
    expect(privateCacheControl(`${pieces}x`)).toBe(`${pieces}x`)
  })

  test('A07: never opens an answer to a shared cache, whatever the upstream says', () => {
    const part = fc.constantFrom(
      ...[
        'public',
        'private',
        'no-store',
        's-maxage=9',
        'max-age=9',
        'must-revalidate',
        'x',
        'x-private',
        'Public',
      ],
      ...[
        'no-cache="private"',
        'private="set-cookie"',
        '"',
        '="',
        ',',
        ' ',
        '\t',
        ';',
        '=',
        'no-cache="a, public"',
      ],
    )
    const value = fc
      .array(fc.tuple(part, fc.constantFrom('', ',', ', ', ' ')), { maxLength: 8 })
      .map((parts) => parts.flat().join(''))
    fc.assert(
      fc.property(value, (text) => {
        const limited = privateCacheControl(text)
        // The first directive cannot be inside of a quoted string; in a value without quotes all are what they seem.
        const directives = limited.split(',').map((one) => one.trim().toLowerCase())
        const closed = (one: string | undefined): boolean => one === 'private' || one === 'no-store'
        expect(limited.includes('"') ? closed(directives[0]) : directives.some(closed)).toBe(true)
        expect(directives.filter((one) => /^(?:public|s-maxage)(?:$|[\s=])/.test(one))).toEqual([])
      }),
      { numRuns: 20_000 },
    )
  })
})

test('a preflight lists our own fields, what everybody may send, and what any upstream allows', () => {
  const names = corsRequestHeaders([
    { headers: { allow: new Set(['x-b']) } },
    { headers: { allow: new Set(['x-a']) } },
  ])
  expect(names).toEqual([...names].sort())
  for (const name of [
    'authorization',
    'countersign-authorization',
    'countersign-key',
    'traceparent',
    'accept',
    'accept-language',
    'x-a',
    'x-b',
  ]) {
    expect(names).toContain(name)
  }
  expect(names).not.toContain('cookie')
})

describe('lists of names', () => {
  test('that read the same are one list, and what follows from it is found out once', () => {
    let times = 0
    const count = byNames((names) => {
      times += 1
      return names.length
    })
    const first = sameNames(['accept', 'host'])
    expect(sameNames(['accept', 'host'])).toBe(first)
    expect([count(first), count(sameNames(['accept', 'host']))]).toEqual([2, 2])
    expect(times).toBe(1)
    expect(count(sameNames(['accept', 'host', 'range']))).toBe(3)
  })

  test('are never taken for one another', () => {
    const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9a-z-]{1,4}$/)
    fc.assert(
      fc.property(fc.array(token, { maxLength: 4 }), (names) => {
        expect(sameNames([...names])).toEqual(names)
      }),
      { numRuns: 2_000 },
    )
  })

  test('are remembered up to a length', () => {
    const longest = ['x'.repeat(nameListCharsMax)]
    const longer = ['x'.repeat(nameListCharsMax + 1)]
    expect(sameNames([...longest])).toBe(sameNames([...longest]))
    expect(sameNames([...longer])).not.toBe(sameNames([...longer]))
  })

  test('are remembered up to a number, and then all forgotten', () => {
    const kept = sameNames(['kept'])
    for (let n = 0; n < nameListsMax; n += 1) sameNames([`x-${n}`])
    expect(sameNames(['kept'])).not.toBe(kept)
    expect(sameNames(['kept'])).toEqual(['kept'])
  })
})

test('K05: a text is found as often encoded as a login sends it, and once more is another text', () => {
  const secret = 'a+b c/d%'
  let value = secret
  for (let times = 0; times <= encodedTimesMax; times += 1) {
    expect(repeatsText(`x=${value}&y`, [secret]), value).toBe(true)
    value = encodeURIComponent(value)
  }
  expect(repeatsText(`x=${value}&y`, [secret])).toBe(false)
})

test.each(['a/b"c', 'a\\b/c'])('K05: the text %s is found in JSON and in a quoted string', (secret) => {
  expect(repeatsText(JSON.stringify({ secret }), [secret])).toBe(true)
  expect(repeatsText(`{"secret":"${secret.replaceAll(/[/"\\]/g, '\\$&')}"}`, [secret])).toBe(true)
  expect(repeatsText(JSON.stringify({ secret: 'a/b' }), [secret])).toBe(false)
})

test('K05: a text is found where JSON writes its characters as numbers, also when it looks like one itself', () => {
  const numbered = '{"secret":"a\\u002Bb\\u003d"}'
  for (const value of [numbered, numbered.toLowerCase(), JSON.stringify(numbered)])
    expect(repeatsText(value, ['a+b=']), value).toBe(true)
  expect(repeatsText('{"secret":"a\\u002Db\\u003d"}', ['a+b='])).toBe(false)
  expect(repeatsText(JSON.stringify({ secret: 'a\\u002bb' }), ['a\\u002bb'])).toBe(true)
})

test.each([
  ['0', 0],
  ['17', 17],
  ['9'.repeat(15), 999_999_999_999_999],
  ['9'.repeat(16), null],
  ['', null],
  ['+1', null],
  ['1, 1', null],
  ['1.5', null],
  [null, null],
])('a Content-Length of %j is %j', (value, length) => {
  expect(contentLength(value)).toBe(length)
})

test('K05: what one value repeats, in whatever encoding, all values together repeat as well', () => {
  const secret = 'a+b c/d%'
  const once = encodeURIComponent(secret)
  const form = fc.constantFrom(secret, once, encodeURIComponent(once), once.replaceAll('%20', '+'))
  const noise = fc.string({
    unit: fc.constantFrom('%', '2', '5', '+', 'a', ' ', 'é', '%25', '%C3'),
    maxLength: 6,
  })
  fc.assert(
    fc.property(fc.array(noise), noise, form, noise, fc.array(noise), (before, left, found, right, after) => {
      const value = left + found + right
      fc.pre(repeatsText(value, [secret]))
      expect(repeatsText([...before, value, ...after].join('\n'), [secret])).toBe(true)
    }),
    { numRuns: 5_000 },
  )
})
