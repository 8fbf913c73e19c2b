/**
 * What `Directory` keeps, and what a kept thing is worth at a moment. Pure: every time is an argument, in
 * milliseconds since 1970.
 */
import type { Role } from '../core/configuration.ts'

export interface TokenRecord {
  readonly id: string
  /** SHA-256 of the token's text, hexadecimal. */
  readonly digest: string
  readonly name: string
  readonly team: string
  readonly scopes: readonly string[]
  /** Subject of who made it. */
  readonly owner: string
  /** Acts for itself, as `token/<id>`, and not for its owner. */
  readonly service: boolean
  /** Id of the personal token with which it was made, and with which it ends; null: made by a person or the admin key. */
  readonly parent: string | null
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly lastUsedAt: number | null
  readonly revokedAt: number | null
}

export type TokenStatus = 'active' | 'expired' | 'revoked'

/** A token that was revoked stays so, also when it would have expired since. */
export function statusOf(
  { revokedAt, expiresAt }: Pick<TokenRecord, 'revokedAt' | 'expiresAt'>,
  now: number,
): TokenStatus {
  if (revokedAt !== null) return 'revoked'
  return expiresAt !== null && expiresAt <= now ? 'expired' : 'active'
}

/** What a person may do now, as the last sign-in said. */
export interface Person {
  readonly subject: string
  readonly role: Role
  /** null: an admin who belongs to no team. */
  readonly team: string | null
}

/** The owner of everything that was made with the admin key. */
export const adminKeyOwner = 'admin-key'

/**
 * `sub` of what acts for itself. The slash keeps it apart from subjects of issuers, which read
 * `<name of the issuer>:<sub>` and whose names have none.
 */
function serviceSubject(id: string): string {
  return `token/${id}`
}

function isPerson(owner: string): boolean {
  return owner !== adminKeyOwner && !owner.startsWith(serviceSubject(''))
}

/** Prefixes of `gid`: what a token descends from. */
export function grantIdOf(kind: 'pat' | 'jwt' | 'refresh' | 'session', id: string): string {
  return `${kind}:${id}`
}

/** The personal token that a grant is; null: it is another kind of grant. */
export function tokenIdOfGrant(grantId: string): string | null {
  return grantId.startsWith('pat:') ? grantId.slice('pat:'.length) : null
}

/** `sub` of the tokens that a personal token is exchanged for. */
export function subjectOf({ id, owner, service }: Pick<TokenRecord, 'id' | 'owner' | 'service'>): string {
  return service || owner === adminKeyOwner ? serviceSubject(id) : owner
}

export type Judgement =
  | { readonly good: true; readonly role: Role }
  /** `reason` is for the log. */
  | { readonly good: false; readonly reason: string }

/**
 * Whether a token is good whose holder was proven, and with which role. `owner` is what the directory knows of the
 * owner now: a token never carries more than that. A service's token, one that another token made and one made
 * with the admin key are members of their team: what no person signed in for does not administer.
 */
export function judgeStanding(
  record: TokenRecord,
  { owner, now }: { readonly owner: Person | null; readonly now: number },
): Judgement {
  const status = statusOf(record, now)
  if (status !== 'active') return { good: false, reason: status }
  if (!isPerson(record.owner)) return { good: true, role: 'member' }
  if (owner === null) return { good: false, reason: 'owner unknown' }
  if (owner.role !== 'admin' && owner.team !== record.team)
    return { good: false, reason: 'owner left the team' }
  const administers = !record.service && record.parent === null && owner.role !== 'member'
  return { good: true, role: administers ? 'team-admin' : 'member' }
}

/** A thing that works once: a code, a refresh token of a family. Only its digest is kept. */
export interface SingleUse {
  readonly kind: string
  readonly digest: string
  /** What its redemption ends when it is tried twice; null: nothing descends from it. */
  readonly grantId: string | null
  readonly payload: string
  readonly expiresAt: number
}

/** `replayed`: it was redeemed before; who presents it now, or did then, stole it (RFC 9700 section 4.5). */
export type Redemption = 'redeemed' | 'replayed' | 'unknown'

/** A refresh family or a session: what JWTs descend from and can be ended as one. */
export interface GrantRecord {
  readonly id: string
  readonly subject: string
  readonly team: string | null
  readonly expiresAt: number
}

/** A grant that stands, and the person it belongs to as they are now; `person` is null when they may nothing any more. */
export interface StandingGrant extends GrantRecord {
  readonly person: Person | null
}

/** A single-use thing before it is redeemed. */
export interface Examined {
  readonly spent: boolean
  readonly payload: string
}

/**
 * A refresh token reads `<family>_<secret>`, both random: the family is found by the first, and only the latest
 * secret is good. So every earlier one is known as spent for as long as the family lives, at the cost of one row.
 */
export interface RefreshFamily {
  readonly familyDigest: string
  /** Of the latest refresh token. */
  readonly digest: string
  readonly payload: string
  readonly expiresAt: number
}

/** At most `max` attempts in a window; `what` names the act and who does it. */
export interface AttemptLimit {
  readonly what: string
  readonly max: number
  readonly windowMillis: number
}

/** What an approval opens: the family, and what its first token will be made of. */
export interface Approval {
  readonly grant: GrantRecord
  readonly payload: string
}

/** An end of something of ours: what descends from `grantId`, in the account of `team` (null: no account). */
export interface Ended {
  readonly grantId: string
  readonly team: string | null
}

/** What `Directory` answers about a presented personal token. */
export type Presented =
  | { readonly good: true; readonly record: Omit<TokenRecord, 'digest'>; readonly role: Role }
  | { readonly good: false; readonly reason: string }

/** Claims of a token for administration, as far as their standing is asked for. Times in milliseconds. */
export interface StandingQuery {
  readonly grantId: string
  readonly tokenId: string
  readonly subject: string
  readonly team: string | null
  readonly issuedAt: number
  readonly now: number
}

export type Standing =
  | { readonly good: true; readonly role: Role }
  | { readonly good: false; readonly reason: string }

export interface SubjectOfTeam {
  readonly subject: string
  /** null: in every team. */
  readonly team: string | null
  /** And the logins that belong to no team: those of an admin without one, which only an admin ends. */
  readonly teamless?: boolean
}

/** Value of an ended claim that ends tokens of one team only; a line end stands in no claim. null: of every team. */
export function claimOfTeam(value: string, team: string | null): string {
  return team === null ? value : `${team}\n${value}`
}

/** What was ended apart from a grant, until every JWT that it concerns has expired. */
export interface EndedClaim {
  /** `token`: a `jti`, or the `gid` of what was exchanged for one. */
  readonly kind: 'token' | 'subject' | 'team'
  readonly value: string
  /** Tokens issued until then are ended. */
  readonly at: number
}

/** A token as lists show it: everything but the digest. */
export type ListedToken = Omit<TokenRecord, 'digest'>

export interface TokenFilter {
  /** null: of every team. */
  readonly team: string | null
  readonly status: 'active' | 'expired' | 'revoked' | null
  /** Active, and last used (or made, when never used) before then. */
  readonly idleSince: number | null
  /** Active, and expiring until then. */
  readonly expiringUntil: number | null
}

/**
 * `team_full`, `full`: as many tokens are kept as may be, of the team or in all. `parent_ended`: the token that it
 * was made with has ended meanwhile.
 */
export type Creation = 'created' | 'team_full' | 'full' | 'parent_ended'

/** `full`: as many single-use things are outstanding as may be. `taken`: there is one of this digest; make another. */
export type Deposit = 'stored' | 'full' | 'taken'
