/** `/api/teams`: what a team may do and how much of it, as it holds now; suspension and other limits at once. */
import { Hono } from 'hono/tiny'
import type { AccountDescription, AccountPatch } from '../../accounts/account-rpc.ts'
import type { Grant, Team } from '../../core/configuration.ts'
import { limitRequestsMax } from '../../core/limits.ts'
import type { LimitOverride } from '../../core/quota/overrides.ts'
import type { Scopes } from '../../core/scope.ts'
import { addressOf } from '../../tokens/audit.ts'
import { readPageLimit } from '../../tokens/page.ts'
import { answered } from '../../tokens/token-service.ts'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import type { AccountAdministration } from './account-routes.ts'
import type { Guard } from './authorize.ts'
import { type Administrator, maySee, requireAdmin } from './authorize.ts'
import { invalid, readMembers, readObject } from './body.ts'
import { methodNotAllowed, notFound, privateJson, readJson, readQuery } from './request.ts'

export function teamRoutes(deps: AccountAdministration, guard: Guard): OwnRoutes {
  return new Hono<OwnEnv>()
    .get('/api/teams', async ({ req: { raw } }) => listTeams(raw, await guard(raw), deps))
    .get('/api/teams/:id', async ({ req }) => {
      const team = visibleTeam(req.param('id'), await guard(req.raw), deps)
      return privateJson(await describe(team, deps))
    })
    .patch('/api/teams/:id', async ({ req }) =>
      patchTeam(req.param('id'), { request: req.raw, administrator: await guard(req.raw), deps }),
    )
    .all('/api/teams', () => methodNotAllowed('GET, HEAD'))
    .all('/api/teams/:id', () => methodNotAllowed('GET, HEAD, PATCH'))
}

/** The team, when it exists and this administrator sees it; one answer for both otherwise. Throws Refusal. */
export function visibleTeam(
  name: string,
  administrator: Administrator,
  { config }: Pick<AccountAdministration, 'config'>,
): Team {
  const team = config.teams.get(name)
  if (team === undefined || !maySee(administrator, name)) throw notFound('team')
  return team
}

/** By name; the cursor is the last name of the page before. */
async function listTeams(
  request: Request,
  administrator: Administrator,
  deps: AccountAdministration,
): Promise<Response> {
  const query = readQuery(request, ['cursor', 'limit'])
  const limit = readPageLimit(query.limit)
  const after = query.cursor ?? ''
  // Names alone, of all: a team that is asked for is made ready, and stays.
  const visible = [...deps.config.teams.keys()]
    .filter((name) => maySee(administrator, name) && name > after)
    .sort()
  const page = visible.slice(0, limit)
  const items = await Promise.all(page.map((name) => describe(visibleTeam(name, administrator, deps), deps)))
  return privateJson({ items, next: visible.length > limit ? (page.at(-1) ?? null) : null })
}

async function describe(team: Team, { openAccount }: AccountAdministration): Promise<object> {
  return teamJson(team, await answered(openAccount(team.name).describe()))
}

function teamJson(team: Team, { suspended, limits }: AccountDescription): object {
  return {
    id: team.name,
    suspended,
    limits: limits.map(({ name, requests, per, burst, overridden }) => ({
      name,
      requests,
      per,
      burst,
      overridden,
    })),
    grants: Object.fromEntries([...team.grants].map(([upstream, grant]) => [upstream, grantJson(grant)])),
  }
}

function grantJson({ keys, defaultKey, scopes }: Grant): object {
  return {
    keys: [...keys.keys()],
    defaultKey: defaultKey?.name ?? null,
    scopes: scopeTexts(scopes),
  }
}

function scopeTexts({ exact, prefixes }: Scopes): readonly string[] {
  return [...exact, ...prefixes.map((prefix) => `${prefix}*`)].sort()
}

interface Patching {
  readonly request: Request
  readonly administrator: Administrator
  readonly deps: AccountAdministration
}

/** For the platform's admins alone: who could raise their own limits would have none. */
async function patchTeam(name: string, { request, administrator, deps }: Patching): Promise<Response> {
  const team = visibleTeam(name, administrator, deps)
  requireAdmin(administrator)
  const patch = readPatch(await readJson(request))
  const changed = await answered(deps.openAccount(team.name).patch(patch))
  if ('unknownLimit' in changed)
    throw invalid(
      `limits names one that the team does not have; it has ${team.limits.map((one) => one.name).join(', ')}.`,
    )
  const entry = {
    actor: administrator.subject,
    action: 'team.changed' as const,
    team: team.name,
    target: team.name,
    detail: {
      ...(patch.suspended === undefined ? {} : { suspended: patch.suspended }),
      ...(patch.limits === undefined ? {} : { limits: JSON.stringify(patch.limits) }),
    },
    from: addressOf(request.headers),
  }
  await answered(deps.service.directory().record(entry, deps.now()))
  return privateJson(teamJson(team, changed))
}

function readPatch(body: unknown): AccountPatch {
  const { suspended, limits } = readMembers(body, ['suspended', 'limits'], 'The body')
  if (suspended !== undefined && typeof suspended !== 'boolean') throw invalid('suspended is true or false.')
  return {
    ...(suspended === undefined ? {} : { suspended }),
    ...(limits === undefined ? {} : { limits: readOverrides(limits) }),
  }
}

function readOverrides(value: unknown): Readonly<Record<string, LimitOverride | null>> {
  return Object.fromEntries(
    [...readObject(value, 'limits')].map(([name, change]) => [
      name,
      change === null ? null : readOverride(change),
    ]),
  )
}

function readOverride(value: unknown): LimitOverride {
  const { requests, burst } = readMembers(value, ['requests', 'burst'], 'A limit')
  if (requests === undefined && burst === undefined)
    throw invalid('A limit needs requests, burst or both; null takes an override back.')
  return {
    ...(requests === undefined ? {} : { requests: readUnits(requests, 'requests') }),
    ...(burst === undefined ? {} : { burst: readUnits(burst, 'burst') }),
  }
}

function readUnits(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= limitRequestsMax)
    return value
  throw invalid(`${name} is a whole number from 1 to ${limitRequestsMax}; suspended: true lets nothing pass.`)
}
