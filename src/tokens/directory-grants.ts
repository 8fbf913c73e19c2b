/**
 * Things that work once, grants (refresh families, sessions), and what was ended apart from them, in the
 * storage of `Directory`. Times in milliseconds.
 */

import { accessTokenSeconds, clockToleranceSecondsDefault, singleUsesMax } from '../core/limits.ts'
import type { AuditDraft } from './audit.ts'
import { appendAudit } from './directory-audit.ts'
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
import { count, find, insert, type Row } from './rows.ts'

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

/** After this long, every JWT that an ended claim or token concerns has expired by itself. */
export const endedClaimMillis = (accessTokenSeconds + clockToleranceSecondsDefault) * 1000

/** Keeps a single-use thing until it expires. */
export function deposit(sql: SqlStorage, thing: SingleUse, now: number): Deposit {
  if (count(sql, 'single_uses') >= singleUsesMax) {
    sql.exec('DELETE FROM single_uses WHERE expires_at <= ?', now)
    if (count(sql, 'single_uses') >= singleUsesMax) return 'full'
  }
  const { kind, digest, grantId, payload, expiresAt } = thing
  const row = { kind, digest, grant_id: grantId, payload, expires_at: expiresAt }
  return insert(sql, 'OR IGNORE INTO single_uses', row) ? 'stored' : 'taken'
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
  const found = find<{
    grantId: string | null
    expiresAt: number
    redeemedAt: number | null
  }>(
    sql,
    `SELECT grant_id AS grantId, expires_at AS expiresAt, redeemed_at AS redeemedAt
     FROM single_uses WHERE kind = ? AND digest = ?`,
    kind,
    digest,
  )
  if (found === undefined) return 'unknown'
  const { grantId, expiresAt, redeemedAt } = found
  if (redeemedAt !== null) {
    if (grantId !== null)
      endGrant(sql, grantId, now, {
        actor: 'holder',
        action: 'grant.ended',
        team: null,
        target: grantId,
        detail: { reason: `${kind} presented twice` },
        from: null,
      })
    return 'replayed'
  }
  if (expiresAt <= now || (grantId !== null && findGrant(sql, grantId, now) === null)) return 'unknown'
  sql.exec('UPDATE single_uses SET redeemed_at = ? WHERE kind = ? AND digest = ?', now, kind, digest)
  return 'redeemed'
}

/** Looks without redeeming; null for what is unknown or expired. */
export function examine(
  sql: SqlStorage,
  kind: string,
  { digest, now }: { readonly digest: string; readonly now: number },
): Examined | null {
  const found = find<{ payload: string; redeemedAt: number | null }>(
    sql,
    'SELECT payload, redeemed_at AS redeemedAt FROM single_uses WHERE kind = ? AND digest = ? AND expires_at > ?',
    kind,
    digest,
    now,
  )
  return found === undefined ? null : { spent: found.redeemedAt !== null, payload: found.payload }
}

export function openFamily(
  sql: SqlStorage,
  { familyDigest, digest, payload, expiresAt }: RefreshFamily,
): void {
  insert(sql, 'INTO families', { family: familyDigest, digest, payload, expires_at: expiresAt })
}

/** What a presented refresh token is worth; null when its family is unknown, or was idle for too long. */
export function examineFamily(
  sql: SqlStorage,
  familyDigest: string,
  { digest, now }: { readonly digest: string; readonly now: number },
): Examined | null {
  const found = find<{ digest: string; payload: string }>(
    sql,
    'SELECT digest, payload FROM families WHERE family = ? AND expires_at > ?',
    familyDigest,
    now,
  )
  return found === undefined ? null : { spent: !sameDigest(found.digest, digest), payload: found.payload }
}

/** The presented token's successor takes its place, once; false when another one already has. */
export function rotateFamily(
  sql: SqlStorage,
  { familyDigest, digest, payload, expiresAt }: RefreshFamily,
  presented: string,
): boolean {
  const { rowsWritten } = sql.exec(
    'UPDATE families SET digest = ?, payload = ?, expires_at = ? WHERE family = ? AND digest = ?',
    digest,
    payload,
    expiresAt,
    familyDigest,
    presented,
  )
  return rowsWritten > 0
}

export function openGrant(sql: SqlStorage, { expiresAt, ...grant }: GrantRecord): void {
  insert(sql, 'INTO grants', { ...grant, expires_at: expiresAt })
}

/** null when it has ended or expired, or never was. */
export function findGrant(sql: SqlStorage, id: string, now: number): GrantRecord | null {
  const found = find<Row<GrantRecord>>(
    sql,
    `SELECT id, subject, team, expires_at AS expiresAt FROM grants
     WHERE id = ? AND ended_at IS NULL AND expires_at > ?`,
    id,
    now,
  )
  return found ?? null
}

/** Names it when it had ended before, too. The entry gets the grant's team; none is written for what was over. */
export function endGrant(sql: SqlStorage, id: string, now: number, audit: AuditDraft): readonly Ended[] {
  const grant = findGrant(sql, id, now)
  if (grant !== null) appendAudit(sql, { ...audit, team: grant.team }, now)
  return sql
    .exec<Row<Ended>>(
      'UPDATE grants SET ended_at = COALESCE(ended_at, ?) WHERE id = ? RETURNING id AS grantId, team',
      now,
      id,
    )
    .toArray()
}

export function endGrantsOf(
  sql: SqlStorage,
  { subject, team, teamless = false }: SubjectOfTeam,
  now: number,
): readonly Ended[] {
  return sql
    .exec<Row<Ended>>(
      `UPDATE grants SET ended_at = ?3 WHERE subject = ?1 AND (?2 IS NULL OR team = ?2 OR ?4 AND team IS NULL)
       AND ended_at IS NULL RETURNING id AS grantId, team`,
      subject,
      team,
      now,
      Number(teamless),
    )
    .toArray()
}

/** Ends JWTs by one of their claims; an earlier end of the same claim is only ever extended. True: there was none. */
export function endClaim(sql: SqlStorage, { kind, value, at }: EndedClaim): boolean {
  const known = count(sql, 'ended_claims WHERE kind = ? AND value = ?', kind, value)
  sql.exec(
    `INSERT INTO ended_claims (kind, value, at) VALUES (?, ?, ?)
     ON CONFLICT (kind, value) DO UPDATE SET at = MAX(at, excluded.at)`,
    kind,
    value,
    at,
  )
  return known === 0
}

/** Whether a JWT with these claims was ended by one of them. */
export function claimEnded(
  sql: SqlStorage,
  { tokenId, grantId, subject, team, issuedAt }: StandingQuery,
): boolean {
  const ended = count(
    sql,
    `ended_claims WHERE kind = 'token' AND value IN (?, ?, ?, ?) OR at >= ?
     AND (kind = 'subject' AND value IN (?, ?) OR kind = 'team' AND value = ?)`,
    tokenId,
    claimOfTeam(tokenId, team),
    grantId,
    claimOfTeam(grantId, team),
    issuedAt,
    subject,
    claimOfTeam(subject, team),
    team ?? '',
  )
  return ended > 0
}

export function pruneGrants(sql: SqlStorage, now: number): void {
  sql.exec('DELETE FROM single_uses WHERE expires_at <= ?', now)
  sql.exec('DELETE FROM families WHERE expires_at <= ?', now)
  sql.exec('DELETE FROM grants WHERE expires_at <= ?', now)
  sql.exec('DELETE FROM ended_claims WHERE at <= ?', now - endedClaimMillis)
}
