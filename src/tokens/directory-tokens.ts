/** Personal tokens and the people who own them, in the storage of `Directory`. Times in milliseconds. */
import {
  endedTokenDays,
  lastUsedGranularityMillis,
  personalTokensMax,
  personalTokensPerTeamMax,
} from '../core/limits.ts'
import { sameDigest } from './opaque.ts'
import { type Page, pageOf } from './page.ts'
import {
  type Creation,
  type Ended,
  grantIdOf,
  type Judgement,
  judgeStanding,
  judgeToken,
  type ListedToken,
  type Person,
  type Presented,
  type SubjectOfTeam,
  statusOf,
  type TokenFilter,
  type TokenRecord,
} from './records.ts'

export const tokensSchema = `
  CREATE TABLE IF NOT EXISTS tokens (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, name TEXT NOT NULL, team TEXT NOT NULL,
    scopes TEXT NOT NULL, owner TEXT NOT NULL, service INTEGER NOT NULL, parent TEXT,
    created_at INTEGER NOT NULL, expires_at INTEGER, last_used_at INTEGER, revoked_at INTEGER
  );
  CREATE INDEX IF NOT EXISTS tokens_by_team ON tokens (team, number);
  CREATE INDEX IF NOT EXISTS tokens_by_owner ON tokens (owner, number);
  CREATE INDEX IF NOT EXISTS tokens_by_parent ON tokens (parent) WHERE parent IS NOT NULL;
  CREATE TABLE IF NOT EXISTS people (subject TEXT PRIMARY KEY, role TEXT NOT NULL, team TEXT, seen_at INTEGER NOT NULL);
`

type TokenRow = {
  readonly number: number
  readonly id: string
  readonly digest: string
  readonly name: string
  readonly team: string
  readonly scopes: string
  readonly owner: string
  readonly service: number
  readonly parent: string | null
  readonly created_at: number
  readonly expires_at: number | null
  readonly last_used_at: number | null
  readonly revoked_at: number | null
}

export function insertToken(sql: SqlStorage, token: TokenRecord): Creation {
  // It was good when the request was authorized; only here nothing can come between.
  const parent = token.parent === null ? null : readToken(sql, token.parent)
  if (token.parent !== null && (parent === null || statusOf(parent, token.createdAt) !== 'active'))
    return 'parent_ended'
  const count = (condition: string, ...bindings: readonly string[]): number =>
    sql.exec<{ n: number }>(`SELECT COUNT(*) AS n FROM tokens ${condition}`, ...bindings).one().n
  if (count('WHERE team = ?', token.team) >= personalTokensPerTeamMax) return 'team_full'
  if (count('') >= personalTokensMax) return 'full'
  sql.exec(
    `INSERT INTO tokens (id, digest, name, team, scopes, owner, service, parent, created_at, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    token.id,
    token.digest,
    token.name,
    token.team,
    JSON.stringify(token.scopes),
    token.owner,
    token.service ? 1 : 0,
    token.parent,
    token.createdAt,
    token.expiresAt,
  )
  return 'created'
}

export function findToken(sql: SqlStorage, id: string): ListedToken | null {
  const record = readToken(sql, id)
  return record === null ? null : withoutDigest(record)
}

/** The newest first. `before`: the position after which to go on; null: from the newest. */
export function listTokens(
  sql: SqlStorage,
  filter: TokenFilter,
  { now, before, limit }: { readonly now: number; readonly before: number | null; readonly limit: number },
): Page<ListedToken> {
  const conditions: string[] = ['number < ?']
  const bindings: (string | number)[] = [before ?? Number.MAX_SAFE_INTEGER]
  const where = (condition: string, ...values: readonly (string | number)[]): void => {
    conditions.push(condition)
    bindings.push(...values)
  }
  const active = (): void => where('revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)', now)
  if (filter.team !== null) where('team = ?', filter.team)
  if (filter.owner !== null) where('owner = ?', filter.owner)
  if (filter.status === 'revoked') where('revoked_at IS NOT NULL')
  if (filter.status === 'expired') where('revoked_at IS NULL AND expires_at <= ?', now)
  if (filter.status === 'active') active()
  if (filter.idleSince !== null) {
    active()
    where('COALESCE(last_used_at, created_at) < ?', filter.idleSince)
  }
  if (filter.expiringUntil !== null) {
    active()
    where('expires_at <= ?', filter.expiringUntil)
  }
  const rows = sql
    .exec<TokenRow>(
      `SELECT * FROM tokens WHERE ${conditions.join(' AND ')} ORDER BY number DESC LIMIT ?`,
      ...bindings,
      limit + 1,
    )
    .toArray()
  const { items, next } = pageOf(rows, limit, ({ number }) => number)
  return { items: items.map((row) => withoutDigest(toRecord(row))), next }
}

/** Judges what was presented and notes, coarsely, that it was used. */
export function presentToken(
  sql: SqlStorage,
  id: string,
  { digest, now }: { readonly digest: string; readonly now: number },
): Presented {
  const record = readToken(sql, id)
  const judgement = judgeToken(record, digest, { owner: ownerOf(sql, record), now })
  if (!judgement.good || record === null)
    return { good: false, reason: judgement.good ? 'unknown' : judgement.reason }
  if (record.lastUsedAt === null || now - record.lastUsedAt >= lastUsedGranularityMillis) {
    sql.exec('UPDATE tokens SET last_used_at = ? WHERE id = ?', now, id)
  }
  return { good: true, record: withoutDigest(record), role: judgement.role }
}

/** Whether a token that a JWT descends from is still good. */
export function tokenStanding(sql: SqlStorage, id: string, now: number): Judgement {
  const record = readToken(sql, id)
  if (record === null) return { good: false, reason: 'unknown' }
  return judgeStanding(record, { owner: ownerOf(sql, record), now })
}

/**
 * Revokes a token and all that were made with it. Names every grant that it ends, those that had ended before
 * too: the accounts must hear of each, and a caller that lost the answer asks again.
 */
export function revokeToken(sql: SqlStorage, id: string, now: number): readonly Ended[] {
  const family = sql
    .exec<{ id: string; team: string }>(
      `WITH RECURSIVE family (id, team) AS (
         SELECT id, team FROM tokens WHERE id = ?
         UNION SELECT tokens.id, tokens.team FROM tokens JOIN family ON tokens.parent = family.id
       ) SELECT id, team FROM family`,
      id,
    )
    .toArray()
  for (const member of family) {
    sql.exec('UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL', now, member.id)
  }
  return family.map((member) => ({ grantId: grantIdOf('pat', member.id), team: member.team }))
}

/** Revokes all that a subject owns or is. */
export function revokeTokensOf(
  sql: SqlStorage,
  { subject, team }: SubjectOfTeam,
  now: number,
): readonly Ended[] {
  const ids = sql
    .exec<{ id: string }>(
      `SELECT id FROM tokens
       WHERE (owner = ?1 OR 'token/' || id = ?1) AND (?2 IS NULL OR team = ?2) AND revoked_at IS NULL`,
      subject,
      team,
    )
    .toArray()
  return ids.flatMap(({ id }) => revokeToken(sql, id, now))
}

/** The token, when this is its digest; revoked and expired ones too, for a holder may revoke what has expired. */
export function heldToken(sql: SqlStorage, id: string, digest: string): ListedToken | null {
  const record = readToken(sql, id)
  return record !== null && sameDigest(record.digest, digest) ? withoutDigest(record) : null
}

export function rememberPerson(sql: SqlStorage, person: Person, now: number): void {
  sql.exec(
    'INSERT OR REPLACE INTO people (subject, role, team, seen_at) VALUES (?, ?, ?, ?)',
    person.subject,
    person.role,
    person.team,
    now,
  )
}

export function forgetPerson(sql: SqlStorage, subject: string): void {
  sql.exec('DELETE FROM people WHERE subject = ?', subject)
}

export function findPerson(sql: SqlStorage, subject: string): Person | null {
  const [found] = sql
    .exec<{ role: string; team: string | null }>('SELECT role, team FROM people WHERE subject = ?', subject)
    .toArray()
  if (found === undefined) return null
  const { role, team } = found
  return role === 'admin' || role === 'team-admin' || role === 'member' ? { subject, role, team } : null
}

/** Forgets tokens that ended long ago. */
export function pruneTokens(sql: SqlStorage, now: number): void {
  const before = now - endedTokenDays * 86_400_000
  sql.exec('DELETE FROM tokens WHERE revoked_at < ?1 OR expires_at < ?1', before)
}

function ownerOf(sql: SqlStorage, record: TokenRecord | null): Person | null {
  return record === null ? null : findPerson(sql, record.owner)
}

function readToken(sql: SqlStorage, id: string): TokenRecord | null {
  const [found] = sql.exec<TokenRow>('SELECT * FROM tokens WHERE id = ?', id).toArray()
  return found === undefined ? null : toRecord(found)
}

function toRecord(stored: TokenRow): TokenRecord {
  return {
    id: stored.id,
    digest: stored.digest,
    name: stored.name,
    team: stored.team,
    scopes: JSON.parse(stored.scopes),
    owner: stored.owner,
    service: stored.service === 1,
    parent: stored.parent,
    createdAt: stored.created_at,
    expiresAt: stored.expires_at,
    lastUsedAt: stored.last_used_at,
    revokedAt: stored.revoked_at,
  }
}

function withoutDigest({ digest: _kept, ...listed }: TokenRecord): ListedToken {
  return listed
}
