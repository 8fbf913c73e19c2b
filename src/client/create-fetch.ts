import type { Fetch } from './exchange.ts'
import { countersignOrigin } from './origin.ts'
import { type Body, follow, platformFollows } from './redirect.ts'
import { createTokenSource } from './token-source.ts'

interface CommonOptions {
  /** Origin of the Countersign, such as `https://edge.acme.example`; relative paths are resolved against it. */
  readonly url: string
  /** Exchange JWTs too (RFC 8693), for an issuer whose tokens do not call by themselves. */
  readonly exchange?: boolean
  /** Scopes to ask for in an exchange, separated by spaces; without it all that the token holds. */
  readonly scope?: string
  /** The team that an exchanged token must speak for; another one's is refused before anything is called. */
  readonly team?: string
  /** Sent as `Countersign-Key` where a call does not set it. */
  readonly key?: string
  /** What requests are made with; without it, the platform's own. */
  readonly fetch?: Fetch
}

export type CreateFetchOptions = CommonOptions &
  (
    | {
        /**
         * A personal token (`cst_...`), which is exchanged, or a JWT that Countersign accepts. A variable of the
         * environment that is not set (undefined) is refused at once, with a TypeError.
         */
        readonly token: string | undefined
        readonly tokenProvider?: never
      }
    | {
        /** Asked whenever a token is needed: gives what `token` may be, such as a CI job's own JWT. */
        readonly tokenProvider: () => string | Promise<string>
        readonly token?: never
      }
  )

/** Codes of `Countersign-Error` after which a new token may help. */
const renewable = /^token_(revoked|expired|invalid)$/

/**
 * A `fetch` that carries a valid access token to Countersign, and to nowhere else: calls of other origins go out
 * as they are, and a redirect to one loses the token. When Countersign refuses the token, the call is made once
 * more with a new one, if its body can be sent again. Rejects with CountersignError when no token can be had,
 * or with what a `tokenProvider` threw.
 */
export function createFetch(options: CreateFetchOptions): Fetch {
  const origin = countersignOrigin(options.url)
  const { key, exchange = false, scope, team } = options
  // Called as a plain function: some platforms refuse `fetch` with another `this`.
  const fetch: Fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init))
  const token = options.token ?? options.tokenProvider
  if (!token) throw new TypeError('createFetch needs a token or a tokenProvider')
  const tokens = createTokenSource({ origin, token, exchange, scope, team, fetch })

  return async (input, init = {}) => {
    const request = typeof input === 'object' && 'url' in input ? input : null
    const url = new URL(request?.url ?? String(input), origin)
    if (url.origin !== origin) return fetch(request ?? url, init)

    const redirect = init.redirect ?? request?.redirect ?? 'follow'
    const byHand = redirect === 'follow' && !platformFollows()
    const body = replayableBody(request, init)
    const signal = init.signal ?? request?.signal ?? null

    const send = async (accessToken: string): Promise<Response> => {
      const headers = new Headers(init.headers ?? request?.headers)
      headers.set('authorization', `Bearer ${accessToken}`)
      headers.delete('countersign-authorization')
      if (key !== undefined && !headers.has('countersign-key')) headers.set('countersign-key', key)
      const answer = await fetch(request ?? url, {
        ...init,
        headers,
        redirect: byHand ? 'manual' : redirect,
      })
      if (!byHand) return answer
      const method = (init.method ?? request?.method ?? 'GET').toUpperCase()
      return follow(answer, { url, method, headers, body, signal }, fetch)
    }

    const first = await unlessAborted(tokens.get, signal)
    const answer = await send(first)
    const refused = answer.status === 401 && renewable.test(answer.headers.get('countersign-error') ?? '')
    if (!refused || !tokens.discard(first) || body === undefined) return answer
    // Without a new token, the refusal is the answer: it names the reason.
    const second = await unlessAborted(() => tokens.get().catch(() => first), signal)
    if (second === first) return answer
    await answer.body?.cancel()
    return send(second)
  }
}

/** Who aborts stops waiting; the token still comes, for the others who wait for it. */
async function unlessAborted<Value>(get: () => Promise<Value>, signal: AbortSignal | null): Promise<Value> {
  if (signal === null) return get()
  signal.throwIfAborted()
  let abort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason)
  })
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([get(), aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** The body, when it can be sent twice; `undefined` for a stream. */
function replayableBody(request: Request | null, init: RequestInit): Body | null | undefined {
  const body = init.body ?? null
  if (body !== null) {
    return typeof body === 'object' && ('getReader' in body || Symbol.asyncIterator in body)
      ? undefined
      : body
  }
  const empty = request === null || request.body === null || /^(GET|HEAD)$/.test(request.method)
  return empty ? null : undefined
}
