/** A running Worker (raw workerd, production build) with a token service, and the words in which tests talk to it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair } from 'jose'
import { expect } from 'vitest'
import { buildBundle, configurationFromBinding } from '../harness/bundle.ts'
import { makeIssuer, type TestIssuer } from '../harness/identity.ts'
import { type RunningWorkerd, startWorkerd } from '../harness/workerd.ts'
import { answerBytes } from '../upstreams/answers.ts'
import { type RawUpstream, startUpstream } from '../upstreams/upstream.ts'

/** What the Worker believes to be reached at; the transport below leads there. */
export const url = 'https://edge.test'
export const adminKey = 'an-admin-key-that-was-made-up-for-tests'
export const upstreamSecret = 'an-upstream-secret-that-was-made-up'
export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
export const jwtType = 'urn:ietf:params:oauth:token-type:jwt'

export interface Edge extends AsyncDisposable {
  readonly upstream: RawUpstream
  readonly github: TestIssuer
  readonly workerd: RunningWorkerd
  /** `fetch` for URLs under `url`; isolates take turns, or `isolate` names one. */
  readonly fetch: (path: string, init?: RequestInit, isolate?: number) => Promise<Response>
}

interface EdgeOptions {
  readonly signingKey?: string | null
  readonly adminKey?: string | null
  readonly stateFolder?: string
  readonly isolates?: number
}

export const makeSigningKeyText = async (): Promise<string> =>
  JSON.stringify(await exportJWK((await generateKeyPair('ES256', { extractable: true })).privateKey))

export const startEdge = async (options: EdgeOptions = {}): Promise<Edge> => {
  const upstream = await startUpstream((_request, socket) => {
    socket.write(answerBytes(200, { reason: 'OK', body: 'ok' }))
  })
  const github = makeIssuer('https://token.actions.test', url)
  const isolates = options.isolates ?? 1
  const signingKey = options.signingKey === undefined ? await makeSigningKeyText() : options.signingKey
  const key = options.adminKey === undefined ? adminKey : options.adminKey
  const stateFolder = options.stateFolder ?? (await mkdtemp(join(tmpdir(), 'countersign-state-')))
  const workerd = await startWorkerd({
    worker: { file: await buildBundle(configurationFromBinding) },
    bindings: {
      TEST_CONFIGURATION: JSON.stringify(configuration(upstream.origin, github)),
      ORDERS_KEY: upstreamSecret,
      ...(key === null ? {} : { COUNTERSIGN_ADMIN_KEY: key }),
      ...(signingKey === null ? {} : { COUNTERSIGN_SIGNING_KEY: signingKey }),
    },
    isolates,
    // Objects have SQL only where their storage is on a disk.
    stateFolder,
  })
  let turn = 0
  return {
    upstream,
    github,
    workerd,
    fetch: (path, init, isolate) => {
      turn += 1
      const port = workerd.ports[(isolate ?? turn) % isolates] ?? workerd.port
      return fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual', ...init })
    },
    [Symbol.asyncDispose]: async () => {
      await workerd.stop()
      await upstream.stop()
      if (options.stateFolder === undefined) await rm(stateFolder, { recursive: true })
    },
  }
}

const configuration = (upstream: string, github: TestIssuer): object => ({
  url,
  issuers: {
    github: {
      issuer: github.issuer,
      jwks: github.jwks,
      algorithms: ['ES256'],
      audience: url,
      typ: ['at+jwt', 'JWT'],
      team: { claim: 'repository', map: { 'acme/shop': 'checkout' } },
      scopes: 'granted',
      where: { ref: 'refs/heads/main' },
      use: ['exchange'],
    },
  },
  upstreams: {
    orders: {
      url: upstream,
      sign: { scheme: 'header', name: 'x-api-key' },
      keys: { main: 'ORDERS_KEY' },
      routes: { 'GET /orders': 'order:read', 'POST /orders': 'order:write', 'GET /refunds': 'refund:read' },
    },
  },
  teams: {
    checkout: { grants: { orders: { keys: ['main'], scopes: ['order:*'] } } },
    search: { grants: { orders: { keys: ['main'], scopes: ['order:read'] } } },
  },
  clients: { shop: { redirectUris: ['https://shop.test/callback'] } },
})

export interface MadeToken {
  readonly id: string
  readonly token: string
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

export const api = (
  edge: Edge,
  path: string,
  { method = 'GET', body, token = adminKey }: { method?: string; body?: object; token?: string } = {},
): Promise<Response> =>
  edge.fetch(`/api${path}`, {
    method,
    headers: { ...bearer(token), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })

export const makeToken = async (edge: Edge, over: object = {}): Promise<MadeToken> => {
  const body = { name: 'build', team: 'checkout', scopes: ['orders:order:*'], expiresIn: '30d', ...over }
  const response = await api(edge, '/tokens', { method: 'POST', body })
  if (response.status !== 201) throw new Error(`no token: ${response.status} ${await response.text()}`)
  return (await response.json()) as MadeToken
}

/** POST of a form. A string is sent as it is. */
export const form = (
  edge: Edge,
  path: string,
  fields: Readonly<Record<string, string>> | string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> =>
  edge.fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: typeof fields === 'string' ? fields : new URLSearchParams(fields).toString(),
  })

export const exchangeFields = (token: string, over: Readonly<Record<string, string>> = {}) => ({
  grant_type: exchangeGrant,
  subject_token: token,
  subject_token_type: accessTokenType,
  ...over,
})

export const exchange = (edge: Edge, token: string, over: Readonly<Record<string, string>> = {}) =>
  form(edge, '/oauth/token', exchangeFields(token, over))

/** An access token for calling, or for the administration. */
export const accessToken = async (
  edge: Edge,
  token: string,
  over: Readonly<Record<string, string>> = {},
): Promise<string> => {
  const response = await exchange(edge, token, over)
  if (response.status !== 200) throw new Error(`no exchange: ${response.status} ${await response.text()}`)
  const { access_token: text } = (await response.json()) as { access_token: string }
  return text
}

export const callOrders = (
  edge: Edge,
  token: string,
  path = '/orders',
  isolate?: number,
): Promise<Response> => edge.fetch(`/orders${path}`, { headers: bearer(token) }, isolate)

/** The `error` of an OAuth answer, or the `code` of a problem, with the status. */
export const failure = async (response: Response): Promise<string> => {
  const { error, code } = (await response.json()) as { error?: string; code?: string }
  const named = error ?? code ?? 'none'
  // Whatever Countersign itself refuses says so, whichever form its body has.
  expect(response.headers.get('countersign-error') ?? 'none').toBe(named)
  return `${response.status} ${named}`
}
