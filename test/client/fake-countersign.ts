/**
 * A stand-in for the Worker that speaks the documented shapes and records what it was
 * sent. It shares no code with the product. Tokens in it are counted out, not signed: nothing here verifies them
 * but by lookup.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  readonly method: string
  /** As it stood in the request line. */
  readonly target: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | object
  /** In place of a body: pieces that are sent one by one, with waits between them. */
  readonly chunks?: readonly (string | Buffer | Promise<void>)[]
  /** Ends the connection after the chunks, not the answer. */
  readonly cut?: boolean
}

/** null: the next handler decides. */
export type Handler = (request: Received) => Reply | null | Promise<Reply | null>

export interface Fake {
  readonly origin: string
  readonly received: Received[]
  /** Asked before the built-in answers, the latest first. */
  readonly handle: (handler: Handler) => void
  /** Personal tokens, and what they are exchanged for. */
  readonly personalTokens: Map<string, { team: string }>
  /** JWTs that calls are accepted with. */
  readonly valid: Set<string>
  /** What `/api/whoami` says of everybody. */
  identity: object
  /** Seconds that a JWT lives from now on. */
  lifetimeSeconds: number
  readonly requestsTo: (path: string) => readonly Received[]
  readonly close: () => Promise<void>
}

export const personalToken = `cst_${'a'.repeat(14)}_${'s'.repeat(43)}_000000`

export const startFake = async (): Promise<Fake> => {
  const handlers: Handler[] = []
  const received: Received[] = []
  const server = createServer((incoming, response) => {
    void answer(fake, handlers, incoming, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const fake: Fake = {
    origin: `http://127.0.0.1:${port}`,
    received,
    handle: (handler) => handlers.unshift(handler),
    personalTokens: new Map([[personalToken, { team: 'checkout' }]]),
    valid: new Set(),
    identity: {
      subject: 'token/1',
      team: 'checkout',
      role: 'member',
      scopes: ['plugipay:customer:*'],
      expiresAt: '2030-01-01T00:00:00.000Z',
    },
    lifetimeSeconds: 600,
    requestsTo: (path) => received.filter(({ target }) => target.split('?')[0] === path),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return fake
}

const answer = async (
  fake: Fake,
  handlers: readonly Handler[],
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  let body = ''
  for await (const chunk of incoming) body += chunk
  const request = {
    method: incoming.method ?? '',
    target: incoming.url ?? '',
    headers: incoming.headers,
    body,
  }
  fake.received.push(request)
  const reply = (await firstReply(handlers, request)) ?? builtIn(fake, request)
  const text = typeof reply.body === 'object' ? JSON.stringify(reply.body) : (reply.body ?? '')
  response.writeHead(reply.status ?? 200, {
    'content-type': 'application/json',
    'countersign-request-id': '01FAKEREQUEST',
    ...reply.headers,
  })
  for (const chunk of reply.chunks ?? []) {
    if (chunk instanceof Promise) await chunk
    else response.write(chunk)
  }
  if (reply.cut === true) {
    // What was written is on its way first.
    setTimeout(() => incoming.socket.destroy(), 50)
    return
  }
  response.end(text)
}

const firstReply = async (handlers: readonly Handler[], request: Received): Promise<Reply | null> => {
  for (const handler of handlers) {
    const reply = await handler(request)
    if (reply !== null) return reply
  }
  return null
}

const builtIn = (fake: Fake, request: Received): Reply => {
  if (request.target === '/oauth/token') return exchange(fake, new URLSearchParams(request.body))
  const token = request.headers.authorization?.replace(/^Bearer /, '')
  if (token === undefined) return problem(401, 'token_missing', 'Send Authorization: Bearer <token>.')
  if (!fake.valid.has(token)) return problem(401, 'token_revoked', 'The token was revoked.')
  if (request.target === '/api/whoami') return { body: fake.identity }
  return { body: { data: [], method: request.method, target: request.target, body: request.body } }
}

const exchange = (fake: Fake, parameters: URLSearchParams): Reply => {
  const subject = fake.personalTokens.get(parameters.get('subject_token') ?? '')
  if (subject === undefined) {
    return {
      status: 400,
      body: { error: 'invalid_request', error_description: 'The subject token is not accepted.' },
    }
  }
  const claims = { ...subject, aud: parameters.get('resource'), jti: String(fake.received.length) }
  const token = makeJwt({ ...claims, exp: Math.floor(Date.now() / 1000) + fake.lifetimeSeconds })
  fake.valid.add(token)
  return { body: { access_token: token, token_type: 'Bearer', expires_in: fake.lifetimeSeconds } }
}

export const problem = (status: number, code: string, detail: string, more: object = {}): Reply => ({
  status,
  headers: { 'content-type': 'application/problem+json', 'countersign-error': code },
  body: { title: code, status, detail, code, requestId: '01FAKEREQUEST', ...more },
})

export const makeJwt = (claims: object): string =>
  [{ alg: 'none' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
    .concat('.c2lnbmF0dXJl')
