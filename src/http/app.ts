/**
 * The whole surface: a few fixed paths of our own, and one wildcard behind which the pipeline looks up upstreams
 * and routes by itself. Around both: request id, CORS, errors, one log line.
 */
import { Hono } from 'hono'
import { Refusal } from '../core/problems.ts'
import { isReservedSegment } from '../core/reserved.ts'
import type { Call, OwnEnv, OwnRoutes } from './call.ts'
import { addCorsHeaders, createPreflight } from './cors.ts'
import { healthRoutes } from './health.ts'
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

/** The Worker as one function; `site` says what it can do, `own` are further routes of our own (admin, OAuth, pages). */
export const createApp = (
  site: Site,
  own: readonly OwnRoutes[],
  { now, log }: AppOptions,
): ((request: Request, lifetime: Lifetime) => Promise<Response>) => {
  const nextId = createRequestIds(createNonce((bytes) => crypto.getRandomValues(bytes)))
  const ourOwn = ownRoutes(site, own)
  const preflight = site.kind === 'ready' ? createPreflight(site.deps.config) : null

  const answer = (request: Request, call: Call): Response | Promise<Response> => {
    const segment = firstSegment(request.url)
    if (isReservedSegment(segment)) return ourOwn.fetch(request, { call })
    if (site.kind === 'faulty')
      throw new Refusal('config_invalid', { reason: 'the configuration has faults' })
    if (request.method === 'OPTIONS' && preflight !== null) return preflight(call.origin)
    return proxy(request, call, site.deps)
  }

  return async (request, lifetime) => {
    const call = beginCall(request, nextId(), now(), lifetime)
    let refusal: Refusal | null = null
    let response: Response
    try {
      response = await answer(request, call)
    } catch (error) {
      refusal = asRefusal(error)
      response = problemResponse(refusal, call.id, problemSite(site, request))
      countRefusal(refusal, call, site)
    }
    response.headers.set('countersign-request-id', call.id)
    // Our own routes say for themselves which origins may read them: the origins of teams are for calls.
    if (site.kind === 'ready' && !isReservedSegment(firstSegment(request.url)))
      addCorsHeaders(response.headers, call.origin, site.deps.config)
    log(callLine(call, response.status, now(), refusal))
    return response
  }
}

const beginCall = (request: Request, id: string, startedAt: number, lifetime: Lifetime): Call => ({
  id,
  startedAt,
  method: request.method,
  origin: request.headers.get('origin'),
  waitUntil: (work) => lifetime.waitUntil(work),
  caller: null,
  permit: null,
  outcome: null,
  version: null,
})

/** Paths are taken as they were sent: Hono would decode them, and `/%61pi` is not `/api`. */
const rawPath = (request: Request): string => {
  const from = request.url.indexOf('/', request.url.indexOf('://') + 3)
  if (from === -1) return '/'
  const mark = request.url.indexOf('?', from)
  return mark === -1 ? request.url.slice(from) : request.url.slice(from, mark)
}

const firstSegment = (url: string): string => {
  const from = url.indexOf('/', url.indexOf('://') + 3) + 1
  if (from === 0) return ''
  let end = from
  while (end < url.length && url[end] !== '/' && url[end] !== '?') end += 1
  return url.slice(from, end)
}

const ownRoutes = (site: Site, own: readonly OwnRoutes[]): OwnRoutes => {
  const app = new Hono<OwnEnv>({ getPath: rawPath })
  for (const routes of [healthRoutes(site), helpRoutes()]) app.route('/', routes)
  for (const routes of own) app.route('/', routes)
  app.notFound(() => {
    if (site.kind === 'faulty')
      throw new Refusal('config_invalid', { reason: 'the configuration has faults' })
    throw new Refusal('upstream_unknown', { detail: 'There is nothing at this path.' })
  })
  app.onError((error) => {
    throw error
  })
  return app
}

const asRefusal = (error: unknown): Refusal =>
  error instanceof Refusal
    ? error
    : new Refusal('internal_error', {
        detail: 'An unexpected fault on our side.',
        // The name alone: a message could quote what it was given.
        reason: error instanceof Error ? error.name : typeof error,
      })

/** While the configuration is faulty our own origin is unknown, and the one that was called stands in. */
const problemSite = (site: Site, request: Request): { readonly url: string } =>
  site.kind === 'ready' ? site.deps.config : { url: URL.parse(request.url)?.origin ?? '' }

/** What was refused to a known team goes into its books with the next sync; it never causes one by itself. */
const countRefusal = (refusal: Refusal, { caller, outcome, startedAt }: Call, site: Site): void => {
  if (site.kind === 'ready' && caller !== null && outcome === null) {
    site.deps.accounts.refused(caller.team, refusal.code, startedAt)
  }
}
