/** Signing in, sessions, and what no other site may do with them, from outside. */
import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  adminKey,
  Browser,
  beginDevice,
  csrfOf,
  decide,
  failure,
  form,
  issued,
  type PeopleEdge,
  poll,
  refresh,
  shopRedirect,
  signedInBrowser,
  startPeopleEdge,
} from './edge.ts'

let edge: PeopleEdge
let tokens: string
beforeAll(async () => {
  edge = await startPeopleEdge()
  tokens = `${edge.url}/dashboard/tokens`
})
afterAll(() => edge[Symbol.asyncDispose]())

const bodyOf = async (response: Response): Promise<string> => {
  expect(response.status).toBe(200)
  return response.text()
}

const withKey = async (key = adminKey, at = edge): Promise<readonly [Browser, Response]> => {
  const browser = new Browser()
  return [browser, await browser.post(`${at.url}/oauth/sign-in`, { key, next: '/dashboard/tokens' })]
}

describe('signing in with the provider', () => {
  it('makes a person of the claims: team and role', async () => {
    const lin = await signedInBrowser(edge, 'lin')
    expect(await bodyOf(await lin.open(tokens))).toContain('signin/lin')
    expect(await bodyOf(await lin.open(tokens))).not.toContain('For a service')
    expect(await bodyOf(await (await signedInBrowser(edge, 'kim')).open(tokens))).toContain('For a service')
  })

  it('sets a cookie that scripts and other sites do not get', async () => {
    const browser = new Browser()
    const { url } = await browser.visit(`${edge.url}/oauth/sign-in/start`)
    const back = await browser.open(`${url}&person=lin`)
    const entered = await browser.open(back.headers.get('location') ?? '')
    const cookie = entered.headers.getSetCookie().find((one) => one.startsWith('countersign-session='))
    expect(cookie).toMatch(
      /^countersign-session=csp_[0-9A-Za-z]{43}; Path=\/; Max-Age=28800; HttpOnly; SameSite=Lax$/,
    )
  })

  it('lets nobody in who belongs to no team, and says so', async () => {
    await expect(signedInBrowser(edge, 'guest')).rejects.toThrow('not signed in: 403')
    await expect(signedInBrowser(edge, 'guest')).rejects.toThrow('names no team')
  })

  it('refuses an answer that another browser, or another provider, began', async () => {
    const victim = new Browser()
    const attacker = new Browser()
    const { url } = await attacker.visit(`${edge.url}/oauth/sign-in/start`)
    const back = (await attacker.open(`${url}&person=lin`)).headers.get('location') ?? ''
    expect((await victim.open(back)).status).toBe(403)
    await victim.visit(`${edge.url}/oauth/sign-in/start`)
    expect((await victim.open(back)).status).toBe(403)
    const altered = new URL(back)
    altered.searchParams.set('iss', 'https://evil.test')
    expect((await attacker.open(altered.href)).status).toBe(403)
    expect(victim.cookie(edge.url)).toBeUndefined()
  })

  it('refuses an answer that comes twice', async () => {
    const browser = new Browser()
    const { url } = await browser.visit(`${edge.url}/oauth/sign-in/start`)
    const back = (await browser.open(`${url}&person=lin`)).headers.get('location') ?? ''
    expect((await browser.open(back)).status).toBe(303)
    expect((await browser.open(back)).status).toBe(403)
  })

  it('ends the session that was there before', async () => {
    const browser = await signedInBrowser(edge, 'lin')
    const first = browser.cookie(edge.url)
    const { url } = await browser.visit(`${edge.url}/oauth/sign-in/start`)
    await browser.visit(`${url}&person=kim`)
    const old = await fetch(tokens, {
      redirect: 'manual',
      headers: { cookie: `countersign-session=${first}` },
    })
    expect(old.status).toBe(303)
  })
})

describe('signing in with the admin key', () => {
  it('opens a session of an hour', async () => {
    const [browser, answer] = await withKey()
    expect(answer.status).toBe(303)
    expect(answer.headers.get('set-cookie')).toMatch(/csa_.*Max-Age=3600/)
    expect(await bodyOf(await browser.open(tokens))).toContain('admin-key')
  })

  it.each(['wrong', '', `${adminKey}x`])('is not opened by %j', async (key) => {
    const [browser, answer] = await withKey(key)
    expect(answer.status).toBe(403)
    expect(browser.cookie(edge.url)).toBeUndefined()
  })

  it('logs in a terminal, which administers and calls nothing', async () => {
    const [browser] = await withKey()
    const device = await beginDevice(edge)
    await decide(browser, device)
    const login = await issued(await poll(edge, device, { resource: `${edge.url}/api` }))
    expect(await failure(await refresh(edge, login.refresh_token))).toBe('400 invalid_target')
  })

  it('ends with the key: with another one, neither session nor login is good', async () => {
    const first = await startPeopleEdge()
    const port = Number(new URL(first.url).port)
    const [browser] = await withKey(adminKey, first)
    const device = await beginDevice(first)
    await decide(browser, device)
    const login = await issued(await poll(first, device, { resource: `${first.url}/api` }))
    const lin = await signedInBrowser(first, 'lin')
    const { stateFolder } = first
    const keep = { stateFolder, port }
    await first.stop()
    await using second = await startPeopleEdge({ ...keep, adminKey: `another-${adminKey}` })
    expect((await browser.open(`${second.url}/dashboard/tokens`)).status).toBe(303)
    expect(await failure(await refresh(second, login.refresh_token))).toBe('400 invalid_grant')
    expect((await lin.open(`${second.url}/dashboard/tokens`)).status).toBe(200)
    await rm(stateFolder, { recursive: true, force: true })
  })
})

describe('a session', () => {
  it('ends with signing out, at once', async () => {
    const lin = await signedInBrowser(edge, 'lin')
    const cookie = lin.cookie(edge.url)
    const csrf = await csrfOf(await lin.open(tokens))
    expect((await lin.open(`${edge.url}/oauth/sign-out`)).status).toBe(200)
    expect((await lin.open(tokens)).status).toBe(200)
    expect((await lin.post(`${edge.url}/oauth/sign-out`, { csrf })).status).toBe(200)
    expect(lin.cookie(edge.url)).toBeUndefined()
    const old = await fetch(tokens, {
      redirect: 'manual',
      headers: { cookie: `countersign-session=${cookie}` },
    })
    expect(old.headers.get('location')).toContain('/oauth/sign-in')
  })

  it('ends with its person', async () => {
    edge.people['eve'] = { team: 'checkout' }
    const eve = await signedInBrowser(edge, 'eve')
    await fetch(`${edge.url}/api/revocations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ team: 'checkout', subject: 'signin/eve', issuer: 'countersign' }),
    })
    expect((await eve.open(tokens)).status).toBe(303)
  })

  it('is not taken from a cookie that stands there twice, or is made up', async () => {
    const lin = await signedInBrowser(edge, 'lin')
    const good = `countersign-session=${lin.cookie(edge.url)}`
    const made = `countersign-session=csp_${'a'.repeat(43)}`
    for (const cookie of [`${made}; ${good}`, `${good}; ${good}`, made, 'countersign-session=']) {
      const answer = await fetch(tokens, { redirect: 'manual', headers: { cookie } })
      expect(answer.status).toBe(303)
    }
  })
})

describe('A03: what did not come from a page of ours has no effect', () => {
  it.each([
    ['from another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.test' }],
    ['from a neighbour', { 'sec-fetch-site': 'same-site', origin: 'https://evil.edge.test' }],
    ['from nowhere', { origin: 'null' }],
    ['from the address bar', { 'sec-fetch-site': 'none' }],
    ['as text', { 'content-type': 'text/plain' }],
    ['as JSON', { 'content-type': 'application/json' }],
    ['without a type', { 'content-type': '' }],
  ])('%s: 403', async (_where, headers) => {
    const lin = await signedInBrowser(edge, 'lin')
    const device = await beginDevice(edge)
    const csrf = await csrfOf(await lin.open(device.verification_uri_complete))
    const fields = { csrf, user_code: device.user_code, decision: 'approve' }
    expect((await lin.post(`${edge.url}/device`, fields, headers)).status).toBe(403)
    expect((await lin.post(tokens, { csrf, name: 'x' }, headers)).status).toBe(403)
    expect((await lin.post(`${edge.url}/oauth/sign-out`, { csrf }, headers)).status).toBe(403)
    expect((await lin.post(`${edge.url}/oauth/sign-in`, { key: adminKey }, headers)).status).toBe(403)
    expect(await failure(await poll(edge, device))).toBe('400 authorization_pending')
    expect((await lin.open(tokens)).status).toBe(200)
  })

  it('with no token, or one of another session: 403', async () => {
    const lin = await signedInBrowser(edge, 'lin')
    const other = await csrfOf(await (await signedInBrowser(edge, 'kim')).open(tokens))
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: 'shop',
      redirect_uri: shopRedirect,
      code_challenge: createHash('sha256').update('x').digest('base64url'),
      code_challenge_method: 'S256',
    })
    for (const csrf of ['', other, 'x']) {
      const device = await beginDevice(edge)
      const fields = { csrf, user_code: device.user_code, decision: 'approve' }
      expect((await lin.post(`${edge.url}/device`, fields)).status).toBe(403)
      const consent = `${edge.url}/oauth/authorize?${query}`
      expect((await lin.post(consent, { csrf, decision: 'approve' })).status).toBe(403)
    }
  })
})

it('/dashboard leads to the page that there is', async () => {
  const { status, headers } = await new Browser().open(`${edge.url}/dashboard`)
  expect([status, headers.get('location')]).toEqual([303, '/dashboard/tokens'])
})

describe('A05, C05: every page', () => {
  it.each(['/oauth/sign-in', '/device', '/dashboard/tokens', '/oauth/sign-out', '/oauth/authorize'])(
    '%s is framed by nobody, styled and scripted by nothing else, and kept by no cache',
    async (path) => {
      const lin = await signedInBrowser(edge, 'lin')
      const browser = path === '/oauth/sign-in' ? new Browser() : lin
      const { headers } = await browser.open(`${edge.url}${path}`)
      const policy = headers.get('content-security-policy') ?? ''
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).toContain("base-uri 'none'")
      expect(policy).not.toContain('unsafe')
      expect(policy).not.toContain('script-src')
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('cache-control')).toBe('private, no-store')
      expect(headers.get('access-control-allow-origin')).toBeNull()
    },
  )
})

describe('A04: text from outside is text', () => {
  const naughty = `<img src=x onerror=alert(1)>"'&{{7*7}}</title>`

  it('in the name of a token, in codes, in errors', async () => {
    const lin = await signedInBrowser(edge, 'lin')
    const csrf = await csrfOf(await lin.open(tokens))
    const made = await lin.post(tokens, { csrf, name: naughty, scope: 'orders:order:read', expiresIn: '30d' })
    expect(made.status).toBe(201)
    const pages = [
      await made.text(),
      await (await lin.open(`${edge.url}/device?user_code=${encodeURIComponent(naughty)}`)).text(),
      await (await lin.open(`${edge.url}/oauth/sign-in?next=${encodeURIComponent(naughty)}`)).text(),
      await (await lin.open(`${edge.url}/oauth/authorize?client_id=${encodeURIComponent(naughty)}`)).text(),
    ]
    for (const page of pages) expect(page).not.toContain('<img')
    expect(pages[0]).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;')
  })

  it('in the subject and the team of a person', async () => {
    edge.people[naughty] = { team: 'checkout' }
    const browser = await signedInBrowser(edge, naughty)
    expect(await bodyOf(await browser.open(tokens))).not.toContain('<img')
  })
})

describe('A08: where a sign-in leads', () => {
  it.each([
    '//evil.test',
    '/\\evil.test',
    'https://evil.test/',
    '/device\\@evil.test',
    '/device/../..//evil.test',
    '/plugipay/x',
    'device',
    '/device?\r\nset-cookie: a=b',
    'javascript:alert(1)',
    `/device?${'a'.repeat(2_900)}`,
  ])('%j is not followed', async (next) => {
    const lin = await signedInBrowser(edge, 'lin')
    const answer = await lin.open(`${edge.url}/oauth/sign-in?next=${encodeURIComponent(next)}`)
    expect(answer.headers.get('location')).toBe('/dashboard/tokens')
  })

  it.each([
    '/device?user_code=BBBB-BBBB',
    '/oauth/authorize?redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2F&state=b.c',
    '/dashboard/tokens',
  ])('%s is', async (next) => {
    const lin = await signedInBrowser(edge, 'lin')
    const answer = await lin.open(`${edge.url}/oauth/sign-in?next=${encodeURIComponent(next)}`)
    expect(answer.headers.get('location')).toBe(next)
    const browser = new Browser()
    const { url } = await browser.visit(`${edge.url}/oauth/sign-in/start?next=${encodeURIComponent(next)}`)
    const back = (await browser.open(`${url}&person=lin`)).headers.get('location') ?? ''
    expect((await browser.open(back)).headers.get('location')).toBe(next)
  })
})

describe('the page of tokens', () => {
  it('makes a token that works, shows it once, lists it and revokes it', async () => {
    const lin = await signedInBrowser(edge, 'lin')
    const csrf = await csrfOf(await lin.open(tokens))
    const fields = { csrf, name: 'laptop', scope: 'orders:order:read', expiresIn: '30d' }
    const text = await (await lin.post(tokens, fields)).text()
    const [, token = ''] = /<output>(cst_\w+)<\/output>/.exec(text) ?? []
    const exchange = () =>
      form(edge, '/oauth/token', {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: token,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      })
    expect((await exchange()).status).toBe(200)
    const listed = await (await lin.open(tokens)).text()
    expect(listed).toContain('laptop')
    expect(listed).not.toContain(token)
    const id = token.split('_')[1] ?? ''
    expect((await lin.post(tokens, { csrf, revoke: id })).status).toBe(303)
    expect(await failure(await exchange())).toBe('400 invalid_request')
  })

  it('does no more than the person may', async () => {
    const lin = await signedInBrowser(edge, 'lin')
    const csrf = await csrfOf(await lin.open(tokens))
    const make = (over: Record<string, string>) =>
      lin.post(tokens, { csrf, name: 'x', scope: 'orders:order:read', expiresIn: '30d', ...over })
    expect(await (await make({ service: 'yes' })).text()).toContain('needs the role team-admin')
    expect(await (await make({ scope: 'other:*' })).text()).toContain('wider than your own')
    expect(await (await make({ expiresIn: 'never' })).text()).toContain('token that never expires')
    expect(await (await make({ team: 'search' })).text()).toContain('needs the role admin')
    expect(await (await lin.open(`${tokens}?team=search`)).text()).toContain('Tokens of checkout')
    expect((await lin.post(tokens, { csrf, revoke: '../teams' })).status).toBe(404)
  })
})

describe('D03: floods', () => {
  it('of device logins from one address end in 429, and leave the others alone', async () => {
    const ask = (address: string) =>
      fetch(`${edge.url}/oauth/device_authorization`, {
        method: 'POST',
        headers: { 'cf-connecting-ip': address },
        body: new URLSearchParams({ client_id: 'countersign-cli' }),
      })
    const statuses: number[] = []
    for (let round = 0; round < 130; round += 1) statuses.push((await ask('192.0.2.1')).status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(120)
    expect(statuses.at(-1)).toBe(429)
    const refused = await ask('192.0.2.1')
    expect(refused.headers.get('retry-after')).toBe('60')
    expect((await ask('192.0.2.2')).status).toBe(200)
  })

  it('of guesses at the admin key end in 429', async () => {
    const guess = (key: string) =>
      new Browser().post(`${edge.url}/oauth/sign-in`, { key }, { 'cf-connecting-ip': '192.0.2.3' })
    for (let round = 0; round < 20; round += 1) expect((await guess(`guess ${round}`)).status).toBe(403)
    expect((await guess(adminKey)).status).toBe(429)
  })
})
