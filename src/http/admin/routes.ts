/**
 * The administration's routes, by the table of its calls: each begins with the guard. A query is read by those that have
 * one in the table, and refused by all others: nobody believes that a parameter was heeded which was not.
 */

import { Hono } from 'hono/tiny'
import type { Secret } from '../../core/redact.ts'
import type { TokenService } from '../../tokens/token-service.ts'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import { publicJson } from '../json.ts'
import { administratorVerifier } from './administrator.ts'
import { authorize, type Guard } from './authorize.ts'
import { openapi } from './openapi.ts'
import { type Administration, operations } from './operations.ts'
import { readQuery } from './request.ts'

export function createGuard(service: TokenService, adminKey: Secret): Guard {
  const verifyAdministrator = service.signing === null ? null : administratorVerifier(service)
  return (request) => authorize(request, { adminKey, verifyAdministrator })
}

export function administrationRoutes(deps: Administration, guard: Guard): OwnRoutes {
  const routes = new Hono<OwnEnv>().get('/openapi.json', () => publicJson(openapi(), 3_600))
  for (const [call, { answer, query }] of Object.entries(operations())) {
    const [method = '', path = ''] = call.split(' ')
    routes.on(method, path.replace('{id}', ':id'), async ({ req }) => {
      const { raw: request } = req
      const administrator = await guard(request)
      if (query === undefined) readQuery(request, {})
      return answer({ request, administrator, id: req.param('id') ?? '' }, deps)
    })
  }
  return routes
}
