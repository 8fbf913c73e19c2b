/**
 * `/api/revocations`: ends tokens before they expire. Answered when the team's account has committed it; two
 * seconds later no call starts with what it revokes. What was exchanged for a revoked token,
 * or belongs to a revoked subject, ends with it.
 */
import type { Issuer, Team } from '../../core/configuration.ts'
import { claimCharsMax } from '../../core/limits.ts'
import { malformed, Refusal, requestInvalid } from '../../core/problems.ts'
import type { Revocation, RevokedBy } from '../../core/quota/revocation.ts'
import { ownIssuerName } from '../../core/reserved.ts'
import { exchangedGrantId, exchangedSubject } from '../../tokens/exchange.ts'
import { writeInstant } from '../../tokens/instant.ts'
import { claimOfTeam } from '../../tokens/records.ts'
import { answered, endInAccounts } from '../../tokens/token-service.ts'
import { privateJson } from '../json.ts'
import { requireTeamAdmin } from './authorize.ts'
import {
  type AdminCall,
  asSent,
  auditEntry,
  orderedPaging,
  pageInOrder,
  readJson,
  readMembers,
  readQuery,
  readTime,
} from './request.ts'
import { type AccountAdministration, visibleTeam } from './teams.ts'

export async function revoke(call: AdminCall, deps: AccountAdministration): Promise<Response> {
  const { request, administrator } = call
  const now = deps.now()
  const asked = readRevocation(await readJson(request), now)
  const team = visibleTeam(asked.team, administrator, deps)
  requireTeamAdmin(administrator, team.name)
  const issuers = speakingFor(team, asked.issuer, deps)
  const until = now + Math.max(...issuers.map(longestLife))
  const account = deps.openAccount(team.name)
  // What descends from it first: who sees the answer may rely on all of it.
  for (const derived of await derivedEntries(asked, issuers, now))
    await commit(account.revoke({ issuer: ownIssuerName, ...derived, until }))
  const { issuer, by, value } = asked
  const committed = await commit(account.revoke({ issuer, by, value, until }))
  await endInDirectory({ ...asked, team: team.name }, { call, issuers, deps, id: committed.id })
  return privateJson({ id: committed.id, until: writeInstant(committed.until) }, 201)
}

async function commit(revoking: Promise<Revocation | null>): Promise<Revocation> {
  const committed = await answered(revoking)
  if (committed !== null) return committed
  throw new Refusal('overloaded', {
    detail: 'As many revocations are kept as may be. Revoke all tokens issued until now, with before.',
    headers: { 'retry-after': '60' },
  })
}

interface Revoked {
  readonly by: Exclude<RevokedBy, 'gid'>
  /** As it stands in an entry. */
  readonly value: string
}

interface AskedRevocation extends Revoked {
  readonly team: string | null
  readonly issuer: string | null
}

function readRevocation(body: unknown, now: number): AskedRevocation {
  const {
    team = null,
    issuer = null,
    ...kinds
  } = readMembers(body, {
    team: readClaim,
    jti: readClaim,
    subject: readClaim,
    before: readTime,
    issuer: readClaim,
  })
  const { jti, subject, before } = kinds
  if (Object.keys(kinds).length !== 1) throw requestInvalid('Name exactly one of jti, subject and before.')
  if (jti !== undefined) return { team, issuer, by: 'jti', value: jti }
  if (subject !== undefined) return { team, issuer, by: 'sub', value: subject }
  if (before === undefined || before > now + 1_000)
    throw malformed('before', 'a time that is not later than now')
  // Tokens know seconds: those of the second that has begun are among them.
  return { team, issuer, by: 'before', value: String(Math.ceil(before / 1_000)) }
}

function readClaim(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= claimCharsMax) return value
  throw malformed(name, `a text of 1 to ${claimCharsMax} characters`)
}

/**
 * The issuers whose tokens are meant: the one that was named, or all that speak for the team when at most one of
 * them is not our own. With several, the same `jti` or subject could be two people's.
 */
function speakingFor(team: Team, name: string | null, { config }: AccountAdministration): readonly Issuer[] {
  const all = [...config.issuers.values()]
  if (name !== null) {
    const named = all.find((one) => one.name === name)
    if (named === undefined) throw malformed('issuer', 'the name of one in the configuration')
    return [named]
  }
  const others = all.filter((one) => one.keys.kind !== 'own' && maySpeakFor(one, team.name))
  if (others.length > 1)
    throw malformed(
      'issuer',
      `one of those that speak for this team: ${others.map((one) => one.name).join(', ')}`,
    )
  const speaking = [...all.filter(({ keys }) => keys.kind === 'own'), ...others]
  if (speaking.length === 0)
    throw requestInvalid('No issuer speaks for this team: there is nothing to revoke.')
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

/** A subject or `jti` as tokens of our own carry it: those of others are exchanged for ours under another name. */
async function inOurTokens({ by, value }: Revoked, { name, keys }: Issuer): Promise<string> {
  if (keys.kind === 'own') return value
  return by === 'sub' ? exchangedSubject(name, value) : exchangedGrantId(name, value)
}

/**
 * Those for what was exchanged for the tokens that are revoked. When those were issued is not known of what they were
 * exchanged for: so all of ours until now go, and whoever is still good exchanges anew.
 */
async function derivedEntries(
  revoked: Revoked,
  issuers: readonly Issuer[],
  now: number,
): Promise<readonly Pick<Revocation, 'by' | 'value'>[]> {
  const { by } = revoked
  if (by === 'before') return exchangesAny(issuers) ? [{ by, value: String(Math.ceil(now / 1_000)) }] : []
  return Promise.all(
    issuers
      .filter(({ keys }) => keys.kind !== 'own')
      .map(async (issuer) => ({ by: by === 'sub' ? by : 'gid', value: await inOurTokens(revoked, issuer) })),
  )
}

interface Ending {
  readonly call: AdminCall
  readonly issuers: readonly Issuer[]
  readonly deps: AccountAdministration
  readonly id: string
}

/** What the token service keeps: personal tokens and sessions of a subject, JWTs for administration; the audit log. */
async function endInDirectory(
  revoked: Revoked & { readonly team: string },
  { call, issuers, deps, id }: Ending,
): Promise<void> {
  const { directory, accounts } = deps.service
  const { team, by, value } = revoked
  const now = deps.now()
  const audit = auditEntry(call, {
    action: 'revocation.created',
    team,
    target: id,
    detail: { by, value, issuers: issuers.map(({ name }) => name).join(' ') },
  })
  await answered(directory().record(audit, now))
  if (by === 'before') {
    const exchanged = exchangesAny(issuers)
    if (!exchanged && issuers.every(({ keys }) => keys.kind !== 'own')) return
    const at = exchanged ? now : Number(value) * 1_000 - 1
    await answered(directory().endClaim({ kind: 'team', value: team, at }))
    return
  }
  // A team's own admin ends that team's tokens: another team's may have the same `jti`, and is not theirs to end.
  const whose = call.administrator.role === 'admin' ? null : team
  for (const issuer of issuers) {
    const ours = await inOurTokens(revoked, issuer)
    if (by === 'jti') {
      await answered(directory().endClaim({ kind: 'token', value: claimOfTeam(ours, whose), at: now }))
    } else {
      const ending = { ...audit, action: 'subject.revoked' as const, target: ours }
      await endInAccounts(
        accounts,
        await answered(
          directory().endSubject({ subject: ours, team, teamless: whose === null }, now, ending),
        ),
      )
    }
  }
}

export async function listRevocations(
  { request, administrator }: AdminCall,
  deps: AccountAdministration,
): Promise<Response> {
  const query = readQuery(request, { team: asSent, ...orderedPaging })
  const { team = administrator.team } = query
  const { name } = visibleTeam(team, administrator, deps)
  requireTeamAdmin(administrator, name)
  const revocations = await answered(deps.openAccount(name).revocations())
  const { items, next } = pageInOrder(revocations, positionOf, query)
  return privateJson({ items: items.map((one) => listing(one, name)), next })
}

/** Those that end first come first, and go first: nothing behind a position is moved by that. As text until 2286. */
function positionOf({ until, id }: Revocation): string {
  return `${until}.${id}`
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
