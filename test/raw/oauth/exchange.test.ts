/** The token service from outside: a standard client, then everything that must not work. */
import { decodeJwt } from 'jose'
import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makePersonalToken } from '../../../src/tokens/opaque.ts'
import {
  accessToken,
  accessTokenType,
  api,
  callOrders,
  type Edge,
  exchange,
  exchangeFields,
  exchangeGrant,
  failure,
  form,
  jwtType,
  makeToken,
  startEdge,
  upstreamSecret,
  url,
} from './edge.ts'

let edge: Edge
beforeAll(async () => {
  edge = await startEdge({ isolates: 3 })
})
afterAll(async () => {
  await edge[Symbol.asyncDispose]()
})

describe('oauth4webapi, as it comes', () => {
  const client: oauth.Client = { client_id: 'countersign-cli' }
  // The transport alone is ours: the issuer's name leads to a loopback port.
  const options = {
    [oauth.customFetch]: (target: string, init: oauth.CustomFetchOptions<string, unknown>) =>
      edge.fetch(new URL(target).pathname, init as RequestInit),
  }

  test('discovers, exchanges a personal token, calls, and revokes', async () => {
    const issuer = new URL(url)
    const server = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...options }),
    )
    expect(server.grant_types_supported).toContain(exchangeGrant)

    const { token } = await makeToken(edge)
    const parameters = {
      subject_token: token,
      subject_token_type: accessTokenType,
      scope: 'orders:order:read',
    }
    const issued = await oauth.processGenericTokenEndpointResponse(
      server,
      client,
      await oauth.genericTokenEndpointRequest(
        server,
        client,
        oauth.None(),
        exchangeGrant,
        parameters,
        options,
      ),
    )
    expect(issued).toMatchObject({
      token_type: 'bearer',
      expires_in: 600,
      scope: 'orders:order:read',
      issued_token_type: accessTokenType,
    })

    const called = await oauth.protectedResourceRequest(
      issued.access_token,
      'GET',
      new URL(`${url}/orders/orders`),
      undefined,
      null,
      options,
    )
    expect([called.status, await called.text()]).toEqual([200, 'ok'])
    expect(edge.upstream.requests.at(-1)?.bytes.toString()).toContain(upstreamSecret)

    for (let round = 0; round < 2; round += 1) {
      await oauth.processRevocationResponse(
        await oauth.revocationRequest(server, client, oauth.None(), token, options),
      )
    }
    expect(await failure(await exchange(edge, token))).toBe('400 invalid_request')
  })

  test('finds the authorization server from a resource, which has no keys of its own', async () => {
    const resource = new URL(url)
    const found = await oauth.processResourceDiscoveryResponse(
      resource,
      await oauth.resourceDiscoveryRequest(resource, options),
    )
    // RFC 9728 section 2: jwks_uri would name keys with which the resource signs its answers.
    expect(found).toEqual({
      resource: url,
      authorization_servers: [url],
      bearer_methods_supported: ['header'],
      resource_name: 'Countersign',
    })
    const administration = new URL(`${url}/api`)
    await oauth.processResourceDiscoveryResponse(
      administration,
      await oauth.resourceDiscoveryRequest(administration, options),
    )
  })

  test('verifies what was issued as RFC 9068 says', async () => {
    const issuer = new URL(url)
    const server = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...options }),
    )
    const token = await accessToken(edge, (await makeToken(edge)).token, { client_id: 'countersign-cli' })
    const request = new Request(`${url}/orders/orders`, { headers: { authorization: `Bearer ${token}` } })
    const claims = await oauth.validateJwtAccessToken(server, request, url, options)
    expect(claims).toMatchObject({ client_id: 'countersign-cli', scope: 'orders:order:*' })
    expect(claims['team']).toBe('checkout')
  })
})

describe('exchange of a personal token', () => {
  test('T01: unknown, wrong, revoked and expired tokens get one identical answer', async () => {
    const random = () => makePersonalToken(crypto.getRandomValues(new Uint8Array(42)))
    const unknown = random().text.reveal()
    const revoked = await makeToken(edge)
    await api(edge, `/tokens/${revoked.id}`, { method: 'DELETE' })
    const expired = await makeToken(edge, {
      expiresIn: undefined,
      expiresAt: new Date(Date.now() + 1_000).toISOString(),
    })
    const known = await makeToken(edge)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    const answers = await Promise.all(
      [unknown, withOtherSecret(known.token), revoked.token, expired.token].map(async (token) => {
        const response = await exchange(edge, token)
        const headers = [...response.headers].filter(([name]) => name !== 'countersign-request-id')
        return { status: response.status, headers, body: await response.text() }
      }),
    )
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    expect(answers[0]).toMatchObject({ status: 400 })
    expect(JSON.parse(answers[0]?.body ?? '')).toMatchObject({ error: 'invalid_request' })
    expect(Object.fromEntries(answers[0]?.headers ?? [])).toMatchObject({ 'cache-control': 'no-store' })
    const good = await exchange(edge, known.token)
    expect(good.status).toBe(200)
    // RFC 6749 section 5.1 asks for both.
    expect([good.headers.get('cache-control'), good.headers.get('pragma')]).toEqual(['no-store', 'no-cache'])
    const log = edge.workerd.output()
    for (const reason of ['unknown', 'wrong secret', 'revoked', 'expired']) {
      expect(log).toContain(`personal token ${reason}`)
    }
  })

  test('tells a token that was not copied whole from one that is not good', async () => {
    const { token } = await makeToken(edge)
    for (const cut of [token.slice(0, -1), token.replace(/.{8}$/, 'AAAAAAAA')]) {
      const response = await exchange(edge, cut)
      expect(response.status).toBe(400)
      const { error, error_description: said } = (await response.json()) as Record<string, string>
      expect(error).toBe('invalid_request')
      expect(said).toContain('checksum')
    }
  })

  test('T02: refuses scopes and targets beyond the token', async () => {
    const { token } = await makeToken(edge, { scopes: ['orders:order:read'] })
    const answer = async (over: Record<string, string>) => failure(await exchange(edge, token, over))
    expect(await answer({ scope: 'orders:order:write' })).toBe('400 invalid_scope')
    expect(await answer({ scope: 'orders:*' })).toBe('400 invalid_scope')
    expect(await answer({ scope: 'orders:order:read orders:refund:read' })).toBe('400 invalid_scope')
    expect(await answer({ resource: 'https://other.test' })).toBe('400 invalid_target')
    expect(await answer({ audience: 'orders' })).toBe('400 invalid_target')
    const both = `${new URLSearchParams(exchangeFields(token))}&resource=${url}&resource=${url}/api`
    expect(await failure(await form(edge, '/oauth/token', both))).toBe('400 invalid_target')
  })

  test('T02: a wildcard is cut down to what the team was granted', async () => {
    const { token } = await makeToken(edge, { scopes: ['orders:*'] })
    const issued = await accessToken(edge, token)
    expect(decodeJwt(issued)['scope']).toBe('orders:order:*')
    expect((await callOrders(edge, issued)).status).toBe(200)
    expect(await failure(await callOrders(edge, issued, '/refunds'))).toBe('403 scope_insufficient')
  })

  test('T03: refuses requests that lack a part or name one twice', async () => {
    const { token } = await makeToken(edge)
    const fields = new URLSearchParams(exchangeFields(token)).toString()
    const answer = async (body: string) => failure(await form(edge, '/oauth/token', body))
    expect(await answer('')).toBe('400 invalid_request')
    expect(await answer(`grant_type=${exchangeGrant}`)).toBe('400 invalid_request')
    expect(await answer(`grant_type=${exchangeGrant}&subject_token_type=${accessTokenType}`)).toBe(
      '400 invalid_request',
    )
    expect(await answer(`${fields}&subject_token=${token}`)).toBe('400 invalid_request')
    expect(await answer(`${fields}&grant_type=${exchangeGrant}`)).toBe('400 invalid_request')
    expect(await answer(`${fields}&grant_type=client_credentials`)).toBe('400 invalid_request')
    expect(await answer('grant_type=client_credentials')).toBe('400 unsupported_grant_type')
    expect(await answer('grant_type=__proto__')).toBe('400 unsupported_grant_type')
    expect(await answer('grant_type=password&username=a&password=b')).toBe('400 unsupported_grant_type')
  })

  test('T03: takes parameters from the body alone, in one form', async () => {
    const { token } = await makeToken(edge)
    const fields = exchangeFields(token)
    const query = new URLSearchParams(fields)
    expect(await failure(await form(edge, `/oauth/token?${query}`, ''))).toBe('400 invalid_request')
    const json = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(fields),
    }
    expect(await failure(await edge.fetch('/oauth/token', json))).toBe('400 invalid_request')
    const got = await edge.fetch(`/oauth/token?${query}`)
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST, OPTIONS'])
    const large = { ...fields, padding: 'a'.repeat(16_384) }
    expect(await failure(await form(edge, '/oauth/token', large))).toBe('413 invalid_request')
  })

  test('T04: claims come from the server, whatever else is sent', async () => {
    const { id, token } = await makeToken(edge)
    const issued = await accessToken(edge, token, {
      team: 'search',
      sub: 'root',
      exp: '9999999999',
      iss: 'https://evil.test',
      role: 'admin',
      claims: '{"team":"search"}',
      gid: 'pat:other',
    })
    const claims = decodeJwt(issued)
    expect(claims).toMatchObject({
      iss: url,
      aud: url,
      team: 'checkout',
      sub: `token/${id}`,
      gid: `pat:${id}`,
    })
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(600)
    expect(claims).not.toHaveProperty('role')
    expect(claims).not.toHaveProperty('claims')
  })

  test('refuses clients that are not known, and such that try to prove who they are', async () => {
    const { token } = await makeToken(edge)
    expect((await exchange(edge, token, { client_id: 'shop' })).status).toBe(200)
    expect(await failure(await exchange(edge, token, { client_id: 'other' }))).toBe('401 invalid_client')
    expect(await failure(await exchange(edge, token, { client_secret: 'x' }))).toBe('401 invalid_client')
    const basic = { authorization: `Basic ${btoa('countersign-cli:x')}` }
    const response = await form(edge, '/oauth/token', exchangeFields(token), basic)
    expect(response.headers.get('www-authenticate')).toContain('Basic')
    expect(await failure(response)).toBe('401 invalid_client')
  })

  test('T05: after the answer of a revocation, 50 parallel exchanges and every call that starts later fail', async () => {
    const { id, token } = await makeToken(edge)
    const issued = await accessToken(edge, token)
    for (const isolate of [0, 1, 2])
      expect((await callOrders(edge, issued, '/orders', isolate)).status).toBe(200)
    expect((await api(edge, `/tokens/${id}`, { method: 'DELETE' })).status).toBe(204)
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => failure(await exchange(edge, token))),
    )
    expect(new Set(answers)).toEqual(new Set(['400 invalid_request']))
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    for (const isolate of [0, 1, 2]) {
      expect(await failure(await callOrders(edge, issued, '/orders', isolate))).toBe('401 token_revoked')
    }
  })
})

describe('exchange of the JWT of an issuer', () => {
  const claims = {
    sub: 'repo:acme/shop:ref:refs/heads/main',
    repository: 'acme/shop',
    ref: 'refs/heads/main',
  }
  const ci = (over: Record<string, unknown> = {}) =>
    exchange(edge, edge.github.token({ ...claims, ...over }), { subject_token_type: jwtType })

  test('a CI job calls without any stored secret', async () => {
    const response = await ci({ jti: 'one' })
    const { access_token: token, scope } = (await response.json()) as { access_token: string; scope: string }
    expect(scope).toBe('orders:order:*')
    expect(decodeJwt(token)).toMatchObject({ team: 'checkout', sub: `github:${claims.sub}` })
    expect((await callOrders(edge, token)).status).toBe(200)
  })

  test('T01: a JWT that the rules of its issuer refuse looks like any token that is not good', async () => {
    const bad = [
      { repository: 'evil/fork' },
      { ref: 'refs/heads/evil' },
      { aud: 'https://other.test' },
      { exp: 1 },
    ]
    const bodies = await Promise.all(bad.map(async (over) => (await ci(over)).text()))
    bodies.push(await (await exchange(edge, 'not.a.jwt', { subject_token_type: jwtType })).text())
    bodies.push(await (await exchange(edge, 'something else')).text())
    expect(new Set(bodies).size).toBe(1)
    expect(JSON.parse(bodies[0] ?? '')).toMatchObject({ error: 'invalid_request' })
  })

  test('J08: tokens of one kind never stand for another', async () => {
    const own = await accessToken(edge, (await makeToken(edge)).token)
    expect(await failure(await exchange(edge, own, { subject_token_type: jwtType }))).toBe(
      '400 invalid_request',
    )
    expect(await failure(await exchange(edge, own))).toBe('400 invalid_request')
    const { token } = await makeToken(edge)
    expect(await failure(await exchange(edge, token, { subject_token_type: jwtType }))).toBe(
      '400 invalid_request',
    )
    expect(await failure(await callOrders(edge, token))).toBe('401 token_invalid')
    expect(await failure(await callOrders(edge, edge.github.token(claims)))).toBe('401 token_invalid')
  })

  test('what it gives is a member, and makes no tokens that would outlive it', async () => {
    const response = await exchange(edge, edge.github.token(claims), {
      subject_token_type: jwtType,
      resource: `${url}/api`,
    })
    const { access_token: token } = (await response.json()) as { access_token: string }
    expect(await (await api(edge, '/whoami', { token })).json()).toMatchObject({
      role: 'member',
      team: 'checkout',
    })
    const body = { name: 'x', team: 'checkout', scopes: [], expiresIn: '30d' }
    expect(await failure(await api(edge, '/tokens', { method: 'POST', body, token }))).toBe(
      '403 scope_insufficient',
    )
  })
})

describe('revocation', () => {
  const revoke = (token: string, over: Record<string, string> = {}) =>
    form(edge, '/oauth/revoke', { token, ...over })

  test('T06: an unknown token and a second revocation are answered like the first', async () => {
    const { token } = await makeToken(edge)
    const unknown = makePersonalToken(crypto.getRandomValues(new Uint8Array(42))).text.reveal()
    for (const text of [unknown, 'nonsense', 'a.b.c', token, token]) {
      const response = await revoke(text, { token_type_hint: 'refresh_token' })
      expect([response.status, await response.text()]).toEqual([200, ''])
    }
    expect(await failure(await exchange(edge, token))).toBe('400 invalid_request')
    expect(await failure(await form(edge, '/oauth/revoke', {}))).toBe('400 invalid_request')
  })

  test('T06: nobody ends a token with a secret that is not its own', async () => {
    const { token } = await makeToken(edge)
    expect((await revoke(withOtherSecret(token))).status).toBe(200)
    expect((await exchange(edge, token)).status).toBe(200)
  })

  test('T06: a client ends what was issued to it, and nothing of another', async () => {
    const { token } = await makeToken(edge)
    const issued = await accessToken(edge, token, { client_id: 'countersign-cli' })
    expect((await revoke(issued, { client_id: 'shop' })).status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect((await callOrders(edge, issued)).status).toBe(200)
    expect((await revoke(issued, { client_id: 'countersign-cli' })).status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(await failure(await callOrders(edge, issued))).toBe('401 token_revoked')
    const another = await accessToken(edge, token)
    expect((await callOrders(edge, another)).status).toBe(200)
  })

  test('who names no client ends what they hold, and so does a client with what no client is named in', async () => {
    const { token } = await makeToken(edge)
    const ofClient = await accessToken(edge, token, { client_id: 'countersign-cli' })
    const ofNobody = await accessToken(edge, token)
    expect((await revoke(ofClient)).status).toBe(200)
    expect((await revoke(ofNobody, { client_id: 'countersign-cli' })).status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    for (const ended of [ofClient, ofNobody])
      expect(await failure(await callOrders(edge, ended))).toBe('401 token_revoked')
  })
})

describe('browsers', () => {
  const preflight = (path: string, origin: string) =>
    edge.fetch(path, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } })
  const allowed = (response: Response) => response.headers.get('access-control-allow-origin')

  test('T16: CORS on the token endpoint is for the origins of configured clients alone', async () => {
    expect(allowed(await preflight('/oauth/token', 'https://shop.test'))).toBe('https://shop.test')
    for (const origin of ['https://evil.test', 'https://shop.test.evil.test', 'http://shop.test', 'null']) {
      expect(allowed(await preflight('/oauth/token', origin))).toBeNull()
    }
    const refused = await form(edge, '/oauth/token', 'a=1', { origin: 'https://shop.test' })
    expect(allowed(refused)).toBe('https://shop.test')
    expect(refused.headers.get('vary')).toContain('Origin')
    expect(allowed(await form(edge, '/oauth/token', 'a=1', { origin: 'https://evil.test' }))).toBeNull()
    expect(allowed(await preflight('/oauth/authorize', 'https://shop.test'))).toBeNull()
    expect(allowed(await preflight('/api/tokens', 'https://shop.test'))).toBeNull()
  })

  test('T16: any origin may read the public documents, which hold public keys alone', async () => {
    const response = await edge.fetch('/.well-known/jwks.json', { headers: { origin: 'https://any.test' } })
    expect(allowed(response)).toBe('*')
    const { keys } = (await response.json()) as { keys: object[] }
    expect(keys.map((key) => Object.keys(key).sort())).toEqual([
      ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'],
    ])
  })
})

/** Another token of the same id: its form and its checksum are right, and its secret is not. */
const withOtherSecret = (token: string): string => {
  for (;;) {
    const random = crypto.getRandomValues(new Uint8Array(42))
    random.set(idBytes(token), 0)
    const other = makePersonalToken(random).text.reveal()
    if (other.slice(0, 18) === token.slice(0, 18)) return other
    throw new Error('the id was not taken over')
  }
}

const idBytes = (token: string): Uint8Array => {
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  const number = [...token.slice(4, 18)].reduce((sum, digit) => sum * 62n + BigInt(digits.indexOf(digit)), 0n)
  return Uint8Array.from({ length: 10 }, (_, index) => Number((number >> BigInt(8 * (9 - index))) & 0xffn))
}
