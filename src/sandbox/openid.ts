/**
 * An OpenID provider for `npm start`: nobody has a password, one chooses who to be. It shares no code with the
 * product; what it checks (client, redirect URI, PKCE, codes that work once) it checks by itself.
 */
import {
  createHash,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

/** What stands in a person's ID token beside `sub`. */
export type SandboxPeople = Readonly<Record<string, Readonly<Record<string, unknown>>>>

export const sandboxPeople: SandboxPeople = {
  ada: { team: 'checkout', role: 'admin' },
  lin: { team: 'checkout', role: 'member' },
  kim: { team: 'finance', role: 'team-admin' },
}

export interface OpenidProvider {
  readonly url: string
  readonly close: () => Promise<void>
}

interface OpenidOptions {
  /** 0 takes any free port. */
  readonly port: number
  readonly people: () => SandboxPeople
}

interface Authorization {
  readonly person: string
  readonly clientId: string
  readonly redirectUri: string
  readonly challenge: string
  readonly nonce: string | null
  readonly endsAt: number
}

const codeMillis = 60_000
const tokenSeconds = 300

/** What the provider knows while it runs. */
interface State {
  url: string
  readonly people: () => SandboxPeople
  readonly privateKey: KeyObject
  /** As its JWKS publishes it. */
  readonly publicJwk: JsonWebKey & { readonly kid: string }
  /** Codes that nobody has redeemed yet. */
  readonly codes: Map<string, Authorization>
}

/** Starts it on 127.0.0.1. Rejects with the error of `listen`. */
export async function startOpenidProvider({ port, people }: OpenidOptions): Promise<OpenidProvider> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const kid = randomBytes(8).toString('hex')
  const publicJwk = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' }
  const state: State = { url: '', people, privateKey, publicJwk, codes: new Map() }
  const server = createServer((request, response) => {
    answer(request, state).then(
      (reply) => send(response, reply),
      () => response.destroy(),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the provider listens on a TCP port')
  state.url = `http://127.0.0.1:${address.port}`
  return {
    url: state.url,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(request: IncomingMessage, state: State): Promise<Reply> {
  const { pathname, searchParams } = new URL(request.url ?? '/', state.url)
  switch (`${request.method} ${pathname}`) {
    case 'GET /.well-known/openid-configuration':
      return { status: 200, json: discovery(state.url) }
    case 'GET /jwks':
      return { status: 200, json: { keys: [state.publicJwk] } }
    case 'GET /authorize':
      return authorize(searchParams, state)
    case 'POST /token':
      return redeem(new URLSearchParams(await textOf(request)), state)
  }
  return { status: 404, html: '<h1>There is nothing here</h1>' }
}

function authorize(query: URLSearchParams, { url, people, codes }: State): Reply {
  const redirectUri = query.get('redirect_uri') ?? ''
  const challenge = query.get('code_challenge') ?? ''
  const clientId = query.get('client_id') ?? ''
  const host = URL.parse(redirectUri)?.hostname
  const good =
    query.get('response_type') === 'code' &&
    query.get('code_challenge_method') === 'S256' &&
    challenge !== '' &&
    clientId !== '' &&
    (host === '127.0.0.1' || host === 'localhost')
  if (!good) return { status: 400, html: '<h1>This request is not one that the sandbox answers</h1>' }
  const person = query.get('person')
  if (person === null || !Object.hasOwn(people(), person))
    return { status: 200, html: choice(query, people()) }
  const code = randomBytes(32).toString('base64url')
  const nonce = query.get('nonce')
  codes.set(code, { person, clientId, redirectUri, challenge, nonce, endsAt: Date.now() + codeMillis })
  const back = new URL(redirectUri)
  for (const [name, value] of Object.entries({ code, state: query.get('state') ?? '', iss: url }))
    back.searchParams.set(name, value)
  return { status: 302, location: back.href }
}

function redeem(form: URLSearchParams, state: State): Reply {
  const { codes } = state
  const code = form.get('code') ?? ''
  const found = codes.get(code)
  codes.delete(code)
  const proven = createHash('sha256')
    .update(form.get('code_verifier') ?? '')
    .digest('base64url')
  const good =
    found !== undefined &&
    form.get('grant_type') === 'authorization_code' &&
    found.endsAt > Date.now() &&
    found.clientId === form.get('client_id') &&
    found.redirectUri === form.get('redirect_uri') &&
    found.challenge === proven
  if (!good) return { status: 400, json: { error: 'invalid_grant' } }
  return {
    status: 200,
    json: {
      access_token: randomBytes(32).toString('base64url'),
      token_type: 'Bearer',
      expires_in: tokenSeconds,
      id_token: idToken(found, state),
    },
  }
}

function idToken({ person, clientId, nonce }: Authorization, state: State): string {
  const { url, people, privateKey, publicJwk } = state
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: url,
    sub: person,
    aud: clientId,
    iat: now,
    exp: now + tokenSeconds,
    nonce,
    ...people()[person],
  }
  const text = [{ alg: 'ES256', typ: 'JWT', kid: publicJwk.kid }, claims].map(encode).join('.')
  const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}

function discovery(url: string): object {
  return {
    issuer: url,
    authorization_endpoint: `${url}/authorize`,
    token_endpoint: `${url}/token`,
    jwks_uri: `${url}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    authorization_response_iss_parameter_supported: true,
  }
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

const bodyBytesMax = 65_536

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) {
    text += String(chunk)
    if (text.length > bodyBytesMax) throw new Error('too large')
  }
  return text
}

type Reply =
  | { readonly status: number; readonly json: object }
  | { readonly status: number; readonly html: string }
  | { readonly status: 302; readonly location: string }

function send(response: ServerResponse, reply: Reply): void {
  response.setHeader('cache-control', 'no-store')
  if ('location' in reply) {
    response.writeHead(reply.status, { location: reply.location }).end()
    return
  }
  const type = 'json' in reply ? 'application/json' : 'text/html; charset=utf-8'
  response
    .writeHead(reply.status, { 'content-type': type })
    .end('json' in reply ? JSON.stringify(reply.json) : reply.html)
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

const style =
  ':root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:28rem;margin:12vh auto;padding:0 1rem}li{margin:.5rem 0}ul{padding:0;list-style:none}a{display:block;padding:.6rem 1rem;border:1px solid;border-radius:8px;color:inherit;text-decoration:none}'

function choice(query: URLSearchParams, people: SandboxPeople): string {
  const items = Object.entries(people).map(([person, claims]) => {
    const link = new URLSearchParams(query)
    link.set('person', person)
    const about = Object.entries(claims).map(([name, value]) => `${name} ${String(value)}`)
    return `<li><a href="/authorize?${escaped(link.toString())}"><strong>${escaped(person)}</strong> ${escaped(about.join(', '))}</a></li>`
  })
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Acme login</title><style>${style}</style><h1>Acme login</h1><p>A sandbox on this machine: nobody has a password. Who are you?</p><ul>${items.join('')}</ul></html>`
}
