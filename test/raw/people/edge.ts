/**
 * The production build on raw workerd at an origin of its own on loopback, with a provider to sign in at, and a
 * browser without a screen: it keeps cookies, follows redirects, and sends forms with the headers that browsers add.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startOpenidProvider } from '../../../src/sandbox/openid.ts'
import { buildBundle, configurationFromBinding } from '../harness/bundle.ts'
import { startWorkerd } from '../harness/workerd.ts'
import { makeSigningKeyText } from '../oauth/edge.ts'
import { answerBytes } from '../upstreams/answers.ts'
import { type RawUpstream, startUpstream } from '../upstreams/upstream.ts'

export const adminKey = 'an-admin-key-that-was-made-up-for-tests'
export const cli = 'countersign-cli'
export const shopOrigin = 'https://shop.test'
export const shopRedirect = `${shopOrigin}/callback`
export const signInSecret = 'a-client-secret-that-was-made-up'

export interface PeopleEdge extends AsyncDisposable {
  readonly url: string
  readonly provider: string
  readonly upstream: RawUpstream
  /** Adds to what the provider says about its people, from the next sign-in on. */
  readonly people: Record<string, Record<string, unknown>>
  readonly output: () => string
  readonly stateFolder: string
  /** Ends it, and leaves what it stored. */
  readonly stop: () => Promise<void>
}

export interface PeopleEdgeOptions {
  /** Instead of the sandbox provider. */
  readonly issuer?: string
  readonly clients?: object
  readonly origins?: readonly string[]
  readonly adminKey?: string
  readonly stateFolder?: string
  /** Where it listens, when it must be the same again. */
  readonly port?: number
}

export const startPeopleEdge = async (options: PeopleEdgeOptions = {}): Promise<PeopleEdge> => {
  // Workerd chooses its port when it starts, but its own URL is part of its configuration.
  let inner = 0
  const front = createServer((socket) => {
    const behind = createConnection(inner, '127.0.0.1')
    socket.pipe(behind).pipe(socket)
    socket.on('error', () => behind.destroy())
    behind.on('error', () => socket.destroy())
  })
  await new Promise<void>((resolve) => front.listen(options.port ?? 0, '127.0.0.1', resolve))
  const address = front.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  const people: Record<string, Record<string, unknown>> = {
    ada: { team: 'checkout', role: 'admin' },
    lin: { team: 'checkout' },
    kim: { team: 'search', role: 'lead' },
    root: { role: 'admin' },
    guest: {},
  }
  const provider = await startOpenidProvider({ port: 0, people: () => people })
  const upstream = await startUpstream((_request, socket) => {
    socket.write(answerBytes(200, { reason: 'OK', body: 'ok' }))
  })
  const stateFolder = options.stateFolder ?? (await mkdtemp(join(tmpdir(), 'countersign-state-')))
  const issuer = options.issuer ?? provider.url
  const workerd = await startWorkerd({
    worker: { file: await buildBundle(configurationFromBinding) },
    bindings: {
      TEST_CONFIGURATION: JSON.stringify(configuration(url, { upstream: upstream.origin, issuer, options })),
      ORDERS_KEY: 'an-upstream-secret-that-was-made-up',
      SIGN_IN_SECRET: signInSecret,
      COUNTERSIGN_ADMIN_KEY: options.adminKey ?? adminKey,
      COUNTERSIGN_SIGNING_KEY: await makeSigningKeyText(),
    },
    stateFolder,
  })
  inner = workerd.port
  const stop = async (): Promise<void> => {
    await workerd.stop()
    await Promise.all([provider.close(), upstream.stop()])
    await new Promise((resolve) => front.close(resolve))
  }
  return {
    url,
    provider: provider.url,
    upstream,
    people,
    output: workerd.output,
    stateFolder,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop()
      if (options.stateFolder === undefined) await rm(stateFolder, { recursive: true })
    },
  }
}

interface Around {
  readonly upstream: string
  readonly issuer: string
  readonly options: PeopleEdgeOptions
}

const configuration = (url: string, { upstream, issuer, options }: Around): object => ({
  url,
  issuers: {},
  upstreams: {
    orders: {
      url: upstream,
      sign: { scheme: 'header', name: 'x-api-key' },
      keys: { main: 'ORDERS_KEY' },
      routes: { 'GET /orders': 'order:read', 'POST /orders': 'order:write' },
    },
  },
  teams: {
    checkout: {
      grants: { orders: { keys: ['main'], scopes: ['order:*'] } },
      origins: options.origins ?? [shopOrigin],
    },
    search: { grants: { orders: { keys: ['main'], scopes: ['order:read'] } } },
  },
  clients: options.clients ?? { shop: { redirectUris: [shopRedirect] } },
  signIn: {
    issuer,
    clientId: 'countersign',
    ...(options.issuer === undefined ? {} : { clientSecret: 'SIGN_IN_SECRET' }),
    team: { claim: 'team' },
    role: { claim: 'role', map: { admin: 'admin', lead: 'team-admin' } },
  },
})

type Fields = Readonly<Record<string, string>> | URLSearchParams

/** A browser as far as HTTP sees it. */
export class Browser {
  readonly #cookies = new Map<string, string>()

  /** The answer itself; redirects are not followed. */
  async open(url: string, init: RequestInit = {}): Promise<Response> {
    const { origin } = new URL(url)
    const headers = new Headers(init.headers)
    const jar = [...this.#cookies].filter(([name]) => name.startsWith(`${origin} `))
    if (jar.length > 0)
      headers.set('cookie', jar.map(([name, value]) => `${name.split(' ')[1]}=${value}`).join('; '))
    const response = await fetch(url, { redirect: 'manual', ...init, headers })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (/; Max-Age=0(?:;|$)/.test(cookie)) this.#cookies.delete(`${origin} ${name}`)
      else this.#cookies.set(`${origin} ${name}`, value)
    }
    return response
  }

  /** Follows redirects until an answer is none, or leads to where nobody listens. */
  async visit(url: string): Promise<{ readonly url: string; readonly response: Response }> {
    let at = url
    for (let hops = 0; hops < 10; hops += 1) {
      const response = await this.open(at)
      const location = response.headers.get('location')
      if (location === null) return { url: at, response }
      at = new URL(location, at).href
    }
    throw new Error(`too many redirects at ${at}`)
  }

  /** Sends a form from a page of that origin. */
  post(url: string, fields: Fields, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return this.open(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        origin: new URL(url).origin,
        'sec-fetch-site': 'same-origin',
        ...headers,
      },
      body: new URLSearchParams(fields).toString(),
    })
  }

  cookie(url: string): string | undefined {
    return this.#cookies.get(`${new URL(url).origin} countersign-session`)
  }
}

/** A browser in which this person has signed in through the provider. */
export const signedInBrowser = async (edge: PeopleEdge, person: string): Promise<Browser> => {
  const browser = new Browser()
  const { url, response } = await browser.visit(`${edge.url}/oauth/sign-in/start`)
  if (!url.startsWith(edge.provider)) throw new Error(`not at the provider: ${url} ${await response.text()}`)
  const chosen = new URL(url)
  chosen.searchParams.set('person', person)
  const { response: last } = await browser.visit(chosen.href)
  if (last.status !== 200) throw new Error(`not signed in: ${last.status} ${await last.text()}`)
  return browser
}

/** The CSRF token of a page. */
export const csrfOf = async (page: Response | string): Promise<string> => {
  const text = typeof page === 'string' ? page : await page.text()
  const [, token] = /name="csrf" value="([0-9a-f]{64})"/.exec(text) ?? []
  if (token === undefined) throw new Error(`no csrf token in ${text}`)
  return token
}

export const form = (
  edge: PeopleEdge,
  path: string,
  fields: Readonly<Record<string, string>>,
): Promise<Response> => fetch(`${edge.url}${path}`, { method: 'POST', body: new URLSearchParams(fields) })

export interface Issued {
  readonly access_token: string
  readonly refresh_token: string
  readonly scope: string
  readonly expires_in: number
}

export const issued = async (response: Response): Promise<Issued> => {
  if (response.status !== 200) throw new Error(`no token: ${response.status} ${await response.text()}`)
  return (await response.json()) as Issued
}

/** `400 invalid_grant` */
export const failure = async (response: Response): Promise<string> => {
  const { error, code } = (await response.json()) as { error?: string; code?: string }
  return `${response.status} ${error ?? code ?? 'none'}`
}

export interface Device {
  readonly device_code: string
  readonly user_code: string
  readonly verification_uri_complete: string
  readonly interval: number
}

export const beginDevice = async (
  edge: PeopleEdge,
  fields: Readonly<Record<string, string>> = {},
): Promise<Device> =>
  (await form(edge, '/oauth/device_authorization', { client_id: cli, ...fields })).json() as Promise<Device>

export const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

export const poll = (edge: PeopleEdge, { device_code }: Device, over: Record<string, string> = {}) =>
  form(edge, '/oauth/token', { grant_type: deviceGrant, device_code, client_id: cli, ...over })

export const decide = async (
  browser: Browser,
  { verification_uri_complete: page, user_code }: Device,
  decision: 'approve' | 'deny' = 'approve',
): Promise<Response> => {
  const shown = await browser.open(page)
  const csrf = await csrfOf(shown)
  return browser.post(page.split('?')[0] ?? '', { csrf, user_code, decision })
}

/** A login by device, from beginning to end. */
export const logIn = async (
  edge: PeopleEdge,
  person: string,
  fields: Readonly<Record<string, string>> = {},
): Promise<Issued> => {
  const device = await beginDevice(edge, fields)
  await decide(await signedInBrowser(edge, person), device)
  return issued(await poll(edge, device))
}

export const refresh = (edge: PeopleEdge, token: string, over: Readonly<Record<string, string>> = {}) =>
  form(edge, '/oauth/token', {
    grant_type: 'refresh_token',
    refresh_token: token,
    client_id: cli,
    ...over,
  })

export const callOrders = (edge: PeopleEdge, token: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${edge.url}/orders/orders`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, ...init.headers },
  })

export const whoami = (edge: PeopleEdge, token: string): Promise<Response> =>
  fetch(`${edge.url}/api/whoami`, { headers: { authorization: `Bearer ${token}` } })
