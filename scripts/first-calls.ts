/** The first signed calls of `npm start`: one through each upstream, each by the team that uses it. */
import type { Exchange } from '../src/sandbox/listen.ts'
import type { Sandboxes } from '../src/sandbox/sandboxes.ts'

interface FirstCall {
  readonly team: string
  readonly upstream: string
  readonly method: 'GET' | 'POST'
  /** Behind `/{upstream}`. */
  readonly path: string
  readonly scope: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export const firstCalls: readonly FirstCall[] = [
  {
    team: 'checkout',
    upstream: 'plugipay',
    method: 'POST',
    path: '/api/v1/customers',
    scope: 'plugipay:customer:write',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'first-call' },
    body: '{"name":"Ada Lovelace","email":"ada@acme.example"}',
  },
  { team: 'assistant', upstream: 'pluggedin', method: 'GET', path: '/api/servers', scope: 'pluggedin:*' },
  { team: 'security', upstream: 'plexicus', method: 'GET', path: '/findings', scope: 'plexicus:*' },
  { team: 'studio', upstream: 'onepin', method: 'GET', path: '/api/v1/auth/whoami', scope: 'onepin:*' },
  {
    team: 'finance',
    upstream: 'orders',
    method: 'GET',
    path: '/orders?state=paid',
    scope: 'orders:order:read',
  },
]

export interface CallResult {
  readonly call: FirstCall
  readonly status: number
  readonly body: string
  /** What the sandbox saw of this call; undefined when nothing arrived there. */
  readonly exchange: Exchange | undefined
  /** Null when the call did what it should. */
  readonly fault: string | null
}

interface CallOptions {
  readonly origin: string
  readonly token: string
  readonly sandboxes: Sandboxes
}

export const makeFirstCall = async (
  call: FirstCall,
  { origin, token, sandboxes }: CallOptions,
): Promise<CallResult> => {
  const before = sandboxes.latest(call.upstream)
  const response = await fetch(`${origin}/${call.upstream}${call.path}`, {
    method: call.method,
    headers: { ...call.headers, authorization: `Bearer ${token}` },
    ...(call.body === undefined ? {} : { body: call.body }),
  })
  const body = (await response.text()).trim()
  const after = sandboxes.latest(call.upstream)
  const exchange = after === before ? undefined : after
  return { call, status: response.status, body, exchange, fault: findFault(response, body, exchange) }
}

const findFault = (response: Response, body: string, exchange: Exchange | undefined): string | null => {
  const own = response.headers.get('countersign-error')
  if (own !== null) return `Countersign refused it: ${response.status} ${own} ${body}`
  if (exchange === undefined)
    return `nothing arrived at the upstream; the answer was ${response.status} ${body}`
  if (!exchange.verdict.accepted) return `the upstream refused its credential: ${exchange.verdict.code}`
  return response.ok ? null : `the upstream answered ${response.status} ${body}`
}
