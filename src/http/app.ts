/**
 * The whole surface: a few fixed paths of our own, and one wildcard behind which the pipeline looks up upstreams
 * and routes by itself. Around both: request id, CORS, errors, one log line.
 */
import { Hono } from 'hono/tiny'
import { firstSegment, splitUrl } from '../core/path.ts'
import { asRefusal, Refusal } from '../core/problems.ts'
import { isReservedSegment } from '../core/reserved.ts'
import { forwardedMethods } from '../core/route.ts'
import type { Call, OwnEnv, OwnRoutes } from './call.ts'
import { addCorsHeaders, createPreflight, varyByOrigin } from './cors.ts'
import { Fields } from './fields.ts'
import { healthAnswer, healthRoutes } from './health.ts'
import { helpRoutes } from './help.ts'
import { callLine } from './log.ts'
import { createNonce, createRequestIds } from './nonce.ts'
import { problemResponse } from './problem.ts'
import { proxy } from './proxy.ts'
import type { Site } from './site.ts'

export interface Lifetime {
  readonly waitUntil: (work: Promise<unknown>) => void
}

export interface AppOptions {
  readonly now: () => number
  readonly log: (line: string) => void
}

/** Further routes of our own (admin, OAuth, pages), or how to make them at the first call of such a path. */
type OwnRoutesSource = readonly OwnRoutes[] | (() => Promise<readonly OwnRoutes[]>)

/** The Worker as one function; `site` says what it can do. */
export function createApp(
  site: Site,
  own: OwnRoutesSource,
  { now, log }: AppOptions,
): (request: Request, lifetime: Lifetime) => Promise<Response> {
  const nextId = createRequestIds(createNonce((bytes) => crypto.getRandomValues(bytes)))
  let ourOwn: OwnRoutes | null = null
  const preflight = site.kind === 'ready' ? createPreflight(site.deps.config) : null

  const answer = (request: Request, call: Call): Response | Promise<Response> => {
    if (call.own) return ourOwn?.fetch(request, { call }) ?? answerFirstOwn(request, call)
    if (site.kind === 'faulty')
      throw new Refusal('config_invalid', { reason: 'the configuration has faults' })
    if (call.method === 'OPTIONS' && preflight !== null) return preflight(call.origin)
    return proxy(request, call, site.deps)
  }

  /** Requests that come while the routes are made each make their own, as in `onePerIsolate`. */
  const answerFirstOwn = async (request: Request, call: Call): Promise<Response> => {
    const health = healthAnswer(request, site)
    if (health !== null) return health
    const made = ownRoutes(site, typeof own === 'function' ? await own() : own)
    ourOwn ??= made
    return ourOwn.fetch(request, { call })
  }

  const respond = async (request: Request, call: Call): Promise<Response> => {
    let refusal: Refusal | null = null
    let response: Response
    try {
      response = await answer(request, call)
    } catch (error) {
      refusal = asRefusal(error)
      response = problemResponse(refusal, call.id, { url: problemUrl(site, request), own: call.own })
      countRefusal(refusal, call, site)
    }
    const { headers } = response
    headers.set('countersign-request-id', call.id)
    // Our own paths are not for the teams' sites: which of them has CORS, and for whom, they say themselves.
    if (site.kind === 'faulty' || call.own) varyByOrigin(headers)
    else addCorsHeaders(headers, call.origin, site.deps.config)
    log(callLine(call, response.status, now(), refusal))
    return response
  }

  return (request, lifetime) => {
    const call = beginCall(request, nextId(), now(), lifetime)
    const response = respond(request, call)
    // The runtime drops a request in mid-air when its client leaves: nothing would be settled or given back. To ask for
    // this only then costs 1.5 % less, and keeps twice as much of every call until the next full collection (measured).
    lifetime.waitUntil(response)
    return response
  }
}

function beginCall(request: Request, id: string, startedAt: number, lifetime: Lifetime): Call {
  // Each of these is asked for once: the runtime makes a new text every time.
  const { method, url, headers } = request
  const fields = new Fields(headers)
  return {
    id,
    startedAt,
    method,
    url,
    fields,
    origin: fields.get('origin'),
    own: isReservedSegment(firstSegment(splitUrl(url).pathname)),
    signal: request.signal,
    waitUntil: (work) => lifetime.waitUntil(work),
    caller: null,
    permit: null,
    outcome: null,
    version: null,
  }
}

function ownRoutes(site: Site, own: readonly OwnRoutes[]): OwnRoutes {
  // As it was sent: Hono would decode it, and `/%61pi` is not `/api`.
  const app = new Hono<OwnEnv>({ getPath: (request) => splitUrl(request.url).pathname || '/' })
  for (const routes of [healthRoutes(site), helpRoutes()]) app.route('/', routes)
  for (const routes of own) app.route('/', routes)
  app.notFound(({ req: { raw } }) => {
    if (site.kind === 'faulty')
      throw new Refusal('config_invalid', { reason: 'the configuration has faults' })
    const path = splitUrl(raw.url).pathname
    const allowed = forwardedMethods.filter(
      (method) => app.router.match(method === 'HEAD' ? 'GET' : method, path)[0].length > 0,
    )
    // The method is checked before the path, so what nobody may send is 405 also where nothing is.
    const open = allowed.length > 0 ? allowed : [...forwardedMethods, 'OPTIONS']
    if (!open.includes(raw.method)) {
      const allow = open.join(', ')
      throw new Refusal('method_not_allowed', { detail: `Methods here are ${allow}.`, headers: { allow } })
    }
    throw new Refusal('upstream_unknown', { detail: 'There is nothing at this path.' })
  })
  app.onError((error) => {
    throw error
  })
  return app
}

/** While the configuration is faulty our own origin is unknown, and the one that was called stands in. */
function problemUrl(site: Site, request: Request): string {
  return site.kind === 'ready' ? site.deps.config.url : (URL.parse(request.url)?.origin ?? '')
}

/**
 * What was refused to a known team goes into its books with the next sync; it never causes one by itself. A team
 * that only a token speaks of has no books.
 */
function countRefusal(refusal: Refusal, { caller, outcome, startedAt }: Call, site: Site): void {
  if (site.kind !== 'ready' || caller === null || outcome !== null) return
  const { config, accounts } = site.deps
  if (config.teams.has(caller.team)) accounts.refused(caller.team, refusal.code, startedAt)
}
