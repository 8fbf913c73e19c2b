/** The whole administration at a glance: every call of it begins with the guard. */
import { Hono } from 'hono/tiny'
import type { Secret } from '../../core/redact.ts'
import type { TokenService } from '../../tokens/token-service.ts'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import { publicJson } from '../json.ts'
import { administratorVerifier } from './administrator.ts'
import { listAudit } from './audit.ts'
import { authorize, type Guard } from './authorize.ts'
import { type ExplainDeps, explainCall } from './explain.ts'
import { openapi } from './openapi.ts'
import { administered } from './request.ts'
import { listRevocations, revoke } from './revocations.ts'
import { type AccountAdministration, listTeams, patchTeam, showTeam } from './teams.ts'
import { endToken, makeToken, showTokens } from './tokens.ts'
import { showUsage } from './usage.ts'
import { whoami } from './whoami.ts'

export function createGuard(service: TokenService, adminKey: Secret): Guard {
  const verifyAdministrator = service.signing === null ? null : administratorVerifier(service)
  return (request) => authorize(request, { adminKey, verifyAdministrator })
}

export type Administration = AccountAdministration & ExplainDeps & { readonly service: TokenService }

export function administrationRoutes(deps: Administration, guard: Guard): OwnRoutes {
  const answer = administered(guard, deps)
  return new Hono<OwnEnv>()
    .get('/openapi.json', () => publicJson(openapi(), 3_600))
    .get('/api/whoami', answer(whoami))
    .get('/api/teams', answer(listTeams))
    .get('/api/teams/:id', answer(showTeam))
    .patch('/api/teams/:id', answer(patchTeam))
    .post('/api/revocations', answer(revoke))
    .get('/api/revocations', answer(listRevocations))
    .get('/api/usage', answer(showUsage))
    .post('/api/tokens', answer(makeToken))
    .get('/api/tokens', answer(showTokens))
    .delete('/api/tokens/:id', answer(endToken))
    .get('/api/audit', answer(listAudit))
    .post('/api/explain', answer(explainCall))
}
