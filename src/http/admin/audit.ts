import { Hono } from 'hono/tiny'
import { Refusal } from '../../core/problems.ts'
import { readInstant, writeInstant } from '../../tokens/instant.ts'
import { readCursor, readPageLimit } from '../../tokens/page.ts'
import { answered, type TokenService } from '../../tokens/token-service.ts'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import { type Administrator, type Guard, requireTeamAdmin, roleInsufficient } from './authorize.ts'
import { methodNotAllowed, privateJson, readQuery } from './request.ts'
import { listedTeam } from './tokens.ts'

/** `GET /api/audit`: who changed what, when, from where; the newest first. */
export function auditRoutes(service: TokenService, guard: Guard): OwnRoutes {
  return new Hono<OwnEnv>()
    .get('/api/audit', async ({ req: { raw } }) => listAudit(raw, await guard(raw), service))
    .all('/api/audit', () => methodNotAllowed('GET, HEAD'))
}

async function listAudit(
  request: Request,
  administrator: Administrator,
  { directory, now }: TokenService,
): Promise<Response> {
  const query = readQuery(request, ['team', 'from', 'cursor', 'limit'])
  const team = listedTeam(query.team, administrator)
  if (team === null) {
    if (administrator.role !== 'admin') throw roleInsufficient('admin')
  } else requireTeamAdmin(administrator, team)
  const from = query.from === undefined ? null : readInstant(query.from)
  if (from === null && query.from !== undefined) {
    throw new Refusal('request_invalid', { detail: 'from is a day (2026-11-22) or an RFC 3339 time.' })
  }
  const before = query.cursor === undefined ? null : readCursor(query.cursor)
  const page = await answered(
    directory().listAudit({ team, from }, { now: now(), before, limit: readPageLimit(query.limit) }),
  )
  return privateJson({
    items: page.items.map(({ at, ...entry }) => ({ ...entry, at: writeInstant(at) })),
    next: page.next,
  })
}
