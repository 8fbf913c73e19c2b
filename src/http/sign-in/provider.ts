/**
 * The company's OpenID provider (OpenID Connect Core 1.0 section 3.1, RFC 7636, RFC 9207): we are its client, with
 * a code and PKCE. Endpoints come from its discovery document and keys from its JWKS; the ID token is verified by
 * the same code as every other token.
 */
import { base64url, sha256OfText } from '../../core/bytes.ts'
import type { SignIn } from '../../core/configuration.ts'
import {
  clockToleranceSecondsDefault,
  providerAnswerBytesMax,
  providerFetchMillis,
  providerFreshMillis,
} from '../../core/limits.ts'
import { isLoopbackUrl } from '../../core/url.ts'
import { parseClaims, parseCompact } from '../../identity/compact.ts'
import { createJwksStore, type KnownKeys } from '../../identity/jwks.ts'
import { challengeOf } from '../../tokens/authorization.ts'
import { readText } from '../bounded-body.ts'

export type Claims = Readonly<Record<string, unknown>>

export interface ProviderDeps {
  readonly signIn: SignIn
  /** The client's secret; null for a public client. */
  readonly clientSecret: () => Promise<string | null>
  /** Where the provider sends people back to. */
  readonly redirectUri: string
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  readonly now: () => number
}

export interface Provider {
  /** The page to send a person to. `secret`: 256 random bits that stay in their browser. */
  authorizationUrl(secret: string): Promise<string>
  /** The verified claims of who came back. Rejects with ProviderFailure. */
  claimsOf(answer: URLSearchParams, secret: string): Promise<Claims>
}

/** The reason is for the log. `denied`: the provider, or the person, said no. */
export class ProviderFailure extends Error {
  override readonly name = 'ProviderFailure'
  readonly denied: boolean

  constructor(reason: string, denied = false) {
    super(reason)
    this.denied = denied
  }
}

interface Discovery {
  readonly authorizationEndpoint: string
  readonly tokenEndpoint: string
  readonly jwksUri: string
  readonly namesItself: boolean
  readonly secretInBody: boolean
}

export function createProvider(deps: ProviderDeps): Provider {
  const { signIn, redirectUri, fetch, now } = deps
  const keys = createJwksStore(fetch)
  let known: { readonly discovery: Discovery; readonly until: number } | null = null

  const discover = async (): Promise<Discovery> => {
    if (known !== null && now() < known.until) return known.discovery
    const discovery = readDiscovery(
      await askJson(fetch, `${signIn.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`),
      signIn.issuer,
    )
    known = { discovery, until: now() + providerFreshMillis }
    return discovery
  }

  return {
    authorizationUrl: async (secret) => {
      const { authorizationEndpoint } = await discover()
      const url = new URL(authorizationEndpoint)
      for (const [name, value] of Object.entries({
        response_type: 'code',
        client_id: signIn.clientId,
        redirect_uri: redirectUri,
        scope: 'openid profile',
        state: await derived('state', secret),
        nonce: await derived('nonce', secret),
        code_challenge: await challengeOf(secret),
        code_challenge_method: 'S256',
      }))
        url.searchParams.set(name, value)
      return url.href
    },
    claimsOf: async (answer, secret) => {
      const discovery = await discover()
      const code = readAnswer(answer, {
        state: await derived('state', secret),
        issuer: signIn.issuer,
        namesItself: discovery.namesItself,
      })
      const idToken = await redeem(code, secret, { ...deps, discovery })
      const claims = await verify(idToken, {
        current: () => keys.current(discovery.jwksUri, now()),
        renewed: () => keys.renewed(discovery.jwksUri, now()),
      })
      judge(claims, { signIn, nonce: await derived('nonce', secret), now: now() / 1000 })
      return claims
    },
  }
}

/** One secret in the browser is the verifier; state and nonce follow from it and tell nothing about it. */
async function derived(purpose: 'state' | 'nonce', secret: string): Promise<string> {
  return base64url(await sha256OfText(`${purpose}\n${secret}`))
}

async function askJson(fetch: ProviderDeps['fetch'], url: string, init: RequestInit = {}): Promise<Claims> {
  let status = 0
  try {
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      signal: AbortSignal.timeout(providerFetchMillis),
    })
    status = response.status
    const json: unknown = JSON.parse(await readText(response, providerAnswerBytesMax))
    if (status === 200 && typeof json === 'object' && json !== null && !Array.isArray(json))
      return json as Claims
  } catch (error) {
    throw new ProviderFailure(`the provider cannot be asked: ${error instanceof Error ? error.name : ''}`)
  }
  throw new ProviderFailure(`the provider answered ${status} at ${URL.parse(url)?.pathname}`)
}

function readDiscovery(found: Claims, issuer: string): Discovery {
  if (found['issuer'] !== issuer) throw new ProviderFailure('the discovery document is of another issuer')
  const endpoint = (name: string): string => {
    const url = found[name]
    if (typeof url === 'string' && (url.startsWith('https://') || isLoopbackUrl(url))) return url
    throw new ProviderFailure(`the discovery document has no usable ${name}`)
  }
  const methods = found['token_endpoint_auth_methods_supported']
  return {
    authorizationEndpoint: endpoint('authorization_endpoint'),
    tokenEndpoint: endpoint('token_endpoint'),
    jwksUri: endpoint('jwks_uri'),
    namesItself: found['authorization_response_iss_parameter_supported'] === true,
    // Basic is the default where nothing is said (OpenID Connect Discovery section 3).
    secretInBody: Array.isArray(methods) && !methods.includes('client_secret_basic'),
  }
}

interface Expected {
  readonly state: string
  readonly issuer: string
  readonly namesItself: boolean
}

function readAnswer(answer: URLSearchParams, { state, issuer, namesItself }: Expected): string {
  if (answer.get('state') !== state) throw new ProviderFailure('state is not that of this browser')
  const from = answer.get('iss')
  if (from === null ? namesItself : from !== issuer) throw new ProviderFailure('iss is not the provider')
  if (answer.has('error')) throw new ProviderFailure('the provider refused', true)
  const code = answer.get('code')
  if (code === null) throw new ProviderFailure('there is no code')
  return code
}

/** RFC 6749 section 2.3.1: both parts of Basic are form-encoded first. */
function basic(id: string, secret: string): string {
  return `Basic ${btoa([id, secret].map((part) => new URLSearchParams({ '': part }).toString().slice(1)).join(':'))}`
}

async function redeem(
  code: string,
  verifier: string,
  deps: ProviderDeps & { readonly discovery: Discovery },
): Promise<string> {
  const { signIn, discovery, redirectUri, fetch } = deps
  const secret = await deps.clientSecret()
  if (secret === null && signIn.clientSecret !== null)
    throw new ProviderFailure('the client secret is not set')
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    code_verifier: verifier,
  })
  const headers = new Headers({
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
  })
  if (secret !== null && !discovery.secretInBody) headers.set('authorization', basic(signIn.clientId, secret))
  else {
    body.set('client_id', signIn.clientId)
    if (secret !== null) body.set('client_secret', secret)
  }
  const answer = await askJson(fetch, discovery.tokenEndpoint, {
    method: 'POST',
    headers,
    body: body.toString(),
  })
  const idToken = answer['id_token']
  if (typeof idToken !== 'string') throw new ProviderFailure('the provider gave no ID token')
  return idToken
}

interface KeySource {
  readonly current: () => Promise<KnownKeys>
  readonly renewed: () => Promise<KnownKeys>
}

/** J08: an access or logout token of the same provider is no ID token. */
async function verify(text: string, { current, renewed }: KeySource): Promise<Claims> {
  const token = parseCompact(text)
  if ('malformed' in token) throw new ProviderFailure(`ID token: ${token.malformed}`)
  if (token.typ !== null && token.typ !== 'jwt') throw new ProviderFailure('ID token: another typ')
  const { kid, algorithm } = token
  let { keys } = await current()
  let key = keys.choose(kid, algorithm)
  if (key === null) {
    keys = (await renewed()).keys
    key = keys.choose(kid, algorithm)
  }
  const claims = parseClaims(token)
  if (key === null || claims === null || !(await keys.verifies(key, token)))
    throw new ProviderFailure('ID token: not signed by the provider')
  return claims
}

interface Judged {
  readonly signIn: SignIn
  readonly nonce: string
  /** Seconds since 1970. */
  readonly now: number
}

/** OpenID Connect Core section 3.1.3.7. */
function judge(claims: Claims, { signIn, nonce, now }: Judged): void {
  const { iss, aud, azp, exp, iat } = claims
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  const fault =
    iss !== signIn.issuer
      ? 'iss'
      : !audiences.includes(signIn.clientId)
        ? 'aud'
        : (audiences.length > 1 || azp !== undefined) && azp !== signIn.clientId
          ? 'azp'
          : claims['nonce'] !== nonce
            ? 'nonce'
            : typeof exp !== 'number' || exp + clockToleranceSecondsDefault <= now
              ? 'exp'
              : typeof iat !== 'number' || iat - clockToleranceSecondsDefault > now
                ? 'iat'
                : null
  if (fault !== null) throw new ProviderFailure(`ID token: ${fault}`)
}
