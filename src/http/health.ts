import { Hono } from 'hono/tiny'
import { splitUrl } from '../core/path.ts'
import type { Deps } from './deps.ts'
import type { Site } from './site.ts'

function status(value: string, code: 200 | 503): Response {
  return Response.json({ status: value }, { status: code, headers: { 'cache-control': 'no-store' } })
}

const livenessPath = '/healthz'
const readinessPath = '/readyz'

/** Liveness depends on nothing, and so is told before there is a configuration. */
export function isLiveness({ method, url }: Request): boolean {
  return method === 'GET' && splitUrl(url).pathname === livenessPath
}

function liveness(): Response {
  return status('ok', 200)
}

/** The configuration has no fault, and all keys and bindings are usable or not; names none. */
async function readiness(site: Site): Promise<Response> {
  if (site.kind === 'faulty') return status('unavailable', 503)
  return status(site.complete && !(await hasFaultyKey(site.deps)) ? 'ok' : 'degraded', 200)
}

/** What `healthRoutes` would answer, before there are routes of our own: a probe is often the first that asks. */
export function healthAnswer(request: Request, site: Site): Response | Promise<Response> | null {
  if (isLiveness(request)) return liveness()
  const asksReadiness = request.method === 'GET' && splitUrl(request.url).pathname === readinessPath
  return asksReadiness ? readiness(site) : null
}

export function healthRoutes(site: Site): Hono {
  return new Hono().get(livenessPath, liveness).get(readinessPath, () => readiness(site))
}

async function hasFaultyKey({ config, keys }: Deps): Promise<boolean> {
  for (const upstream of config.upstreams.values()) {
    for (const key of upstream.keys.values()) {
      if ((await keys.faults(upstream, key)).length > 0) return true
    }
  }
  return false
}
