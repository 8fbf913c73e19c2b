/**
 * Revocations of one team (docs/leases.md): kept by the account, travelling whole to every isolate, looked up
 * there at admission and again at commit. An entry lives until the longest-living token that it could match has
 * expired; a subject's entry matches every token of the subject until then, also newly issued ones.
 */
import type { Caller } from '../permit.ts'

export type RevokedBy = 'jti' | 'sub' | 'gid' | 'before'

export interface Revocation {
  readonly id: string
  /** The issuer's name in the configuration; null: any issuer of the team. */
  readonly issuer: string | null
  readonly by: RevokedBy
  /** The token id, the subject, the grant id; for `before` seconds since 1970: tokens issued earlier are revoked. */
  readonly value: string
  /** Milliseconds since 1970 from which no token can match any more. */
  readonly until: number
}

/** What an isolate knows of a team beyond quota; complete, or it admits nothing. */
export interface Rules {
  /** Raised by every change; 0 is never used, so an isolate that knows nothing says 0. */
  readonly version: number
  readonly suspended: boolean
  readonly revocations: readonly Revocation[]
}

/** Revocations by issuer (`null`: any), ready for one look per kind. */
export type RevocationIndex = ReadonlyMap<string | null, IssuerRevocations>

/** Sets that a token without `jti` or `gid` is looked up in as well, and never found. */
interface IssuerRevocations extends Record<'jti' | 'sub' | 'gid', Set<string | null>> {
  before: number
}

export function indexRevocations(revocations: readonly Revocation[]): RevocationIndex {
  const index = new Map<string | null, IssuerRevocations>()
  for (const { issuer, by, value } of revocations) {
    const entry = index.get(issuer) ?? { jti: new Set(), sub: new Set(), gid: new Set(), before: 0 }
    index.set(issuer, entry)
    if (by === 'before') entry.before = Math.max(entry.before, Number(value))
    else entry[by].add(value)
  }
  return index
}

/** Whether an entry matches, of the caller's issuer or of any. */
export function isRevoked(index: RevocationIndex, caller: Caller): boolean {
  return (
    index.size > 0 && (matches(index.get(caller.issuer.name), caller) || matches(index.get(null), caller))
  )
}

function matches(revoked: IssuerRevocations | undefined, caller: Caller): boolean {
  return (
    revoked !== undefined &&
    (caller.issuedAt < revoked.before ||
      revoked.jti.has(caller.tokenId) ||
      revoked.sub.has(caller.subject) ||
      revoked.gid.has(caller.grantId))
  )
}

/**
 * The list with one more entry. The same issuer, kind and value keeps its id and the later end; of several
 * `before` of one issuer only the latest matters, so that one always finds room.
 */
export function addRevocation(
  revocations: readonly Revocation[],
  added: Revocation,
): { readonly revocations: readonly Revocation[]; readonly entry: Revocation } {
  const same = revocations.find(
    ({ issuer, by, value }) =>
      issuer === added.issuer && by === added.by && (by === 'before' || value === added.value),
  )
  if (same === undefined) return { revocations: [...revocations, added], entry: added }
  const value =
    added.by === 'before' ? String(Math.max(Number(same.value), Number(added.value))) : added.value
  const entry = { ...added, id: same.id, value, until: Math.max(same.until, added.until) }
  return { revocations: revocations.map((one) => (one === same ? entry : one)), entry }
}

/** The list without entries that can match no token any more; the same array when there are none. */
export function pruneRevocations(revocations: readonly Revocation[], now: number): readonly Revocation[] {
  return revocations.some(({ until }) => until <= now)
    ? revocations.filter(({ until }) => until > now)
    : revocations
}
