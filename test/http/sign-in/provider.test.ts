/** What a provider answers is believed only when it is signed by it, for us, for this sign-in, now. */
import { createHash } from 'node:crypto'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { createProvider, ProviderFailure } from '../../../src/http/sign-in/provider.ts'
import { setTimer } from '../../../src/http/timer.ts'

const issuer = 'https://login.test'
const redirectUri = 'https://edge.test/oauth/sign-in/callback'
const secret = 'csp_a-secret-that-stays-in-the-browser'
const now = 1_800_000_000

let key: CryptoKey
let otherKey: CryptoKey
let jwks: object
beforeAll(async () => {
  const pair = await generateKeyPair('ES256')
  key = pair.privateKey
  otherKey = (await generateKeyPair('ES256')).privateKey
  jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256' }] }
})

const derived = (purpose: string): string =>
  createHash('sha256').update(`${purpose}\n${secret}`).digest('base64url')

const claims = (over: object = {}) => ({
  iss: issuer,
  sub: 'ada',
  aud: 'countersign',
  nonce: derived('nonce'),
  iat: now,
  exp: now + 60,
  team: 'checkout',
  ...over,
})

const idToken = (over: object = {}, header: object = {}, by = key): Promise<string> =>
  new SignJWT(claims(over)).setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'JWT', ...header }).sign(by)

interface Around {
  readonly token?: string
  readonly discovery?: object
  readonly clientSecret?: string | null
}

const provider = ({ token = '', discovery = {}, clientSecret = null }: Around = {}) => {
  const asked: { readonly url: string; readonly init: RequestInit }[] = []
  const answers: Readonly<Record<string, object>> = {
    '/.well-known/openid-configuration': {
      issuer,
      authorization_endpoint: `${issuer}/authorize?tenant=acme`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      ...discovery,
    },
    '/token': { id_token: token, access_token: 'unused' },
    '/jwks': jwks,
  }
  const made = createProvider({
    signIn: {
      issuer,
      clientId: 'countersign',
      clientSecret: clientSecret === null ? null : 'SIGN_IN_SECRET',
      team: { claim: 'team', map: null },
      role: { claim: 'role', map: new Map() },
    },
    clientSecret: async () => clientSecret,
    redirectUri,
    fetch: async (url, init) => {
      asked.push({ url, init })
      return Response.json(answers[new URL(url).pathname] ?? {})
    },
    setTimer,
    now: () => now * 1000,
  })
  return { ...made, asked }
}

const answer = (over: Readonly<Record<string, string>> = {}): URLSearchParams =>
  new URLSearchParams({ code: 'the-code', state: derived('state'), ...over })

const refusal = async (claimed: Promise<unknown>): Promise<string> =>
  claimed.then(
    () => 'accepted',
    (error: unknown) =>
      error instanceof ProviderFailure ? error.message : `another error: ${String(error)}`,
  )

describe('an ID token', () => {
  it('that is as it should be gives its claims', async () => {
    const { claimsOf } = provider({ token: await idToken() })
    expect(await claimsOf(answer(), secret)).toMatchObject({ sub: 'ada', team: 'checkout' })
  })

  it.each([
    ['of another issuer', { iss: 'https://evil.test' }, 'iss'],
    ['for another client', { aud: 'other' }, 'aud'],
    ['for several, of which another asked', { aud: ['countersign', 'other'], azp: 'other' }, 'azp'],
    ['for several, and nobody asked', { aud: ['countersign', 'other'] }, 'azp'],
    ['of another sign-in', { nonce: 'other' }, 'nonce'],
    ['without a nonce', { nonce: undefined }, 'nonce'],
    ['that has expired', { exp: now - 5 }, 'exp'],
    ['that never expires', { exp: undefined }, 'exp'],
    ['of the future', { iat: now + 6 }, 'iat'],
  ])('%s is refused', async (_what, over, claim) => {
    const { claimsOf } = provider({ token: await idToken(over) })
    expect(await refusal(claimsOf(answer(), secret))).toBe(`ID token: ${claim}`)
  })

  it.each(['at+jwt', 'logout+jwt', 'dpop+jwt'])('J08: a %s is none', async (typ) => {
    const { claimsOf } = provider({ token: await idToken({}, { typ }) })
    expect(await refusal(claimsOf(answer(), secret))).toBe('ID token: another typ')
  })

  it('that nobody signed, or somebody else, is refused', async () => {
    const unsigned = new UnsecuredJWT(claims()).encode()
    expect(await refusal(provider({ token: unsigned }).claimsOf(answer(), secret))).toMatch(/^ID token: /)
    const forged = await idToken({}, {}, otherKey)
    expect(await refusal(provider({ token: forged }).claimsOf(answer(), secret))).toBe(
      'ID token: not signed by the provider',
    )
    const mac = await new SignJWT(claims())
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .sign(new TextEncoder().encode(JSON.stringify(jwks)))
    expect(await refusal(provider({ token: mac }).claimsOf(answer(), secret))).toBe(
      'ID token: not signed by the provider',
    )
  })
})

describe('an answer of the provider', () => {
  it.each([
    ['another state', { state: 'other' }, 'state is not that of this browser'],
    ['another issuer', { iss: 'https://evil.test' }, 'iss is not the provider'],
    ['an error', { error: 'access_denied' }, 'the provider refused'],
  ])('with %s is refused before anything is asked of it', async (_what, over, reason) => {
    const { claimsOf, asked } = provider({ token: await idToken() })
    expect(await refusal(claimsOf(answer(over), secret))).toBe(reason)
    expect(asked.map(({ url }) => new URL(url).pathname)).toEqual(['/.well-known/openid-configuration'])
  })

  it('must name the provider, where the provider says that it does (RFC 9207)', async () => {
    const discovery = { authorization_response_iss_parameter_supported: true }
    const { claimsOf } = provider({ token: await idToken(), discovery })
    expect(await refusal(claimsOf(answer(), secret))).toBe('iss is not the provider')
    expect(await refusal(claimsOf(answer({ iss: issuer }), secret))).toBe('accepted')
  })
})

describe('what is sent to the provider', () => {
  it('is a request with PKCE, behind whatever its endpoint has already', async () => {
    const url = new URL(await provider().authorizationUrl(secret))
    expect(`${url.origin}${url.pathname}`).toBe(`${issuer}/authorize`)
    expect(Object.fromEntries(url.searchParams)).toEqual({
      tenant: 'acme',
      response_type: 'code',
      client_id: 'countersign',
      redirect_uri: redirectUri,
      scope: 'openid profile',
      state: derived('state'),
      nonce: derived('nonce'),
      code_challenge: createHash('sha256').update(secret).digest('base64url'),
      code_challenge_method: 'S256',
    })
    expect(url.href).not.toContain(secret)
  })

  it('is the secret as the provider wants it, and redirects are not followed', async () => {
    const sent = async (over: Around) => {
      const { claimsOf, asked } = provider({ token: await idToken(), ...over })
      await claimsOf(answer(), secret)
      const { init } = asked.find(({ url }) => url.endsWith('/token')) ?? {}
      expect(init?.redirect).toBe('manual')
      const body = new URLSearchParams(String(init?.body))
      return [
        new Headers(init?.headers).get('authorization'),
        body.get('client_id'),
        body.get('client_secret'),
      ]
    }
    expect(await sent({})).toEqual([null, 'countersign', null])
    const basic = `Basic ${btoa('countersign:a%3Ab+c')}`
    expect(await sent({ clientSecret: 'a:b c' })).toEqual([basic, null, null])
    const discovery = { token_endpoint_auth_methods_supported: ['client_secret_post'] }
    expect(await sent({ clientSecret: 'a:b c', discovery })).toEqual([null, 'countersign', 'a:b c'])
  })
})

describe('a discovery document', () => {
  it.each([
    ['of another issuer', { issuer: 'https://evil.test' }],
    ['with an endpoint without TLS', { token_endpoint: 'http://login.test/token' }],
    ['with a host that only looks local', { token_endpoint: 'http://127.0.0.1.evil.test/token' }],
    ['without keys', { jwks_uri: undefined }],
  ])('%s is refused', async (_what, discovery) => {
    expect(await refusal(provider({ discovery }).authorizationUrl(secret))).toMatch(/discovery document/)
  })
})
