import type { Configuration } from '../core/configuration.ts'
import { corsRequestHeaders } from '../core/headers.ts'
import { forwardedMethods } from '../core/route.ts'

/**
 * CORS (Fetch standard) without credentials mode: tokens travel in headers, cookies never cross. Origins are
 * compared exactly. A preflight carries no token, so it is answered from the origins of all teams; whether an
 * origin is the caller's team's is decided with the permit.
 */
const preflightSeconds = 600

/** Makes the answer to OPTIONS; nothing of it depends on what the request asks for. */
export function createPreflight(config: Configuration): (origin: string | null) => Response {
  const allowedHeaders = corsRequestHeaders(config.upstreams.values()).join(', ')
  const methods = forwardedMethods.join(', ')
  return (origin) => preflightAnswer(methods, allowedHeaders, origin !== null && config.origins.has(origin))
}

/** What a preflight is answered, but for the origin itself; `allowed`: whether it may call. */
export function preflightAnswer(methods: string, requestHeaders: string, allowed: boolean): Response {
  const headers = new Headers({ allow: `${methods}, OPTIONS` })
  if (allowed) {
    headers.set('access-control-allow-methods', methods)
    headers.set('access-control-allow-headers', requestHeaders)
    headers.set('access-control-max-age', String(preflightSeconds))
  }
  return new Response(null, { status: 204, headers })
}

/** On every answer (C02), so that no cache gives one origin what another was sent. */
export function varyByOrigin(headers: Headers): void {
  headers.append('vary', 'Origin')
}

/** Marks an answer for the browser. Where no origin may call, calls from browsers get refusals alone, which no cache keeps. */
export function addCorsHeaders(headers: Headers, origin: string | null, config: Configuration): void {
  if (config.origins.size === 0) return
  varyByOrigin(headers)
  if (origin === null || !config.origins.has(origin)) return
  headers.set('access-control-allow-origin', origin)
  headers.set('access-control-expose-headers', '*')
}
