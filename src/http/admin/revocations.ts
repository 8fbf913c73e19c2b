/**
 * `/api/revocations`: ends tokens before they expire. Answered when the team's account has committed it; two
 * seconds later no call starts with what it revokes (design section 6). What was exchanged for a revoked token,
 * or belongs to a revoked subject, ends with it.
 */
import { Hono } from 'hono/tiny'
import { ownIssuerName } from '../../config/names.ts'
import type { Issuer, Team } from '../../core/configuration.ts'
import { claimCharsMax } from '../../core/limits.ts'
import { Refusal } from '../../core/problems.ts'
import type { Revocation, RevokedBy } from '../../core/quota/revocation.ts'
import { addressOf } from '../../tokens/audit.ts'
import { exchangedGrantId, exchangedSubject } from '../../tokens/exchange.ts'
import { readInstant, writeInstant } from '../../tokens/instant.ts'
import { claimOfTeam } from '../../tokens/records.ts'
import { answered, endInAccounts } from '../../tokens/token-service.ts'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import type { AccountAdministration } from './account-routes.ts'
import type { Guard } from './authorize.ts'
import { type Administrator, requireTeamAdmin } from './authorize.ts'
import { invalid, readMembers } from './body.ts'
import { methodNotAllowed, privateJson, readJson, readQuery } from './request.ts'
import { visibleTeam } from './teams.ts'

export function revocationRoutes(deps: AccountAdministration, guard: Guard): OwnRoutes {
  return new Hono<OwnEnv>()
    .post('/api/revocations', async ({ req: { raw } }) => revoke(raw, await guard(raw), deps))
    .get('/api/revocations', async ({ req: { raw } }) => listRevocations(raw, await guard(raw), deps))
    .all('/api/revocations', () => methodNotAllowed('GET, HEAD, POST'))
}

type Entry = Omit<Revocation, 'id'>

async function revoke(
  request: Request,
  administrator: Administrator,
  deps: AccountAdministration,
): Promise<Response> {
  const now = deps.now()
  const asked = readRevocation(await readJson(request), now)
  const team = visibleTeam(asked.team, administrator, deps)
  requireTeamAdmin(administrator, team.name)
  const issuers = speakingFor(team, asked.issuer, deps)
  const until = now + Math.max(...issuers.map(longestLife))
  const account = deps.openAccount(team.name)
  const [first, ...derived] = await entriesOf(asked, issuers, { until, now })
  if (first === undefined) throw new Error('a revocation without an entry')
  // What descends from it first: who sees the answer may rely on all of it.
  for (const entry of derived) await commit(account.revoke(entry))
  const committed = await commit(account.revoke(first))
  await endInDirectory(asked, { request, administrator, issuers, deps, id: committed.id })
  return privateJson({ id: committed.id, until: writeInstant(committed.until) }, 201)
}

async function commit(revoking: Promise<Revocation | null>): Promise<Revocation> {
  const committed = await answered(revoking)
  if (committed !== null) return committed
  throw new Refusal('overloaded', {
    detail:
      'The team has as many revocations as are kept. Revoke all of its tokens issued until now, with before.',
    headers: { 'Retry-After': '60' },
  })
}

interface AskedRevocation {
  readonly team: string
  readonly by: Exclude<RevokedBy, 'gid'>
  /** As it stands in an entry. */
  readonly value: string
  readonly issuer: string | null
}

const kinds = ['jti', 'subject', 'before'] as const

function readRevocation(body: unknown, now: number): AskedRevocation {
  const members = readMembers(body, ['team', ...kinds, 'issuer'], 'The body')
  const [kind, ...others] = kinds.filter((one) => members[one] !== undefined)
  if (kind === undefined || others.length > 0) throw invalid('Name exactly one of jti, subject and before.')
  const issuer = members.issuer === undefined ? null : readText(members.issuer, 'issuer')
  const team = readText(members.team, 'team')
  const text = readText(members[kind], kind)
  if (kind === 'jti') return { team, issuer, by: 'jti', value: text }
  if (kind === 'subject') return { team, issuer, by: 'sub', value: text }
  const before = readInstant(text)
  if (before === null || before > now + 1_000)
    throw invalid('before is a day (2026-11-22) or an RFC 3339 time, not later than now.')
  // Tokens know seconds: those of the second that has begun are among them.
  return { team, issuer, by: 'before', value: String(Math.ceil(before / 1_000)) }
}

function readText(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= claimCharsMax) return value
  throw invalid(`${name} is a text of 1 to ${claimCharsMax} characters.`)
}

/**
 * The issuers whose tokens are meant: the one that was named, or all that speak for the team when at most one of
 * them is not our own. With several, the same `jti` or subject could be two people's.
 */
function speakingFor(team: Team, name: string | null, { config }: AccountAdministration): readonly Issuer[] {
  const all = [...config.issuers.values()]
  if (name !== null) {
    const named = all.find((one) => one.name === name)
    if (named === undefined) throw invalid('issuer is not the name of one in the configuration.')
    return [named]
  }
  const speaking = all.filter((one) => one.keys.kind === 'own' || maySpeakFor(one, team.name))
  const others = speaking.filter((one) => one.keys.kind !== 'own')
  if (others.length > 1)
    throw invalid(
      `Several issuers speak for this team; name one: ${others.map((one) => one.name).join(', ')}.`,
    )
  if (speaking.length === 0) throw invalid('No issuer speaks for this team.')
  return speaking
}

function maySpeakFor({ team: rule }: Issuer, team: string): boolean {
  switch (rule.kind) {
    case 'value':
      return rule.value === team
    case 'claim':
      return rule.teams === null || rule.teams.has(team)
    case 'map':
      return [...rule.map.values()].includes(team)
  }
}

/** Until the last token that could match has expired, clocks that differ included. */
function longestLife({ maxLifetimeSeconds, clockToleranceSeconds }: Issuer): number {
  return (maxLifetimeSeconds + 2 * clockToleranceSeconds) * 1_000
}

function exchangesAny(issuers: readonly Issuer[]): boolean {
  return issuers.some(({ use }) => use.has('exchange'))
}

/**
 * The entry itself, then those for what was exchanged for tokens that it revokes. When those were issued is not known
 * of what they were exchanged for: so all of ours until now go, and whoever is still good exchanges anew.
 */
async function entriesOf(
  { by, value, issuer }: AskedRevocation,
  issuers: readonly Issuer[],
  { until, now }: { readonly until: number; readonly now: number },
): Promise<readonly Entry[]> {
  const entries: Entry[] = [{ issuer, by, value, until }]
  if (by === 'before') {
    if (exchangesAny(issuers))
      entries.push({ issuer: ownIssuerName, by, value: String(Math.ceil(now / 1_000)), until })
    return entries
  }
  for (const { name, keys } of issuers) {
    if (keys.kind === 'own') continue
    entries.push(
      by === 'sub'
        ? { issuer: ownIssuerName, by, value: exchangedSubject(name, value), until }
        : { issuer: ownIssuerName, by: 'gid', value: await exchangedGrantId(name, value), until },
    )
  }
  return entries
}

interface Ending {
  readonly request: Request
  readonly administrator: Administrator
  readonly issuers: readonly Issuer[]
  readonly deps: AccountAdministration
  readonly id: string
}

/** What the token service keeps: personal tokens and sessions of a subject, JWTs for administration; the audit log. */
async function endInDirectory(
  { team, by, value }: AskedRevocation,
  { request, administrator, issuers, deps, id }: Ending,
): Promise<void> {
  const { directory, accounts } = deps.service
  const now = deps.now()
  const own = issuers.some(({ keys }) => keys.kind === 'own')
  const audit = {
    actor: administrator.subject,
    action: 'revocation.created' as const,
    team,
    target: id,
    detail: { by, value, issuers: issuers.map(({ name }) => name).join(' ') },
    from: addressOf(request.headers),
  }
  await answered(directory().record(audit, now))
  if (by === 'sub') {
    for (const { name, keys } of issuers) {
      const subject = keys.kind === 'own' ? value : exchangedSubject(name, value)
      const ending = { ...audit, action: 'subject.revoked' as const, target: subject }
      await endInAccounts(accounts, await answered(directory().endSubject({ subject, team }, now, ending)))
    }
  } else if (by === 'jti') {
    // A team's own admin ends that team's tokens: another team's may have the same `jti`, and is not theirs to end.
    const whose = administrator.role === 'admin' ? null : team
    for (const { name, keys } of issuers) {
      const ended = keys.kind === 'own' ? value : await exchangedGrantId(name, value)
      await answered(directory().endClaim({ kind: 'token', value: claimOfTeam(ended, whose), at: now }))
    }
  } else if (own || exchangesAny(issuers)) {
    const at = exchangesAny(issuers) ? now : Number(value) * 1_000 - 1
    await answered(directory().endClaim({ kind: 'team', value: team, at }))
  }
}

async function listRevocations(
  request: Request,
  administrator: Administrator,
  deps: AccountAdministration,
): Promise<Response> {
  const { team: name = administrator.team } = readQuery(request, ['team'])
  if (name === null) throw invalid('Say of which team: ?team=')
  const team = visibleTeam(name, administrator, deps)
  requireTeamAdmin(administrator, team.name)
  const revocations = await answered(deps.openAccount(team.name).revocations())
  return privateJson({ items: revocations.map((one) => listing(one, team.name)), next: null })
}

function listing({ id, issuer, by, value, until }: Revocation, team: string): object {
  return {
    id,
    team,
    issuer,
    ...(by === 'before'
      ? { before: writeInstant(Number(value) * 1_000) }
      : { [by === 'sub' ? 'subject' : by]: value }),
    until: writeInstant(until),
  }
}
