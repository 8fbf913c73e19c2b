/** `/api/teams`: what a team may do and how much of it, as it holds now; suspension and other limits at once. */
import { Hono } from 'hono/tiny'
import type { AccountDescription } from '../../accounts/account-rpc.ts'
import type { Team } from '../../core/configuration.ts'
import { limitRequestsMax } from '../../core/limits.ts'
import type { LimitOverride } from '../../core/quota/overrides.ts'
import { readPageLimit } from '../../tokens/page.ts'
import { answered } from '../../tokens/token-service.ts'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import { privateJson } from '../json.ts'
import type { AccountAdministration } from './account-routes.ts'
import { type Administrator, type Guard, maySee, requireAdmin } from './authorize.ts'
import {
  type AdminCall,
  administered,
  asSent,
  auditEntry,
  invalid,
  notFound,
  readJson,
  readMembers,
  readObject,
  readQuery,
} from './request.ts'

export function teamRoutes(deps: AccountAdministration, guard: Guard): OwnRoutes {
  const answer = administered(guard, deps)
  return new Hono<OwnEnv>()
    .get('/api/teams', answer(listTeams))
    .get('/api/teams/:id', answer(showTeam))
    .patch('/api/teams/:id', answer(patchTeam))
}

/**
 * The team, when it exists and this administrator sees it; one answer for both otherwise. null: none was named.
 * Throws Refusal.
 */
export function visibleTeam(
  name: string | null,
  administrator: Administrator,
  { config }: Pick<AccountAdministration, 'config'>,
): Team {
  if (name === null) throw invalid('Say of which team: team is missing.')
  const team = config.teams.get(name)
  if (team === undefined || !maySee(administrator, name)) throw notFound('team')
  return team
}

/** By name; the cursor is the last name of the page before. */
async function listTeams(
  { request, administrator }: AdminCall,
  deps: AccountAdministration,
): Promise<Response> {
  const { cursor = '', limit = readPageLimit(undefined) } = readQuery(request, {
    cursor: asSent,
    limit: readPageLimit,
  })
  // Names alone, of all: a team that is asked for is made ready, and stays.
  const visible = [...deps.config.teams.keys()]
    .filter((name) => maySee(administrator, name) && name > cursor)
    .sort()
  const page = visible.slice(0, limit)
  const items = await Promise.all(page.map((name) => describe(visibleTeam(name, administrator, deps), deps)))
  return privateJson({ items, next: visible.length > limit ? (page.at(-1) ?? null) : null })
}

async function showTeam({ id, administrator }: AdminCall, deps: AccountAdministration): Promise<Response> {
  return privateJson(await describe(visibleTeam(id, administrator, deps), deps))
}

async function describe(team: Team, { openAccount }: AccountAdministration): Promise<object> {
  return teamJson(team, await answered(openAccount(team.name).describe()))
}

function teamJson({ name, grants }: Team, { suspended, limits }: AccountDescription): object {
  return {
    id: name,
    suspended,
    limits,
    grants: Object.fromEntries(
      [...grants].map(
        ([
          upstream,
          {
            keys,
            defaultKey,
            scopes: { exact, prefixes },
          },
        ]) => [
          upstream,
          {
            keys: [...keys.keys()],
            defaultKey: defaultKey?.name ?? null,
            scopes: [...exact, ...prefixes.map((prefix) => `${prefix}*`)].sort(),
          },
        ],
      ),
    ),
  }
}

/** For the platform's admins alone: who could raise their own limits would have none. */
async function patchTeam(call: AdminCall, deps: AccountAdministration): Promise<Response> {
  const { id, request, administrator } = call
  const team = visibleTeam(id, administrator, deps)
  requireAdmin(administrator)
  const patch = readMembers(await readJson(request), { suspended: readFlag, limits: readOverrides })
  const changed = await answered(deps.openAccount(id).patch(patch))
  if ('unknownLimit' in changed)
    throw invalid(
      `limits names one that the team does not have; it has ${team.limits.map((one) => one.name).join(', ')}.`,
    )
  const { limits, ...detail } = patch
  const entry = auditEntry(call, {
    action: 'team.changed',
    team: id,
    target: id,
    detail: limits === undefined ? detail : { ...detail, limits: JSON.stringify(limits) },
  })
  await answered(deps.service.directory().record(entry, deps.now()))
  return privateJson(teamJson(team, changed))
}

function readFlag(value: unknown, name: string): boolean {
  if (typeof value === 'boolean') return value
  throw invalid(`${name} is true or false.`)
}

function readOverrides(value: unknown, name: string): Readonly<Record<string, LimitOverride | null>> {
  return Object.fromEntries(
    readObject(value, name).map(([limit, change]) => [limit, change === null ? null : readOverride(change)]),
  )
}

function readOverride(value: unknown): LimitOverride {
  const override = readMembers(value, { requests: readUnits, burst: readUnits }, 'A limit')
  if (Object.keys(override).length > 0) return override
  throw invalid('A limit needs requests, burst or both; null takes an override back.')
}

function readUnits(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= limitRequestsMax)
    return value
  throw invalid(`${name} is a whole number from 1 to ${limitRequestsMax}; suspended: true lets nothing pass.`)
}
