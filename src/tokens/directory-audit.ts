/** The audit log in the storage of `Directory`: appended to, read in pages, pruned; never changed. */
import { auditDays, auditEntriesMax } from '../core/limits.ts'
import { dayMillis } from '../core/quota/books.ts'
import type { AuditDraft, AuditEntry, AuditFilter } from './audit.ts'
import { type Page, pageOf } from './page.ts'
import { insert } from './rows.ts'

export const auditSchema = `
  CREATE TABLE IF NOT EXISTS audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
    team TEXT, target TEXT NOT NULL, detail TEXT NOT NULL, origin TEXT
  );
  CREATE INDEX IF NOT EXISTS audit_by_team ON audit (team, id);
  CREATE INDEX IF NOT EXISTS audit_by_time ON audit (at);
`

export function appendAudit(sql: SqlStorage, { from, detail, ...entry }: AuditDraft, now: number): void {
  insert(sql, 'INTO audit', { at: now, ...entry, detail: JSON.stringify(detail), origin: from })
}

type AuditRow = Omit<AuditEntry, 'detail'> & { readonly detail: string }

/** The newest first. */
export function listAudit(
  sql: SqlStorage,
  { team, from }: AuditFilter,
  { before, limit }: { readonly before: number | null; readonly limit: number },
): Page<AuditEntry> {
  const rows = sql
    .exec<AuditRow>(
      `SELECT id, at, actor, action, team, target, detail, origin AS "from" FROM audit
       WHERE id < ?1 AND at >= ?2 AND (?3 IS NULL OR team = ?3) ORDER BY id DESC LIMIT ?4`,
      before ?? Number.MAX_SAFE_INTEGER,
      from ?? 0,
      team,
      limit + 1,
    )
    .toArray()
  const { items, next } = pageOf(rows, limit, ({ id }) => id)
  return { items: items.map((row) => ({ ...row, detail: JSON.parse(row.detail) })), next }
}

/** By age, and by number: a flood of entries costs the oldest ones, never the storage. */
export function pruneAudit(sql: SqlStorage, now: number): void {
  sql.exec('DELETE FROM audit WHERE at < ?', now - auditDays * dayMillis)
  sql.exec('DELETE FROM audit WHERE id <= (SELECT MAX(id) FROM audit) - ?', auditEntriesMax)
}
