/**
 * The server's side of bearer tokens (RFC 6750 section 2.1), as three of the sandboxes use them: the token from
 * the Authorization header and nowhere else, the key that it belongs to, the scope that the route needs.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { fieldValues, type ReceivedRequest } from './listen.ts'

export interface BearerKey {
  /** How the sandbox calls it in its answers and in its log; never the token. */
  readonly name: string
  readonly token: string
  readonly scopes: readonly string[]
  readonly revoked?: boolean
  /** Milliseconds since 1970. */
  readonly expiresAt?: number
  /** More than these in one minute are answered 429. */
  readonly requestsPerMinute?: number
}

/** `METHOD /path`, a segment `*` for any one; what a call of it needs and what it answers. */
export interface BearerRoute {
  readonly route: string
  /** Null: any valid key. */
  readonly scope: string | null
  readonly answer: (
    request: ReceivedRequest,
    key: BearerKey,
  ) => { readonly status: number; readonly data: unknown }
}

export type BearerOutcome =
  | { readonly kind: 'answer'; readonly key: BearerKey; readonly status: number; readonly data: unknown }
  | { readonly kind: 'unauthorized' | 'expired' | 'revoked' }
  | { readonly kind: 'forbidden'; readonly key: BearerKey; readonly scope: string }
  | { readonly kind: 'limited'; readonly key: BearerKey; readonly retryAfterSeconds: number }
  | { readonly kind: 'not-found'; readonly key: BearerKey }

/** Decides everything about a call but its wording, which differs from API to API. */
export function bearerDecider(
  keys: readonly BearerKey[],
  routes: readonly BearerRoute[],
): (request: ReceivedRequest) => BearerOutcome {
  const countsThisMinute = new Map<string, { readonly minute: number; readonly count: number }>()

  return (request) => {
    const token = bearerToken(request)
    const key = token === null ? undefined : keys.find((candidate) => sameText(candidate.token, token))
    if (key === undefined) return { kind: 'unauthorized' }
    if (key.revoked === true) return { kind: 'revoked' }
    if (key.expiresAt !== undefined && request.receivedAt >= key.expiresAt) return { kind: 'expired' }

    if (key.requestsPerMinute !== undefined) {
      const minute = Math.floor(request.receivedAt / 60_000)
      const current = countsThisMinute.get(key.name)
      const count = current?.minute === minute ? current.count + 1 : 1
      countsThisMinute.set(key.name, { minute, count })
      if (count > key.requestsPerMinute) {
        const retryAfterSeconds = Math.max(1, Math.ceil(((minute + 1) * 60_000 - request.receivedAt) / 1_000))
        return { kind: 'limited', key, retryAfterSeconds }
      }
    }

    const route = routes.find((candidate) => matches(candidate.route, request))
    if (route === undefined) return { kind: 'not-found', key }
    if (route.scope !== null && !key.scopes.includes(route.scope)) {
      return { kind: 'forbidden', key, scope: route.scope }
    }
    return { kind: 'answer', key, ...route.answer(request, key) }
  }
}

function bearerToken(request: ReceivedRequest): string | null {
  const [value, ...others] = fieldValues(request, 'authorization')
  if (value === undefined || others.length > 0) return null
  return /^Bearer ([\x21-\x7e]+)$/.exec(value)?.[1] ?? null
}

/** By digest, since `timingSafeEqual` compares only what has one length. */
function sameText(left: string, right: string): boolean {
  return timingSafeEqual(
    createHash('sha256').update(left).digest(),
    createHash('sha256').update(right).digest(),
  )
}

function matches(route: string, request: ReceivedRequest): boolean {
  const [method, pattern = ''] = route.split(' ')
  if (method !== request.method && !(method === 'GET' && request.method === 'HEAD')) return false
  const path = (request.target.split('?', 1)[0] ?? '').split('/')
  const segments = pattern.split('/')
  return (
    segments.length === path.length &&
    segments.every((segment, at) => segment === '*' || segment === path[at])
  )
}
