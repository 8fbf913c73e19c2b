import { Hono } from 'hono/tiny'
import { writeInstant } from '../../tokens/instant.ts'
import { answered, type TokenService } from '../../tokens/token-service.ts'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import { privateJson } from '../json.ts'
import { type Guard, requireAdmin, requireTeamAdmin } from './authorize.ts'
import { type AdminCall, administered, asSent, pageQuery, paging, readQuery, readTime } from './request.ts'
import { listedTeam } from './tokens.ts'

/** `GET /api/audit`: who changed what, when, from where; the newest first. */
export function auditRoutes(service: TokenService, guard: Guard): OwnRoutes {
  return new Hono<OwnEnv>().get('/api/audit', administered(guard, service)(listAudit))
}

async function listAudit(
  { request, administrator }: AdminCall,
  { directory, now }: TokenService,
): Promise<Response> {
  const query = readQuery(request, { team: asSent, from: readTime, ...paging })
  const team = listedTeam(query.team, administrator)
  if (team === null) requireAdmin(administrator)
  else requireTeamAdmin(administrator, team)
  const { items, next } = await answered(
    directory().listAudit({ team, from: query.from ?? null }, pageQuery(query, now())),
  )
  return privateJson({ items: items.map((entry) => ({ ...entry, at: writeInstant(entry.at) })), next })
}
