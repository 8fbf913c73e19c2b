import { describe, expect, test } from 'vitest'
import { oauthBodyBytesMax } from '../../../src/core/limits.ts'
import { Refusal } from '../../../src/core/problems.ts'
import { readForm } from '../../../src/http/pages/form.ts'
import { PageRefusal } from '../../../src/http/pages/page.ts'
import type { Session } from '../../../src/http/sign-in/session.ts'

const url = 'https://edge.test'
const csrf = '0123456789abcdef'.repeat(4)
const session: Session = {
  grantId: 'session:made-up',
  person: { subject: 'ana', team: 'checkout', role: 'member' },
  expiresAt: 1_800_000_000,
  csrf,
}

/** As a browser sends a form of one of our own pages. */
const ours = {
  'sec-fetch-site': 'same-origin',
  origin: url,
  'content-type': 'application/x-www-form-urlencoded',
}

interface Changes {
  /** null leaves a header out. */
  readonly headers?: Readonly<Record<string, string | null>>
  readonly query?: string
}

const posted = (
  body: string | Uint8Array | ReadableStream | null,
  { headers = {}, query = '' }: Changes = {},
): Request => {
  const sent = Object.entries({ ...ours, ...headers }).flatMap(([name, value]) =>
    value === null ? [] : [[name, value] as [string, string]],
  )
  const init = { method: 'POST', body, headers: sent, duplex: 'half' }
  const request = new Request(`${url}/device${query}`, init as RequestInit)
  // A text brings a type of its own where none is given.
  if (headers['content-type'] === null) request.headers.delete('content-type')
  return request
}

/** The form as it was read, or why it was refused: a page's reason, or a code. */
const read = async (request: Request, who: Session | null = session): Promise<string> => {
  try {
    return String(await readForm(request, url, who))
  } catch (error) {
    if (error instanceof Refusal) return error.code
    if (!(error instanceof PageRefusal)) throw error
    expect(error.failure.error).toBe('origin_not_allowed')
    expect(error.failure.text).not.toContain(csrf)
    return error.failure.reason
  }
}

const form = `csrf=${csrf}&code=ABCD`

describe('A03: a form', () => {
  test.each<[string, Readonly<Record<string, string | null>>]>([
    ['a page of ours', {}],
    ['one, by a browser that sends no Origin with it', { origin: null }],
    ['one, by a browser that knows no Sec-Fetch-Site', { 'sec-fetch-site': null }],
  ])('from %s is read', async (_what, headers) => {
    expect(await read(posted(form, { headers }))).toBe(form)
  })

  test.each<[string, Readonly<Record<string, string | null>>]>([
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['a sibling of our host', { 'sec-fetch-site': 'same-site' }],
    ['no page at all', { 'sec-fetch-site': 'none' }],
    ['a Sec-Fetch-Site that no browser sends', { 'sec-fetch-site': 'same-origin, cross-site' }],
    ['a program, which sends neither header', { 'sec-fetch-site': null, origin: null }],
    ['another Origin', { origin: 'https://evil.test' }],
    ['another Origin, without Sec-Fetch-Site', { 'sec-fetch-site': null, origin: 'https://evil.test' }],
    ['an opaque Origin', { 'sec-fetch-site': null, origin: 'null' }],
    ['our host over http', { origin: 'http://edge.test' }],
    ['our host at another port', { origin: 'https://edge.test:8443' }],
    ['an Origin that begins as ours does', { origin: 'https://edge.test.evil.test' }],
  ])('from %s is refused, and its body is not read', async (_what, headers) => {
    for (const who of [session, null]) {
      const request = posted(form, { headers })
      expect(await read(request, who)).toBe('form refused: Sec-Fetch-Site or Origin')
      expect(request.bodyUsed).toBe(false)
    }
  })

  test.each([
    ['nothing', 'code=ABCD'],
    ['an empty one', 'csrf=&code=ABCD'],
    ['that of another session', `csrf=${csrf.replace('0', '1')}`],
    ['its beginning', `csrf=${csrf.slice(0, -1)}`],
    ['more than it', `csrf=${csrf}0`],
    ['it in other letters', `csrf=${csrf.toUpperCase()}`],
    ['it under another name', `CSRF=${csrf}`],
    ['it behind a wrong one', `csrf=x&csrf=${csrf}`],
  ])('whose csrf token is %s is refused', async (_what, body) => {
    expect(await read(posted(body))).toBe('form refused: csrf token')
  })

  test('has its csrf token in the body: one in the query does not count', async () => {
    expect(await read(posted('code=ABCD', { query: `?csrf=${csrf}` }))).toBe('form refused: csrf token')
  })

  test('needs no csrf token where nobody is signed in', async () => {
    expect(await read(posted('key=made-up'), null)).toBe('key=made-up')
    expect(await read(posted(null), null)).toBe('')
  })

  test('keeps every value of a name that was sent twice, in order', async () => {
    expect(await read(posted(`${form}&scope=a&scope=b`))).toBe(`${form}&scope=a&scope=b`)
  })
})

describe('the body of a form', () => {
  test.each(['application/x-www-form-urlencoded; charset=UTF-8', 'Application/X-WWW-Form-Urlencoded'])(
    'may be said to be %s',
    async (type) => {
      expect(await read(posted(form, { headers: { 'content-type': type } }))).toBe(form)
    },
  )

  test.each([
    'text/plain',
    'application/json',
    'multipart/form-data; boundary=x',
    'x-www-form-urlencoded',
    null,
  ])('that is said to be %s is refused unread, whoever is signed in', async (type) => {
    for (const who of [session, null]) {
      const request = posted(form, { headers: { 'content-type': type } })
      expect(await read(request, who)).toBe('form refused: not a form')
      expect(request.bodyUsed).toBe(false)
    }
  })

  test('may be as large as the bound and no larger, whether it says so or not', async () => {
    const largest = `${form}&pad=`.padEnd(oauthBodyBytesMax, 'x')
    expect(await read(posted(largest))).toBe(largest)
    expect(await read(posted(new Blob([largest]).stream()))).toBe(largest)
    expect(await read(posted(`${largest}x`))).toBe('body_too_large')
    expect(await read(posted(new Blob([`${largest}x`]).stream()))).toBe('body_too_large')
    const declared = { 'content-length': String(oauthBodyBytesMax + 1) }
    expect(await read(posted(new Blob([form]).stream(), { headers: declared }))).toBe('body_too_large')
  })

  test('that is not UTF-8 is refused', async () => {
    expect(await read(posted(Uint8Array.of(0x61, 0x3d, 0xff)))).toBe('request_invalid')
  })
})
