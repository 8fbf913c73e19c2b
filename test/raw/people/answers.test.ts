/** What every answer that Countersign makes for itself carries: its id, the code of a refusal, and how it varies. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  Browser,
  csrfOf,
  form,
  type PeopleEdge,
  shopOrigin,
  signedInBrowser,
  startPeopleEdge,
} from './edge.ts'

let edge: PeopleEdge
let lin: Browser
beforeAll(async () => {
  edge = await startPeopleEdge()
  lin = await signedInBrowser(edge, 'lin')
})
afterAll(() => edge[Symbol.asyncDispose]())

/** `404 not_found`; the code is that of a problem or, where people and clients sign in, of OAuth. */
const refusalOf = ({ status, headers }: Response): string => `${status} ${headers.get('countersign-error')}`

const get = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${edge.url}${path}`, { redirect: 'manual', ...init })

describe('a page that refuses says so with a code, as every other answer does', () => {
  const pages: readonly (readonly [refusal: string, () => Promise<Response>])[] = [
    ['400 invalid_request', () => get('/oauth/authorize?client_id=nobody')],
    ['403 access_denied', () => get('/oauth/sign-in/callback?code=a&state=b')],
    [
      '403 access_denied',
      async () => {
        const browser = new Browser()
        const { url } = await browser.visit(`${edge.url}/oauth/sign-in/start`)
        return (await browser.visit(`${url}&person=guest`)).response
      },
    ],
    ['403 access_denied', () => new Browser().post(`${edge.url}/oauth/sign-in`, { key: 'wrong' })],
    [
      '403 origin_not_allowed',
      () => new Browser().post(`${edge.url}/oauth/sign-in`, {}, { origin: shopOrigin }),
    ],
    ['403 origin_not_allowed', () => lin.post(`${edge.url}/dashboard/tokens`, { csrf: 'wrong' })],
    ['404 not_found', () => lin.open(`${edge.url}/device?user_code=BBBB-BBBB`)],
    [
      '400 request_invalid',
      async () => {
        const csrf = await csrfOf(await lin.open(`${edge.url}/dashboard/tokens`))
        return lin.post(`${edge.url}/dashboard/tokens`, { csrf, team: 'checkout', name: '' })
      },
    ],
    [
      '404 not_found',
      async () => {
        const csrf = await csrfOf(await lin.open(`${edge.url}/dashboard/tokens`))
        return lin.post(`${edge.url}/dashboard/tokens`, { csrf, team: 'checkout', revoke: 'unknown' })
      },
    ],
    [
      '413 body_too_large',
      () => new Browser().post(`${edge.url}/oauth/sign-in`, { key: 'x'.repeat(20_000) }),
    ],
    ['404 not_found', () => get('/problems/nonsense')],
  ]

  it.each(pages)('%s', async (refusal, ask) => {
    const response = await ask()
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(refusalOf(response)).toBe(refusal)
  })

  it('D03: and one that was asked for too often says when to come back', async () => {
    const kim = await signedInBrowser(edge, 'kim')
    const asked: Response[] = []
    for (let asks = 0; asks <= 30; asks += 1) asked.push(await kim.open(`${edge.url}/device?user_code=X`))
    const last = asked.at(-1)
    expect(last && refusalOf(last)).toBe('429 rate_limited')
    expect(last?.headers.get('retry-after')).toBe('600')
  })
})

describe('C02: every answer of our own has an id, and Vary: Origin once', () => {
  it.each([
    '/',
    '/healthz',
    '/readyz',
    '/problems',
    '/problems/rate_limited',
    '/problems/nonsense',
    '/openapi.json',
    '/docs',
    '/dashboard',
    '/dashboard/tokens',
    '/device',
    '/oauth/authorize',
    '/oauth/sign-in',
    '/oauth/sign-in/start',
    '/oauth/sign-out',
    '/oauth/token',
    '/oauth/nothing',
    '/.well-known/jwks.json',
    '/.well-known/oauth-authorization-server',
    '/api/whoami',
    '/api/nothing',
    '/orders/orders',
    '/nothing/x',
  ])('%s', async (path) => {
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS']) {
      for (const headers of [{}, { origin: shopOrigin }, { origin: 'https://evil.test' }]) {
        const response = await get(path, { method, headers })
        await response.body?.cancel()
        const { status } = response
        const seen = {
          id: response.headers.get('countersign-request-id') !== null,
          vary: response.headers.get('vary'),
          refused: response.headers.get('countersign-error') !== null,
        }
        expect(seen, `${method} ${status}`).toEqual({ id: true, vary: 'Origin', refused: status >= 400 })
      }
    }
  })

  it('of the token service, with CORS for the origins of clients', async () => {
    const answer = await form(edge, '/oauth/token', { grant_type: 'none' })
    expect([refusalOf(answer), answer.headers.get('vary')]).toEqual(['400 unsupported_grant_type', 'Origin'])
  })
})
