/**
 * The company's OpenID provider (OpenID Connect Core 1.0 section 3.1, RFC 7636, RFC 9207): we are its client, with
 * a code and PKCE. Endpoints come from its discovery document and keys from its JWKS; the ID token is verified by
 * the same code as every other token.
 */
import { readTextAtMost } from '../../core/bounded-text.ts'
import { base64url, sha256OfText } from '../../core/bytes.ts'
import type { SignIn } from '../../core/configuration.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import {
  clockToleranceSecondsDefault,
  providerAnswerBytesMax,
  providerFetchMillis,
  providerFreshMillis,
} from '../../core/limits.ts'
import { isLoopbackUrl } from '../../core/url.ts'
import { parseClaims, parseCompact } from '../../identity/compact.ts'
import { createJwksStore, type JwksDeps, type JwksStore } from '../../identity/jwks.ts'
import { challengeOf } from '../../tokens/authorization.ts'

export type Claims = JsonObject

export interface ProviderDeps extends JwksDeps {
  readonly signIn: SignIn
  /** The client's secret; null for a public client. */
  readonly clientSecret: () => Promise<string | null>
  /** Where the provider sends people back to. */
  readonly redirectUri: string
  readonly now: () => number
}

export interface Provider {
  /** The page to send a person to. `secret`: 256 random bits that stay in their browser. */
  authorizationUrl(secret: string): Promise<string>
  /** The verified claims of who came back. Rejects with ProviderFailure. */
  claimsOf(answer: URLSearchParams, secret: string): Promise<Claims>
}

/** Its message is for the log. */
export class ProviderFailure extends Error {
  override readonly name = 'ProviderFailure'
}

/** As much of OpenID Connect Discovery section 3 as is used; the endpoints are URLs to be asked. */
interface Discovery extends Claims {
  readonly authorization_endpoint: string
  readonly token_endpoint: string
  readonly jwks_uri: string
}

/** Discovery document and keys are fetched when they are first needed, and kept for ten minutes. */
export function createProvider(deps: ProviderDeps): Provider {
  const { signIn, redirectUri, fetch, now } = deps
  const keys = createJwksStore(deps)
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
      const url = new URL((await discover()).authorization_endpoint)
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
      const code = readAnswer(answer, await derived('state', secret), discovery)
      const idToken = await redeem(code, secret, { ...deps, discovery })
      const claims = await verify(idToken, keys, { url: discovery.jwks_uri, now: now() })
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
    const text = await readTextAtMost(response.body, providerAnswerBytesMax)
    const json: unknown = text === null ? null : JSON.parse(text)
    if (status === 200 && isJsonObject(json)) return json
  } catch (error) {
    throw new ProviderFailure(`the provider cannot be asked: ${error instanceof Error ? error.name : ''}`)
  }
  throw new ProviderFailure(`the provider answered ${status} at ${URL.parse(url)?.pathname}`)
}

function readDiscovery(found: Claims, issuer: string): Discovery {
  if (found['issuer'] !== issuer) throw new ProviderFailure('the discovery document is of another issuer')
  for (const name of ['authorization_endpoint', 'token_endpoint', 'jwks_uri']) {
    const url = found[name]
    if (typeof url !== 'string' || !(url.startsWith('https://') || isLoopbackUrl(url)))
      throw new ProviderFailure(`the discovery document has no usable ${name}`)
  }
  return found as Discovery
}

/** The code. RFC 9207: where the provider says that it names itself, it must. */
function readAnswer(answer: URLSearchParams, state: string, discovery: Discovery): string {
  if (answer.get('state') !== state) throw new ProviderFailure('state is not that of this browser')
  const named = discovery['authorization_response_iss_parameter_supported'] === true
  const from = answer.get('iss') ?? (named ? '' : discovery['issuer'])
  if (from !== discovery['issuer']) throw new ProviderFailure('iss is not the provider')
  if (answer.has('error')) throw new ProviderFailure('the provider refused')
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
    throw new ProviderFailure('the client secret is not set, or cannot be read')
  const { clientId } = signIn
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
  const methods = discovery['token_endpoint_auth_methods_supported']
  // Basic is the default where nothing is said (OpenID Connect Discovery section 3).
  if (secret !== null && (!Array.isArray(methods) || methods.includes('client_secret_basic')))
    headers.set('authorization', basic(clientId, secret))
  else {
    body.set('client_id', clientId)
    if (secret !== null) body.set('client_secret', secret)
  }
  const answer = await askJson(fetch, discovery.token_endpoint, { method: 'POST', headers, body })
  const idToken = answer['id_token']
  if (typeof idToken !== 'string') throw new ProviderFailure('the provider gave no ID token')
  return idToken
}

/** J08: an access or logout token of the same provider is no ID token. */
async function verify(
  text: string,
  store: JwksStore,
  { url, now }: { readonly url: string; readonly now: number },
): Promise<Claims> {
  const token = parseCompact(text)
  if ('malformed' in token) throw new ProviderFailure(`ID token: ${token.malformed}`)
  if (token.typ !== null && token.typ !== 'jwt') throw new ProviderFailure('ID token: another typ')
  const { kid, algorithm } = token
  let { keys } = await store.current(url, now)
  if (keys.choose(kid, algorithm) === null) keys = (await store.renewed(url, now)).keys
  const key = keys.choose(kid, algorithm)
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
  const { issuer, clientId } = signIn
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  const good = {
    iss: iss === issuer,
    aud: audiences.includes(clientId),
    azp: azp === clientId || (azp === undefined && audiences.length === 1),
    nonce: claims['nonce'] === nonce,
    exp: typeof exp === 'number' && exp + clockToleranceSecondsDefault > now,
    iat: typeof iat === 'number' && iat - clockToleranceSecondsDefault <= now,
  }
  for (const [name, holds] of Object.entries(good)) if (!holds) throw new ProviderFailure(`ID token: ${name}`)
}
