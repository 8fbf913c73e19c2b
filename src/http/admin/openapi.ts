import { Hono } from 'hono/tiny'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import description from './openapi.json'

/** `GET /openapi.json`: the description of the admin API; scripts/openapi.ts writes it. Public, like the code. */
export function openapiRoutes(): OwnRoutes {
  return new Hono<OwnEnv>().get('/openapi.json', () =>
    Response.json(description, {
      headers: {
        'cache-control': 'public, max-age=3600',
        'access-control-allow-origin': '*',
        'x-content-type-options': 'nosniff',
      },
    }),
  )
}
