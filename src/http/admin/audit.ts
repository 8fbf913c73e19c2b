import { writeInstant } from '../../tokens/instant.ts'
import { answered, type TokenService } from '../../tokens/token-service.ts'
import { privateJson } from '../json.ts'
import { requireAdmin, requireTeamAdmin } from './authorize.ts'
import { type AdminCall, asSent, pageQuery, paging, readQuery, readTime } from './request.ts'
import { assertKept, listedTeam } from './tokens.ts'

interface AuditLog {
  readonly service: Pick<TokenService, 'config' | 'directory' | 'now'>
}

/** `GET /api/audit`: who changed what, when, from where; the newest first. */
export async function listAudit(
  { request, administrator }: AdminCall,
  { service: { config, directory, now } }: AuditLog,
): Promise<Response> {
  const query = readQuery(request, { team: asSent, from: readTime, ...paging })
  const team = listedTeam(query.team, administrator)
  if (team === null) requireAdmin(administrator)
  else requireTeamAdmin(administrator, team)
  const { items, next } = await answered(
    directory().listAudit({ team, from: query.from ?? null }, pageQuery(query, now())),
  )
  assertKept(query.team, items, config)
  return privateJson({ items: items.map((entry) => ({ ...entry, at: writeInstant(entry.at) })), next })
}
