/**
 * Things that work once, grants (refresh families, sessions), and what was ended apart from them, in the
 * storage of `Directory`. Times in milliseconds.
 */
import { accessTokenSeconds, clockToleranceSecondsDefault, singleUsesMax } from '../core/limits.ts'
import { sameDigest } from './opaque.ts'
import {
  claimOfTeam,
  type Deposit,
  type Ended,
  type EndedClaim,
  type Examined,
  type GrantRecord,
  type Redemption,
  type RefreshFamily,
  type SingleUse,
  type StandingQuery,
  type SubjectOfTeam,
} from './records.ts'

export const grantsSchema = `
  CREATE TABLE IF NOT EXISTS single_uses (
    kind TEXT NOT NULL, digest TEXT NOT NULL, grant_id TEXT, payload TEXT NOT NULL,
    expires_at INTEGER NOT NULL, redeemed_at INTEGER, PRIMARY KEY (kind, digest)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS single_uses_by_end ON single_uses (expires_at);
  CREATE TABLE IF NOT EXISTS families (
    family TEXT PRIMARY KEY, digest TEXT NOT NULL, payload TEXT NOT NULL, expires_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS families_by_end ON families (expires_at);
  CREATE TABLE IF NOT EXISTS grants (
    id TEXT PRIMARY KEY, subject TEXT NOT NULL, team TEXT, expires_at INTEGER NOT NULL, ended_at INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS grants_by_subject ON grants (subject);
  CREATE TABLE IF NOT EXISTS ended_claims (
    kind TEXT NOT NULL, value TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (kind, value)
  ) WITHOUT ROWID;
`

/** After this long, every JWT that an ended claim concerns has expired by itself. */
const endedClaimMillis = (accessTokenSeconds + clockToleranceSecondsDefault) * 1000

/** Keeps a single-use thing until it expires. */
export function deposit(sql: SqlStorage, thing: SingleUse, now: number): Deposit {
  const count = (): number => sql.exec<{ n: number }>('SELECT COUNT(*) AS n FROM single_uses').one().n
  if (count() >= singleUsesMax) {
    sql.exec('DELETE FROM single_uses WHERE expires_at <= ?', now)
    if (count() >= singleUsesMax) return 'full'
  }
  const { rowsWritten } = sql.exec(
    'INSERT OR IGNORE INTO single_uses (kind, digest, grant_id, payload, expires_at) VALUES (?, ?, ?, ?, ?)',
    thing.kind,
    thing.digest,
    thing.grantId,
    thing.payload,
    thing.expiresAt,
  )
  return rowsWritten > 0 ? 'stored' : 'taken'
}

/**
 * Redeems it, once: reading and marking happen in one turn of a single-threaded object. What has expired, or
 * belongs to a grant that has ended, is unknown. A second attempt ends the grant.
 */
export function redeem(
  sql: SqlStorage,
  kind: string,
  { digest, now }: { readonly digest: string; readonly now: number },
): Redemption {
  const [found] = sql
    .exec<{ grant_id: string | null; payload: string; expires_at: number; redeemed_at: number | null }>(
      'SELECT grant_id, payload, expires_at, redeemed_at FROM single_uses WHERE kind = ? AND digest = ?',
      kind,
      digest,
    )
    .toArray()
  if (found === undefined) return { outcome: 'unknown' }
  if (found.redeemed_at !== null) {
    if (found.grant_id !== null) endGrant(sql, found.grant_id, now)
    return { outcome: 'replayed', grantId: found.grant_id }
  }
  if (found.expires_at <= now || (found.grant_id !== null && !grantStands(sql, found.grant_id, now))) {
    return { outcome: 'unknown' }
  }
  sql.exec('UPDATE single_uses SET redeemed_at = ? WHERE kind = ? AND digest = ?', now, kind, digest)
  return { outcome: 'redeemed', grantId: found.grant_id, payload: found.payload }
}

/** Looks without redeeming; null for what is unknown or expired. */
export function examine(
  sql: SqlStorage,
  kind: string,
  { digest, now }: { readonly digest: string; readonly now: number },
): Examined | null {
  const [found] = sql
    .exec<{ payload: string; redeemed_at: number | null }>(
      'SELECT payload, redeemed_at FROM single_uses WHERE kind = ? AND digest = ? AND expires_at > ?',
      kind,
      digest,
      now,
    )
    .toArray()
  return found === undefined ? null : { spent: found.redeemed_at !== null, payload: found.payload }
}

export function openFamily(
  sql: SqlStorage,
  { familyDigest, digest, payload, expiresAt }: RefreshFamily,
): void {
  sql.exec(
    'INSERT INTO families (family, digest, payload, expires_at) VALUES (?, ?, ?, ?)',
    familyDigest,
    digest,
    payload,
    expiresAt,
  )
}

/** What a presented refresh token is worth; null when its family is unknown, or was idle for too long. */
export function examineFamily(
  sql: SqlStorage,
  familyDigest: string,
  { digest, now }: { readonly digest: string; readonly now: number },
): Examined | null {
  const [found] = sql
    .exec<{ digest: string; payload: string }>(
      'SELECT digest, payload FROM families WHERE family = ? AND expires_at > ?',
      familyDigest,
      now,
    )
    .toArray()
  return found === undefined ? null : { spent: !sameDigest(found.digest, digest), payload: found.payload }
}

/** The presented token's successor takes its place, once; false when another one already has. */
export function rotateFamily(
  sql: SqlStorage,
  { familyDigest, digest, payload, expiresAt }: RefreshFamily,
  presented: string,
): boolean {
  return (
    sql
      .exec(
        'UPDATE families SET digest = ?, payload = ?, expires_at = ? WHERE family = ? AND digest = ? RETURNING 1',
        digest,
        payload,
        expiresAt,
        familyDigest,
        presented,
      )
      .toArray().length === 1
  )
}

export function openGrant(sql: SqlStorage, grant: GrantRecord): void {
  sql.exec(
    'INSERT INTO grants (id, subject, team, expires_at) VALUES (?, ?, ?, ?)',
    grant.id,
    grant.subject,
    grant.team,
    grant.expiresAt,
  )
}

export function grantStands(sql: SqlStorage, id: string, now: number): boolean {
  const condition = 'id = ? AND ended_at IS NULL AND expires_at > ?'
  return sql.exec(`SELECT 1 FROM grants WHERE ${condition}`, id, now).toArray().length === 1
}

export function findGrant(sql: SqlStorage, id: string, now: number): GrantRecord | null {
  const [found] = sql
    .exec<{ subject: string; team: string | null; expires_at: number }>(
      'SELECT subject, team, expires_at FROM grants WHERE id = ? AND ended_at IS NULL AND expires_at > ?',
      id,
      now,
    )
    .toArray()
  return found === undefined
    ? null
    : { id, subject: found.subject, team: found.team, expiresAt: found.expires_at }
}

export function endGrant(sql: SqlStorage, id: string, now: number): readonly Ended[] {
  sql.exec('UPDATE grants SET ended_at = ? WHERE id = ? AND ended_at IS NULL', now, id)
  const grants = sql.exec<{ team: string | null }>('SELECT team FROM grants WHERE id = ?', id).toArray()
  return grants.map(({ team }) => ({ grantId: id, team }))
}

export function endGrantsOf(
  sql: SqlStorage,
  { subject, team }: SubjectOfTeam,
  now: number,
): readonly Ended[] {
  const open = sql
    .exec<{ id: string }>(
      'SELECT id FROM grants WHERE subject = ?1 AND (?2 IS NULL OR team = ?2) AND ended_at IS NULL',
      subject,
      team,
    )
    .toArray()
  return open.flatMap(({ id }) => endGrant(sql, id, now))
}

/** Ends JWTs by one of their claims; an earlier end of the same claim is only ever extended. */
export function endClaim(sql: SqlStorage, { kind, value, at }: EndedClaim): void {
  sql.exec(
    `INSERT INTO ended_claims (kind, value, at) VALUES (?, ?, ?)
     ON CONFLICT (kind, value) DO UPDATE SET at = MAX(at, excluded.at)`,
    kind,
    value,
    at,
  )
}

/** Whether a JWT with these claims was ended by one of them. */
export function claimEnded(
  sql: SqlStorage,
  { tokenId, grantId, subject, team, issuedAt }: StandingQuery,
): boolean {
  return (
    sql
      .exec(
        `SELECT 1 FROM ended_claims WHERE (kind = 'token' AND value IN (?1, ?6, ?7, ?8))
         OR (kind = 'subject' AND value IN (?2, ?3) AND at >= ?5) OR (kind = 'team' AND value = ?4 AND at >= ?5)`,
        tokenId,
        subject,
        claimOfTeam(subject, team),
        team ?? '',
        issuedAt,
        grantId,
        claimOfTeam(tokenId, team),
        claimOfTeam(grantId, team),
      )
      .toArray().length > 0
  )
}

export function pruneGrants(sql: SqlStorage, now: number): void {
  sql.exec('DELETE FROM single_uses WHERE expires_at <= ?', now)
  sql.exec('DELETE FROM families WHERE expires_at <= ?', now)
  sql.exec('DELETE FROM grants WHERE expires_at <= ?', now)
  sql.exec('DELETE FROM ended_claims WHERE at <= ?', now - endedClaimMillis)
}
