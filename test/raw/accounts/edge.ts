/** Isolates of the production build around one set of accounts, with an upstream that counts what reaches it. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildBundle, configurationFromBinding } from '../harness/bundle.ts'
import { makeIssuer } from '../harness/identity.ts'
import { type RunningWorkerd, startWorkerd } from '../harness/workerd.ts'

const url = 'https://edge.test'

export interface LimitEntry {
  readonly name: string
  readonly requests: number
  readonly per: string
  readonly burst?: number
  readonly methods?: readonly string[]
}

interface EdgeOptions {
  readonly isolates: number
  /** Limits by team. */
  readonly teams: Readonly<Record<string, readonly LimitEntry[]>>
  readonly timeoutMs?: number
  /** Answers a counted request; 200 at once without it. */
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => void
}

export interface Books {
  readonly granted: number
  readonly used: number
  readonly returned: number
  readonly outstanding: number
  readonly unsettled: number
  readonly rows: readonly Readonly<Record<string, string | number | null>>[]
  readonly refused: readonly { readonly code: string; readonly requests: number }[]
}

export const startEdge = async ({ isolates, teams, timeoutMs = 5_000, answer }: EdgeOptions) => {
  /** Times at which requests reached the upstream, by team. */
  const seen: { readonly team: string; readonly at: number }[] = []
  const server = createServer((request, response) => {
    seen.push({ team: String(request.headers['x-team']), at: performance.now() })
    request.resume()
    if (answer === undefined) response.end('ok')
    else answer(request, response)
  })
  // Longer than any test: an idle connection that is closed just when it is used again looks like an outage.
  server.keepAliveTimeout = 600_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = makeIssuer('https://login.test', url)
  const adminKey = randomBytes(24).toString('base64url')
  const configuration = {
    url,
    issuers: {
      acme: {
        issuer: issuer.issuer,
        jwks: issuer.jwks,
        algorithms: ['ES256'],
        audience: url,
        team: { claim: 'team' },
        scopes: { claim: 'scope' },
      },
    },
    upstreams: {
      orders: {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        sign: { scheme: 'bearer' },
        keys: { main: 'API_KEY' },
        routes: { '* /**': 'all' },
        headers: { allow: ['x-team', 'x-behave'] },
        timeoutMs,
      },
    },
    teams: Object.fromEntries(
      Object.entries(teams).map(([team, limits]) => [
        team,
        { grants: { orders: { keys: ['main'], scopes: ['*'] } }, limits },
      ]),
    ),
  }
  const stateFolder = await mkdtemp(join(tmpdir(), 'countersign-accounts-'))
  const bundle = await buildBundle(configurationFromBinding)
  const start = () =>
    startWorkerd({
      worker: { file: bundle },
      bindings: {
        TEST_CONFIGURATION: JSON.stringify(configuration),
        COUNTERSIGN_ADMIN_KEY: adminKey,
        API_KEY: randomBytes(18).toString('base64url'),
      },
      isolates,
      stateFolder,
    })
  let edge: RunningWorkerd = await start()
  const tokens = new Map<string, string>()
  const tokenOf = (team: string, claims: Readonly<Record<string, unknown>> = {}): string => {
    const key = JSON.stringify([team, claims])
    const made =
      tokens.get(key) ?? issuer.token({ team, scope: 'orders:*', sub: 'alice', jti: key, ...claims })
    tokens.set(key, made)
    return made
  }
  return {
    seen,
    tokenOf,
    get output() {
      return edge.output()
    },
    /** One call through an isolate; rejects when the connection breaks. */
    call: async (isolate: number, team: string, init: CallInit = {}) => {
      const response = await fetch(`http://127.0.0.1:${edge.ports[isolate]}/orders/1`, {
        method: init.method ?? 'GET',
        headers: { authorization: `Bearer ${tokenOf(team, init.claims)}`, 'x-team': team, ...init.headers },
        signal: AbortSignal.timeout(20_000),
      })
      await response.arrayBuffer()
      return {
        status: response.status,
        code: response.headers.get('countersign-error'),
        headers: response.headers,
      }
    },
    admin: async (
      method: string,
      path: string,
      body?: object,
      headers: Readonly<Record<string, string>> = {},
    ) => {
      const response = await fetch(`http://127.0.0.1:${edge.ports[0]}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${adminKey}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: response.status, headers: response.headers, text: await response.text() }
    },
    /** SIGKILL, and a new process on the same storage. */
    restart: async () => {
      await edge.kill()
      edge = await start()
    },
    stop: async () => {
      await edge.stop()
      server.closeAllConnections()
      server.close()
      await rm(stateFolder, { recursive: true, force: true })
    },
  }
}

interface CallInit {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly claims?: Readonly<Record<string, unknown>>
}

export type Edge = Awaited<ReturnType<typeof startEdge>>

export const booksOf = async (edge: Edge, team: string, query = ''): Promise<Books> => {
  const { status, text } = await edge.admin('GET', `/api/usage?team=${team}${query}`)
  if (status !== 200) throw new Error(`usage: ${status} ${text}`)
  return JSON.parse(text) as Books
}

export const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))
