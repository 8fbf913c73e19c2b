import { Hono } from 'hono/tiny'
import { splitUrl } from '../core/path.ts'
import type { Deps } from './deps.ts'
import type { Site } from './site.ts'

function status(value: string, code: 200 | 503): Response {
  return Response.json({ status: value }, { status: code, headers: { 'cache-control': 'no-store' } })
}

const livenessPath = '/healthz'

/** Liveness depends on nothing, and so is told before there is a configuration. */
export function isLiveness({ method, url }: Request): boolean {
  return method === 'GET' && splitUrl(url).pathname === livenessPath
}

export function liveness(): Response {
  return status('ok', 200)
}

/** `/healthz`: the Worker runs. `/readyz`: its configuration has no fault, and its keys are usable or not; names none. */
export function healthRoutes(site: Site): Hono {
  return new Hono().get(livenessPath, liveness).get('/readyz', async () => {
    if (site.kind === 'faulty') return status('unavailable', 503)
    return status((await hasFaultyKey(site.deps)) ? 'degraded' : 'ok', 200)
  })
}

async function hasFaultyKey({ config, keys }: Deps): Promise<boolean> {
  for (const upstream of config.upstreams.values()) {
    for (const key of upstream.keys.values()) {
      if ((await keys.faults(upstream, key)).length > 0) return true
    }
  }
  return false
}
