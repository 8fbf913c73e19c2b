/** Personal tokens and the people who own them, in the storage of `Directory`. Times in milliseconds. */
import {
  endedTokenDays,
  lastUsedGranularityMillis,
  personalTokensMax,
  personalTokensPerTeamMax,
} from '../core/limits.ts'
import { dayMillis } from '../core/quota/books.ts'
import { endedClaimMillis } from './directory-grants.ts'
import { sameDigest } from './opaque.ts'
import { type Page, pageOf } from './page.ts'
import {
  type Creation,
  type Ended,
  grantIdOf,
  type Judgement,
  judgeStanding,
  type ListedToken,
  type Person,
  type Presented,
  type SubjectOfTeam,
  statusOf,
  type TokenFilter,
  type TokenRecord,
} from './records.ts'
import { count, find, insert, type Row } from './rows.ts'

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

/** A row as `TokenRecord` names it. */
const columns = `id, digest, name, team, scopes, owner, service, parent, created_at AS createdAt,
  expires_at AS expiresAt, last_used_at AS lastUsedAt, revoked_at AS revokedAt`

type TokenRow = Omit<TokenRecord, 'scopes' | 'service'> & {
  readonly scopes: string
  readonly service: number
}

export function insertToken(sql: SqlStorage, token: TokenRecord): Creation {
  // It was good when the request was authorized; only here nothing can come between.
  const parent = token.parent === null ? null : readToken(sql, token.parent)
  if (token.parent !== null && (parent === null || statusOf(parent, token.createdAt) !== 'active'))
    return 'parent_ended'
  if (count(sql, 'tokens WHERE team = ?', token.team) >= personalTokensPerTeamMax) return 'team_full'
  if (count(sql, 'tokens') >= personalTokensMax) return 'full'
  const { scopes, service, createdAt, expiresAt, lastUsedAt, revokedAt, ...row } = token
  insert(sql, 'INTO tokens', {
    ...row,
    scopes: JSON.stringify(scopes),
    service: service ? 1 : 0,
    created_at: createdAt,
    expires_at: expiresAt,
    last_used_at: lastUsedAt,
    revoked_at: revokedAt,
  })
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
    .exec<TokenRow & { number: number }>(
      `SELECT number, ${columns} FROM tokens WHERE ${conditions.join(' AND ')} ORDER BY number DESC LIMIT ?`,
      ...bindings,
      limit + 1,
    )
    .toArray()
  const { items, next } = pageOf(rows, limit, ({ number }) => number)
  return { items: items.map(({ number: _, ...row }) => withoutDigest(toRecord(row))), next }
}

/** Judges what was presented and notes, coarsely, that it was used. */
export function presentToken(
  sql: SqlStorage,
  id: string,
  { digest, now }: { readonly digest: string; readonly now: number },
): Presented {
  const record = readToken(sql, id)
  if (record === null) return { good: false, reason: 'unknown' }
  if (!sameDigest(record.digest, digest)) return { good: false, reason: 'wrong secret' }
  const judgement = judgeStanding(record, { owner: findPerson(sql, record.owner), now })
  if (!judgement.good) return judgement
  if (record.lastUsedAt === null || now - record.lastUsedAt >= lastUsedGranularityMillis) {
    sql.exec('UPDATE tokens SET last_used_at = ? WHERE id = ?', now, id)
  }
  return { good: true, record: withoutDigest(record), role: judgement.role }
}

/** Whether a token that a JWT descends from is still good. */
export function tokenStanding(sql: SqlStorage, id: string, now: number): Judgement {
  const record = readToken(sql, id)
  if (record === null) return { good: false, reason: 'unknown' }
  return judgeStanding(record, { owner: findPerson(sql, record.owner), now })
}

/**
 * Revokes a token and all that were made with it. Names every grant that it ends, those that had ended before
 * too: the accounts must hear of each, and a caller that lost the answer asks again.
 */
export function revokeToken(sql: SqlStorage, id: string, now: number): readonly Ended[] {
  return revokeFamilies(sql, 'id = ?1', [id, null, now])
}

/** Revokes all that a subject owns or is. Names again what had ended before, too, while JWTs of it may live. */
export function revokeTokensOf(
  sql: SqlStorage,
  { subject, team }: SubjectOfTeam,
  now: number,
): readonly Ended[] {
  const theirs = `(owner = ?1 OR 'token/' || id = ?1) AND (?2 IS NULL OR team = ?2)
    AND COALESCE(revoked_at, ?3) > ?3 - ${endedClaimMillis}`
  return revokeFamilies(sql, theirs, [subject, team, now])
}

/** Revokes the tokens of which the condition is true, and all that were made with them. */
function revokeFamilies(
  sql: SqlStorage,
  condition: string,
  bindings: readonly [first: string, second: string | null, now: number],
): readonly Ended[] {
  return sql
    .exec<Row<Ended>>(
      `UPDATE tokens SET revoked_at = COALESCE(revoked_at, ?3) WHERE id IN (
         WITH RECURSIVE family (id) AS (
           SELECT id FROM tokens WHERE ${condition}
           UNION SELECT tokens.id FROM tokens JOIN family ON tokens.parent = family.id
         ) SELECT id FROM family
       ) RETURNING '${grantIdOf('pat', '')}' || id AS grantId, team`,
      ...bindings,
    )
    .toArray()
}

/** The token, when this is its digest; revoked and expired ones too, for a holder may revoke what has expired. */
export function heldToken(sql: SqlStorage, id: string, digest: string): ListedToken | null {
  const record = readToken(sql, id)
  return record !== null && sameDigest(record.digest, digest) ? withoutDigest(record) : null
}

export function rememberPerson(sql: SqlStorage, person: Person, now: number): void {
  insert(sql, 'OR REPLACE INTO people', { ...person, seen_at: now })
}

export function forgetPerson(sql: SqlStorage, subject: string): void {
  sql.exec('DELETE FROM people WHERE subject = ?', subject)
}

export function findPerson(sql: SqlStorage, subject: string): Person | null {
  return find<Row<Person>>(sql, 'SELECT subject, role, team FROM people WHERE subject = ?', subject) ?? null
}

/** Forgets tokens that ended long ago. */
export function pruneTokens(sql: SqlStorage, now: number): void {
  const before = now - endedTokenDays * dayMillis
  sql.exec('DELETE FROM tokens WHERE revoked_at < ?1 OR expires_at < ?1', before)
}

function readToken(sql: SqlStorage, id: string): TokenRecord | null {
  const found = find<TokenRow>(sql, `SELECT ${columns} FROM tokens WHERE id = ?`, id)
  return found === undefined ? null : toRecord(found)
}

function toRecord({ scopes, service, ...row }: TokenRow): TokenRecord {
  return { ...row, scopes: JSON.parse(scopes), service: service === 1 }
}

function withoutDigest({ digest: _kept, ...listed }: TokenRecord): ListedToken {
  return listed
}
