/**
 * The claims of a token whose signature was already verified (RFC 7519, RFC 9068, RFC 8725), judged against
 * the rules of its issuer. Everything that is not exactly as expected is a reason to refuse.
 */

import type { Issuer, Role } from './configuration.ts'
import { claimCharsMax, claimSecondsMax, claimSecondsMin } from './limits.ts'
import type { Caller } from './permit.ts'
import { isPrintable } from './printable.ts'
import { Refusal } from './problems.ts'
import { roles } from './roles.ts'
import { parseTokenScopes } from './scope.ts'
import { own } from './table.ts'

/** `call`: through the proxy; `administration`: our admin API; `exchange`: as subject token (RFC 8693). */
export type TokenUse = 'call' | 'administration' | 'exchange'

/** What the caller is told of each reason to refuse, with the name of the claim; the reason itself goes to the log. */
const faults = {
  audience: 'is meant for another audience; ask your issuer for one with the right aud',
  bound: 'is bound to a key (cnf) and is not accepted as a bearer token',
  claim_malformed: 'has a malformed {claim} claim',
  claim_missing: 'has no {claim} claim, which is required',
  expired: 'has expired; get a new one',
  in_future: "has its {claim} in the future; compare the issuer's clock",
  lifetime: 'lives longer than its issuer is allowed here, or not at all; ask for a shorter one',
  // Told alike, so that no issuer learns which teams there are; the log tells them apart.
  team_unknown: 'speaks for a team that does not exist here, or that its issuer may not speak for',
  team_not_spoken_for: 'speaks for a team that does not exist here, or that its issuer may not speak for',
  where: 'is not one of those that are accepted from its issuer',
  use: 'is of an issuer whose tokens are not accepted here; exchange it for one of ours first',
}

function refused(reason: keyof typeof faults, claim: string): Refusal {
  return new Refusal(reason === 'expired' ? 'token_expired' : 'token_invalid', {
    detail: `The token ${faults[reason].replace('{claim}', () => claim)}.`,
    reason: `claim ${claim}: ${reason}`,
  })
}

export interface ClaimsRules {
  readonly issuer: Issuer
  readonly use: TokenUse
  /** Our own origin. */
  readonly url: string
  readonly teams: { has(name: string): boolean }
  /** Milliseconds since 1970. */
  readonly now: number
}

type Claims = Readonly<Record<string, unknown>>

/** The caller that a verified token speaks for. `claims` is its parsed payload. Throws Refusal. */
export function readCaller(claims: Claims, rules: ClaimsRules): Caller {
  const { issuer } = rules
  checkUse(rules)
  if (own(claims, 'cnf') !== undefined) throw refused('bound', 'cnf')
  checkAudience(required(claims, 'aud'), rules)
  const times = readTimes(claims, rules)
  const subject = readName(claims, 'sub')
  for (const [claim, value] of issuer.where) {
    if (own(claims, claim) !== value) throw refused('where', claim)
  }
  const ours = issuer.keys.kind === 'own'
  const role = ours ? readRole(claims) : null
  return {
    issuer,
    team: isPlatformAdmin(claims, rules, role) ? '' : readTeam(claims, rules),
    subject,
    tokenId: optionalName(claims, 'jti'),
    grantId: ours ? optionalName(claims, 'gid') : null,
    role,
    ...times,
    scopes: readScopes(claims, issuer),
  }
}

/** Administration is for tokens of our own service; calls and exchanges for issuers that are open to them. */
function checkUse({ issuer, use }: ClaimsRules): void {
  const open = use === 'administration' ? issuer.keys.kind === 'own' : issuer.use.has(use)
  if (!open) throw refused('use', 'iss')
}

/** RFC 7519 section 4.1.3: one text or a list of texts, and ours among them as a whole. */
function checkAudience(aud: unknown, { issuer, use, url }: ClaimsRules): void {
  const administration = `${url}/api`
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (!audiences.every((audience) => typeof audience === 'string')) throw refused('claim_malformed', 'aud')
  const calls = audiences.includes(issuer.audience) || audiences.includes(url)
  const administers = audiences.includes(administration)
  const meant = use === 'administration' ? administers : audiences.includes(issuer.audience)
  if (!meant || (calls && administers)) throw refused('audience', 'aud')
}

function readTimes(claims: Claims, { issuer, now }: ClaimsRules): Pick<Caller, 'issuedAt' | 'expiresAt'> {
  const expiresAt = readSeconds(claims, 'exp')
  const issuedAt = readSeconds(claims, 'iat')
  const latestNow = now + issuer.clockToleranceSeconds * 1_000
  if (issuedAt * 1_000 > latestNow) throw refused('in_future', 'iat')
  if (own(claims, 'nbf') !== undefined && readSeconds(claims, 'nbf') * 1_000 > latestNow)
    throw refused('in_future', 'nbf')
  const lifetime = expiresAt - issuedAt
  if (lifetime <= 0 || lifetime > issuer.maxLifetimeSeconds) throw refused('lifetime', 'exp')
  if (now >= acceptedUntil({ issuer, expiresAt })) throw refused('expired', 'exp')
  return { issuedAt, expiresAt }
}

/**
 * Milliseconds since 1970 at which a token stops being accepted: RFC 7519 section 4.1.4 wants the time to be
 * before `exp`, and the issuer's tolerance is added to that.
 */
export function acceptedUntil({ issuer, expiresAt }: Pick<Caller, 'issuer' | 'expiresAt'>): number {
  return (expiresAt + issuer.clockToleranceSeconds) * 1_000
}

function required(claims: Claims, name: string): unknown {
  const value = own(claims, name)
  if (value === undefined) throw refused('claim_missing', name)
  return value
}

function readSeconds(claims: Claims, name: string): number {
  const value = required(claims, name)
  if (
    typeof value !== 'number' ||
    !Number.isInteger(value) ||
    value < claimSecondsMin ||
    value > claimSecondsMax
  )
    throw refused('claim_malformed', name)
  return value
}

function readName(claims: Claims, name: string): string {
  const value = required(claims, name)
  if (typeof value !== 'string' || value === '' || value.length > claimCharsMax || !isPrintable(value))
    throw refused('claim_malformed', name)
  return value
}

function optionalName(claims: Claims, name: string): string | null {
  return own(claims, name) === undefined ? null : readName(claims, name)
}

/** A list is refused even with one element: which of two teams would pay? */
function readTeam(claims: Claims, { issuer, teams }: ClaimsRules): string {
  const rule = issuer.team
  if (rule.kind === 'value') return rule.value
  const value = readName(claims, rule.claim)
  if (rule.kind === 'map') {
    const team = rule.map.get(value)
    if (team === undefined) throw refused('team_not_spoken_for', rule.claim)
    return team
  }
  if (!teams.has(value)) throw refused('team_unknown', rule.claim)
  if (rule.teams !== null && !rule.teams.has(value)) throw refused('team_not_spoken_for', rule.claim)
  return value
}

/** Who administers the platform needs no team, and has none unless the token names one. */
function isPlatformAdmin(claims: Claims, { issuer, use }: ClaimsRules, role: Role | null): boolean {
  return (
    use === 'administration' &&
    role === 'admin' &&
    issuer.team.kind === 'claim' &&
    own(claims, issuer.team.claim) === undefined
  )
}

function readRole(claims: Claims): Role | null {
  const value = own(claims, 'role')
  if (value === undefined) return null
  const role = roles.find((name) => name === value)
  if (role === undefined) throw refused('claim_malformed', 'role')
  return role
}

/** RFC 9068 section 2.2.3: one text. Anything else grants nothing, which the route then says. */
function readScopes(claims: Claims, issuer: Issuer): Caller['scopes'] {
  if (issuer.scopes.kind === 'granted') return 'granted'
  const value = own(claims, issuer.scopes.claim)
  return typeof value === 'string' ? parseTokenScopes(value) : new Map()
}
