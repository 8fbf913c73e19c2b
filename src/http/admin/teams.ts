/** `/api/teams`: what a team may do and how much of it, as it holds now; suspension and other limits at once. */
import type { AccountDescription, AccountRpc } from '../../accounts/account-rpc.ts'
import type { Configuration, Team } from '../../core/configuration.ts'
import { limitRequestsMax } from '../../core/limits.ts'
import { malformed, Refusal, requestInvalid } from '../../core/problems.ts'
import type { LimitOverride } from '../../core/quota/overrides.ts'
import { writtenScopes } from '../../core/scope.ts'
import { answered, type TokenService } from '../../tokens/token-service.ts'
import { privateJson } from '../json.ts'
import { type Administrator, maySee, requireAdmin } from './authorize.ts'
import { entityTagOf, namesTag, taggedJson } from './entity-tag.ts'
import {
  type AdminCall,
  asSent,
  auditEntry,
  notFound,
  orderedPaging,
  pageInOrder,
  readJson,
  readMembers,
  readObject,
  readQuery,
  unknownMember,
} from './request.ts'

/** What the administration of accounts works with. */
export interface AccountAdministration {
  readonly config: Pick<Configuration, 'issuers' | 'teams'>
  readonly openAccount: (team: string) => AccountRpc
  /** For what a revocation ends besides calls, and for the audit log. */
  readonly service: Pick<TokenService, 'directory' | 'accounts'>
  /** Milliseconds since 1970. */
  readonly now: () => number
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
  if (name === null) throw malformed('team', 'the name of a team')
  const team = config.teams.get(name)
  if (team === undefined || !maySee(administrator, name)) throw notFound('team')
  return team
}

/** By name; the cursor is the last name of the page before. */
export async function listTeams(
  { request, administrator }: AdminCall,
  deps: AccountAdministration,
): Promise<Response> {
  // Names alone, of all: a team that is asked for is made ready, and stays.
  const visible = [...deps.config.teams.keys()].filter((name) => maySee(administrator, name))
  const page = pageInOrder(visible, asSent, readQuery(request, orderedPaging))
  const items = page.items.map((name) => describe(visibleTeam(name, administrator, deps), deps))
  return privateJson({ items: await Promise.all(items), next: page.next })
}

export async function showTeam(
  { id, administrator }: AdminCall,
  deps: AccountAdministration,
): Promise<Response> {
  return taggedJson(await describe(visibleTeam(id, administrator, deps), deps))
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
      [...grants].map(([upstream, { keys, defaultKey, scopes }]) => [
        upstream,
        {
          keys: [...keys.keys()],
          defaultKey: defaultKey?.name ?? null,
          scopes: writtenScopes(scopes).sort(),
        },
      ]),
    ),
  }
}

/**
 * For the platform's admins alone: who could raise their own limits would have none. With `If-Match`, nothing changes
 * unless the team still is what the admin saw.
 */
export async function patchTeam(call: AdminCall, deps: AccountAdministration): Promise<Response> {
  const { id, request, administrator } = call
  const team = visibleTeam(id, administrator, deps)
  requireAdmin(administrator)
  const patch = readMembers(await readJson(request), { suspended: readFlag, limits: readOverrides })
  const account = deps.openAccount(id)
  const seen = await answered(seenBy(request.headers.get('if-match'), team, account))
  const changed = await answered(account.patch(patch, seen))
  if (changed === null) throw new Refusal('precondition_failed')
  if ('unknownLimit' in changed)
    throw unknownMember(
      'limits',
      team.limits.map(({ name }) => name),
    )
  const { limits, ...detail } = patch
  const entry = auditEntry(call, {
    action: 'team.changed',
    team: id,
    target: id,
    detail: limits === undefined ? detail : { ...detail, limits: JSON.stringify(limits) },
  })
  await answered(deps.service.directory().record(entry, deps.now()))
  return taggedJson(teamJson(team, changed))
}

/**
 * What the account has to be for a change to pass, by the tag of it: the account itself compares once more, in the turn
 * of the change. undefined: whatever it is. Throws Refusal.
 */
async function seenBy(
  ifMatch: string | null,
  team: Team,
  account: AccountRpc,
): Promise<AccountDescription | undefined> {
  if (ifMatch === null || ifMatch === '*') return undefined
  const now = await account.describe()
  if (namesTag(ifMatch, await entityTagOf(teamJson(team, now)))) return now
  throw new Refusal('precondition_failed')
}

function readFlag(value: unknown, name: string): boolean {
  if (typeof value === 'boolean') return value
  throw malformed(name, 'true or false')
}

function readOverrides(value: unknown, name: string): Readonly<Record<string, LimitOverride | null>> {
  return Object.fromEntries(
    readObject(value, name).map(([limit, change]) => [limit, change === null ? null : readOverride(change)]),
  )
}

function readOverride(value: unknown): LimitOverride {
  const override = readMembers(value, { requests: readUnits, burst: readUnits }, 'a limit')
  if (Object.keys(override).length > 0) return override
  throw requestInvalid('Send a limit with requests, burst or both; null takes an override back.')
}

function readUnits(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= limitRequestsMax)
    return value
  throw malformed(name, `a whole number from 1 to ${limitRequestsMax}; suspended: true lets nothing pass`)
}
