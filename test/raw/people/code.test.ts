/** Authorization codes with PKCE, and the refresh tokens that follow from them, from outside. */
import { createHash, randomBytes } from 'node:crypto'
import { decodeJwt } from 'jose'
import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  adminKey,
  type Browser,
  callOrders,
  cli,
  csrfOf,
  failure,
  form,
  type Issued,
  issued,
  logIn,
  type PeopleEdge,
  refresh,
  shopOrigin,
  shopRedirect,
  signedInBrowser,
  startPeopleEdge,
  whoami,
} from './edge.ts'

let edge: PeopleEdge
let lin: Browser
beforeAll(async () => {
  edge = await startPeopleEdge()
  lin = await signedInBrowser(edge, 'lin')
})
afterAll(() => edge[Symbol.asyncDispose]())

const loopback = 'http://127.0.0.1:40123/callback'
const verifier = randomBytes(32).toString('base64url')
const challenge = createHash('sha256').update(verifier).digest('base64url')

type Fields = Readonly<Record<string, string | undefined>>

const authorizeUrl = (over: Fields = {}): string => {
  const query = new URLSearchParams()
  const fields: Fields = {
    response_type: 'code',
    client_id: cli,
    redirect_uri: loopback,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    state: 'a state',
    ...over,
  }
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) query.set(name, value)
  return `${edge.url}/oauth/authorize?${query}`
}

/** Where the person's agreement leads. */
const agree = async (url: string, decision = 'approve', browser = lin): Promise<URL> => {
  const csrf = await csrfOf(await browser.open(url))
  const answer = await browser.post(url, { csrf, decision })
  expect(answer.status).toBe(303)
  return new URL(answer.headers.get('location') ?? '')
}

const codeOf = async (over: Fields = {}): Promise<string> =>
  (await agree(authorizeUrl(over))).searchParams.get('code') ?? ''

const redeem = (code: string, over: Readonly<Record<string, string>> = {}): Promise<Response> =>
  form(edge, '/oauth/token', {
    grant_type: 'authorization_code',
    code,
    client_id: cli,
    redirect_uri: loopback,
    code_verifier: verifier,
    ...over,
  })

describe('oauth4webapi, as it comes', () => {
  const client: oauth.Client = { client_id: 'shop' }
  const options = { [oauth.allowInsecureRequests]: true }

  const discovered = async (): Promise<oauth.AuthorizationServer> => {
    const issuer = new URL(edge.url)
    return oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...options }),
    )
  }

  it('gets a token by code and PKCE, renews it, and revokes the login', async () => {
    const server = await discovered()
    const secret = oauth.generateRandomCodeVerifier()
    const state = oauth.generateRandomState()
    const page = new URL(server.authorization_endpoint ?? '')
    page.search = new URLSearchParams({
      response_type: 'code',
      client_id: 'shop',
      redirect_uri: shopRedirect,
      code_challenge: await oauth.calculatePKCECodeChallenge(secret),
      code_challenge_method: 'S256',
      scope: 'orders:order:read',
      state,
    }).toString()
    const answer = oauth.validateAuthResponse(server, client, await agree(page.href), state)
    const first = await oauth.processAuthorizationCodeResponse(
      server,
      client,
      await oauth.authorizationCodeGrantRequest(
        server,
        client,
        oauth.None(),
        answer,
        shopRedirect,
        secret,
        options,
      ),
    )
    expect(first.scope).toBe('orders:order:read')
    const second = await oauth.processRefreshTokenResponse(
      server,
      client,
      await oauth.refreshTokenGrantRequest(server, client, oauth.None(), first.refresh_token ?? '', options),
    )
    expect(second.refresh_token).not.toBe(first.refresh_token)
    expect((await callOrders(edge, second.access_token)).status).toBe(200)
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(server, client, oauth.None(), second.refresh_token ?? '', options),
    )
    await expect
      .poll(async () => (await callOrders(edge, second.access_token)).status, { timeout: 5_000 })
      .toBe(401)
    const gone = oauth.refreshTokenGrantRequest(
      server,
      client,
      oauth.None(),
      second.refresh_token ?? '',
      options,
    )
    await expect(
      gone.then((response) => oauth.processRefreshTokenResponse(server, client, response)),
    ).rejects.toMatchObject({ error: 'invalid_grant' })
  })

  it('gets a token by device', async () => {
    const server = await discovered()
    const cliClient: oauth.Client = { client_id: cli }
    const device = await oauth.processDeviceAuthorizationResponse(
      server,
      cliClient,
      await oauth.deviceAuthorizationRequest(server, cliClient, oauth.None(), new URLSearchParams(), options),
    )
    const page = device.verification_uri_complete ?? ''
    const csrf = await csrfOf(await lin.open(page))
    await lin.post(device.verification_uri, { csrf, user_code: device.user_code, decision: 'approve' })
    const result = await oauth.processDeviceCodeResponse(
      server,
      cliClient,
      await oauth.deviceCodeGrantRequest(server, cliClient, oauth.None(), device.device_code, options),
    )
    expect((await callOrders(edge, result.access_token)).status).toBe(200)
  })
})

describe('the authorization endpoint', () => {
  it('T16: answers with state and iss, without CORS', async () => {
    const back = await agree(authorizeUrl())
    expect(Object.fromEntries(back.searchParams)).toEqual({
      code: expect.stringMatching(/^[0-9A-Za-z]{43}$/),
      state: 'a state',
      iss: edge.url,
    })
    const page = await lin.open(authorizeUrl(), { headers: { origin: shopOrigin } })
    expect(page.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('shows who asks, for what, and where the answer goes', async () => {
    const text = await (
      await lin.open(authorizeUrl({ client_id: 'shop', redirect_uri: shopRedirect }))
    ).text()
    for (const shown of ['shop', 'signin/lin', 'checkout', 'orders:order:*', shopOrigin])
      expect(text).toContain(shown)
    expect(text).not.toContain('administer')
  })

  it('shows of the scopes that were asked for those that the token will have', async () => {
    const text = await (await lin.open(authorizeUrl({ scope: 'orders:* orders@none:* nowhere:x' }))).text()
    expect(text.match(/<li><code>[^<]*/g)).toEqual(['<li><code>orders:order:*'])
  })

  it('sends who may have none of the scopes back at once, but to administer', async () => {
    const none = { scope: 'nowhere:x' }
    const answer = await lin.open(authorizeUrl(none))
    const { searchParams } = new URL(answer.headers.get('location') ?? '')
    expect([answer.status, searchParams.get('error')]).toEqual([303, 'invalid_scope'])
    const administration = await lin.open(authorizeUrl({ ...none, resource: `${edge.url}/api` }))
    expect(administration.status).toBe(200)
  })

  it('sends an admin without a team back to a page in a browser, which could do nothing for them', async () => {
    const root = await signedInBrowser(edge, 'root')
    const answer = await root.open(authorizeUrl({ client_id: 'shop', redirect_uri: shopRedirect }))
    const { searchParams } = new URL(answer.headers.get('location') ?? '', edge.url)
    expect([answer.status, searchParams.get('error')]).toEqual([303, 'invalid_scope'])
    expect((await root.open(authorizeUrl())).status).toBe(200)
  })

  it('gives a no of the person back to the client', async () => {
    const back = await agree(authorizeUrl(), 'deny')
    expect(back.searchParams.get('error')).toBe('access_denied')
    expect(back.searchParams.get('iss')).toBe(edge.url)
    expect(back.searchParams.has('code')).toBe(false)
  })

  it.each([
    ['no challenge', { code_challenge: undefined }, 'invalid_request'],
    ['an empty challenge', { code_challenge: '' }, 'invalid_request'],
    ['plain', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['no method', { code_challenge_method: undefined }, 'invalid_request'],
    ['a challenge that is no SHA-256', { code_challenge: 'short' }, 'invalid_request'],
    ['another response type', { response_type: 'token' }, 'unsupported_response_type'],
    ['a request object', { request_uri: 'https://evil.test/r' }, 'invalid_request'],
    ['prompt=none', { prompt: 'none' }, 'interaction_required'],
    ['a scope that is none', { scope: 'a b' }, 'invalid_scope'],
    ['another resource', { resource: 'https://evil.test' }, 'invalid_target'],
  ])('T13: tells the client of %s', async (_what, over, error) => {
    const answer = await lin.open(authorizeUrl(over))
    const back = new URL(answer.headers.get('location') ?? '')
    expect(`${back.origin}${back.pathname}`).toBe(loopback)
    expect(back.searchParams.get('error')).toBe(error)
    expect(back.searchParams.get('state')).toBe('a state')
  })

  it.each([
    'http://localhost:40123/callback',
    'http://localhost.evil.test/callback',
    'http://127.0.0.1.evil.test/callback',
    'http://127.0.0.1@evil.test/callback',
    'http://127.0.0.1:80@evil.test/callback',
    'http://[::1].evil.test/callback',
    'http://127.0.0.1:40123/callback/..;/x',
    'http://127.0.0.1:40123/callback?next=1',
    'http://127.0.0.1:40123/callback#x',
    'http://user@127.0.0.1:40123/callback',
    'http://127.0.0.1:99999/callback',
    'http://127.0.0.1:0/callback',
    'http://127.1:40123/callback',
    'https://127.0.0.1:40123/callback',
    'HTTP://127.0.0.1:40123/callback',
    'http://127.0.0.1:40123/Callback',
    'http://127.0.0.1:40123/callback\n',
    shopRedirect,
  ])('T14: sends nothing to %j for the command line', async (redirectUri) => {
    const answer = await lin.open(authorizeUrl({ redirect_uri: redirectUri }))
    expect(answer.status).toBe(400)
    expect(answer.headers.get('location')).toBeNull()
  })

  it.each([
    `${shopRedirect}/`,
    `${shopRedirect}?a=1`,
    'https://SHOP.test/callback',
    'https://shop.test:8443/callback',
    'http://shop.test/callback',
    'https://shop.test/callback/..;/x',
    'https://shop.test.evil.test/callback',
    loopback,
  ])('T14: sends nothing to %j for a client of the configuration', async (redirectUri) => {
    const answer = await lin.open(authorizeUrl({ client_id: 'shop', redirect_uri: redirectUri }))
    expect(answer.status).toBe(400)
    expect(answer.headers.get('location')).toBeNull()
  })

  it.each(['http://127.0.0.1:1/callback', 'http://[::1]:65535/callback'])(
    'T14: takes any port of the literal address: %s',
    async (redirectUri) => {
      expect((await lin.open(authorizeUrl({ redirect_uri: redirectUri }))).status).toBe(200)
    },
  )

  it('D03: gives one person a hundred codes in ten minutes, and keeps none of them for who only looks', async () => {
    const kim = await signedInBrowser(edge, 'kim')
    const csrf = await csrfOf(await kim.open(authorizeUrl()))
    const statuses: number[] = []
    for (let code = 0; code <= 100; code += 1)
      statuses.push((await kim.post(authorizeUrl(), { csrf, decision: 'approve' })).status)
    expect(statuses.filter((status) => status === 303)).toHaveLength(100)
    expect(statuses.at(-1)).toBe(429)
    expect((await kim.open(authorizeUrl())).status).toBe(200)
  })

  it('answers unknown clients and repeated parameters itself', async () => {
    expect((await lin.open(authorizeUrl({ client_id: 'nobody' }))).status).toBe(400)
    expect((await lin.open(`${authorizeUrl()}&client_id=shop`)).status).toBe(400)
  })
})

describe('a code', () => {
  it('is good once, for its client, its address and its verifier', async () => {
    const login = await issued(await redeem(await codeOf()))
    expect(decodeJwt(login.access_token)).toMatchObject({ sub: 'signin/lin', client_id: cli })
    expect(await failure(await redeem(await codeOf(), { client_id: 'shop' }))).toBe('400 invalid_grant')
    expect(await failure(await redeem(await codeOf(), { redirect_uri: `${loopback}x` }))).toBe(
      '400 invalid_grant',
    )
    const other = randomBytes(32).toString('base64url')
    expect(await failure(await redeem(await codeOf(), { code_verifier: other }))).toBe('400 invalid_grant')
    expect(await failure(await redeem(await codeOf(), { code_verifier: '' }))).toBe('400 invalid_request')
    expect(await failure(await redeem('made-up'))).toBe('400 invalid_grant')
  })

  it('T09: is presented with the client that it is for, and is not spent by leaving that out', async () => {
    const code = await codeOf()
    expect(await failure(await redeem(code, { client_id: '' }))).toBe('400 invalid_request')
    const login = await issued(await redeem(code))
    expect(await failure(await refresh(edge, login.refresh_token, { client_id: '' }))).toBe(
      '400 invalid_request',
    )
    expect((await refresh(edge, login.refresh_token)).status).toBe(200)
  })

  it('keeps the resource that was asked for with it, until a request names another (RFC 8707)', async () => {
    const audienceOf = ({ access_token }: Issued) => decodeJwt(access_token).aud
    const login = await issued(await redeem(await codeOf({ resource: `${edge.url}/api` })))
    expect(audienceOf(login)).toBe(`${edge.url}/api`)
    const calling = await issued(await refresh(edge, login.refresh_token, { resource: edge.url }))
    expect(audienceOf(calling)).toBe(edge.url)
    expect(audienceOf(await issued(await refresh(edge, calling.refresh_token)))).toBe(`${edge.url}/api`)
  })

  it('T08: of twenty redemptions at once, one gets a token', async () => {
    const code = await codeOf()
    const answers = await Promise.all(Array.from({ length: 20 }, () => redeem(code)))
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
    const refused = await Promise.all(answers.filter(({ status }) => status !== 200).map(failure))
    expect(new Set(refused)).toEqual(new Set(['400 invalid_grant']))
  })

  it('T15: presented again, ends what it was redeemed for', async () => {
    const code = await codeOf()
    const login = await issued(await redeem(code))
    expect((await callOrders(edge, login.access_token)).status).toBe(200)
    expect(await failure(await redeem(code))).toBe('400 invalid_grant')
    expect(await failure(await refresh(edge, login.refresh_token))).toBe('400 invalid_grant')
    await expect
      .poll(async () => (await callOrders(edge, login.access_token)).status, { timeout: 5_000 })
      .toBe(401)
  })

  it('J08: is no bearer token', async () => {
    expect(await failure(await callOrders(edge, await codeOf()))).toBe('401 token_invalid')
  })
})

describe('a refresh token', () => {
  it('is good once, and gives a token for the other audience too', async () => {
    const login = await logIn(edge, 'lin')
    const next = await issued(await refresh(edge, login.refresh_token, { resource: `${edge.url}/api` }))
    expect(await (await whoami(edge, next.access_token)).json()).toMatchObject({ role: 'member' })
    const calling = await issued(await refresh(edge, next.refresh_token))
    expect((await callOrders(edge, calling.access_token)).status).toBe(200)
  })

  it('presented again ends its family, tokens that were issued included', async () => {
    const login = await logIn(edge, 'lin')
    const next = await issued(await refresh(edge, login.refresh_token))
    const latest = await issued(await refresh(edge, next.refresh_token))
    expect(await failure(await refresh(edge, login.refresh_token))).toBe('400 invalid_grant')
    expect(await failure(await refresh(edge, latest.refresh_token))).toBe('400 invalid_grant')
    await expect
      .poll(async () => (await callOrders(edge, latest.access_token)).status, { timeout: 5_000 })
      .toBe(401)
  })

  it('of twenty at once, at most one is answered', async () => {
    const login = await logIn(edge, 'lin')
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(edge, login.refresh_token)))
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
    const refused = await Promise.all(answers.filter(({ status }) => status !== 200).map(failure))
    expect(new Set(refused)).toEqual(new Set(['400 invalid_grant']))
  })

  it('of another client gives nothing, and harms nothing', async () => {
    const login = await logIn(edge, 'lin')
    expect(await failure(await refresh(edge, login.refresh_token, { client_id: 'shop' }))).toBe(
      '400 invalid_grant',
    )
    const revoked = await form(edge, '/oauth/revoke', { token: login.refresh_token, client_id: 'shop' })
    expect(revoked.status).toBe(200)
    expect((await refresh(edge, login.refresh_token)).status).toBe(200)
  })

  it('ends its login at /oauth/revoke, whether or not its client is named', async () => {
    for (const over of [{}, { client_id: cli }]) {
      const login = await logIn(edge, 'lin')
      expect((await form(edge, '/oauth/revoke', { token: login.refresh_token, ...over })).status).toBe(200)
      expect(await failure(await refresh(edge, login.refresh_token))).toBe('400 invalid_grant')
    }
  })

  it('is not spent by asking for too much', async () => {
    const login = await logIn(edge, 'lin', { scope: 'orders:order:read' })
    expect(await failure(await refresh(edge, login.refresh_token, { scope: 'orders:order:write' }))).toBe(
      '400 invalid_scope',
    )
    expect(await failure(await refresh(edge, login.refresh_token, { resource: 'https://x.test' }))).toBe(
      '400 invalid_target',
    )
    expect((await refresh(edge, login.refresh_token)).status).toBe(200)
  })

  it('carries what its owner may now: a role that was taken is gone with the next sign-in', async () => {
    edge.people['mia'] = { team: 'checkout', role: 'lead' }
    const login = await logIn(edge, 'mia')
    const before = await issued(await refresh(edge, login.refresh_token, { resource: `${edge.url}/api` }))
    expect(decodeJwt(before.access_token)['role']).toBe('team-admin')
    edge.people['mia'] = { team: 'checkout' }
    await signedInBrowser(edge, 'mia')
    const after = await issued(await refresh(edge, before.refresh_token, { resource: `${edge.url}/api` }))
    expect(decodeJwt(after.access_token)['role']).toBe('member')
    expect(await (await whoami(edge, before.access_token)).json()).toMatchObject({ role: 'member' })
    edge.people['mia'] = { team: 'search' }
    await signedInBrowser(edge, 'mia')
    expect(await failure(await refresh(edge, after.refresh_token))).toBe('400 invalid_grant')
  })

  it('of a page in a browser administers nothing', async () => {
    const code = await codeOf({ client_id: 'shop', redirect_uri: shopRedirect })
    const over = { client_id: 'shop', redirect_uri: shopRedirect }
    const asked = await redeem(code, { ...over, resource: `${edge.url}/api` })
    expect(await failure(asked)).toBe('400 invalid_target')
    expect((await redeem(code, over)).status).toBe(200)
  })

  it('ends with its owner', async () => {
    edge.people['zoe'] = { team: 'checkout' }
    const login = await logIn(edge, 'zoe')
    await fetch(`${edge.url}/api/revocations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ team: 'checkout', subject: 'signin/zoe', issuer: 'countersign' }),
    })
    expect(await failure(await refresh(edge, login.refresh_token))).toBe('400 invalid_grant')
  })

  it('of an admin without a team ends when another admin revokes them, and not when a team-admin does', async () => {
    const revoke = (token: string, team: string) =>
      fetch(`${edge.url}/api/revocations`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ team, subject: 'signin/root', issuer: 'countersign' }),
      })
    const resource = `${edge.url}/api`
    const root = await signedInBrowser(edge, 'root')
    const login = await logIn(edge, 'root', { resource })
    const lead = await logIn(edge, 'kim', { resource })
    expect((await revoke(lead.access_token, 'search')).status).toBe(201)
    expect((await whoami(edge, login.access_token)).status).toBe(200)
    expect((await root.open(`${edge.url}/dashboard/tokens`)).status).toBe(200)
    expect((await revoke(adminKey, 'checkout')).status).toBe(201)
    expect(await failure(await whoami(edge, login.access_token))).toBe('401 token_revoked')
    expect(await failure(await refresh(edge, login.refresh_token))).toBe('400 invalid_grant')
    expect((await root.open(`${edge.url}/dashboard/tokens`)).status).toBe(303)
  })
})

it('T07: no code, refresh token or cookie stands in the log', async () => {
  const login = await logIn(edge, 'lin')
  const code = await codeOf()
  for (const secret of [login.refresh_token, login.access_token, code, lin.cookie(edge.url) ?? '?'])
    expect(edge.output()).not.toContain(secret)
})
