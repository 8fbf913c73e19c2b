/** Device logins that wait for approval, and counts of attempts, in the storage of `Directory`. Times in milliseconds. */
import { deviceIntervalSeconds, deviceLooksMax, devicesMax } from '../core/limits.ts'
import type { DevicePoll, DeviceRequest, ListedDevice } from './device.ts'
import type { AttemptLimit, Deposit } from './records.ts'

export const devicesSchema = `
  CREATE TABLE IF NOT EXISTS devices (
    digest TEXT PRIMARY KEY, code TEXT NOT NULL UNIQUE, client_id TEXT NOT NULL, scopes TEXT NOT NULL, origin TEXT,
    created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'pending',
    interval INTEGER NOT NULL DEFAULT ${deviceIntervalSeconds}, polled_at INTEGER, looks INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS attempts (what TEXT PRIMARY KEY, count INTEGER NOT NULL, ends_at INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS attempts_by_end ON attempts (ends_at);
`

type DeviceRow = {
  readonly digest: string
  readonly client_id: string
  readonly scopes: string
  readonly origin: string | null
  readonly created_at: number
  readonly expires_at: number
  readonly state: 'pending' | 'approved' | 'denied'
  readonly interval: number
  readonly polled_at: number | null
}

export function openDevice(sql: SqlStorage, device: DeviceRequest): Deposit {
  const now = device.createdAt
  const count = (): number =>
    sql.exec<{ n: number }>('SELECT COUNT(*) AS n FROM devices WHERE expires_at > ?', now).one().n
  if (count() >= devicesMax) return 'full'
  const { rowsWritten } = sql.exec(
    'INSERT OR IGNORE INTO devices (digest, code, client_id, scopes, origin, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    device.digest,
    device.userCodeDigest,
    device.clientId,
    JSON.stringify(device.scopes),
    device.from,
    now,
    device.expiresAt,
  )
  return rowsWritten > 0 ? 'stored' : 'taken'
}

/**
 * What waits under this user code; null when nothing does. A code that was looked at too often is over: nobody
 * types one so many times, whoever guesses does.
 */
export function lookAtDevice(sql: SqlStorage, userCodeDigest: string, now: number): ListedDevice | null {
  const [found] = sql
    .exec<DeviceRow>(
      `UPDATE devices SET looks = looks + 1
       WHERE code = ? AND state = 'pending' AND expires_at > ? AND looks < ? RETURNING *`,
      userCodeDigest,
      now,
      deviceLooksMax,
    )
    .toArray()
  if (found === undefined) return null
  return {
    clientId: found.client_id,
    scopes: JSON.parse(found.scopes),
    from: found.origin,
    createdAt: found.created_at,
    expiresAt: found.expires_at,
  }
}

/** Decides it once; the device code's digest, and its end. null when it was decided, or is over. */
export function decideDevice(
  sql: SqlStorage,
  userCodeDigest: string,
  { state, now }: { readonly state: 'approved' | 'denied'; readonly now: number },
): { readonly digest: string; readonly expiresAt: number } | null {
  const [decided] = sql
    .exec<{ digest: string; expires_at: number }>(
      `UPDATE devices SET state = ? WHERE code = ? AND state = 'pending' AND expires_at > ? RETURNING digest, expires_at`,
      state,
      userCodeDigest,
      now,
    )
    .toArray()
  return decided === undefined ? null : { digest: decided.digest, expiresAt: decided.expires_at }
}

/** A clock that ticks unevenly between two places is not impatience. */
const pollGraceMillis = 500

/** Section 3.5: who polls too fast while it is pending is told so, and waits five seconds longer from then on. */
export function pollDevice(
  sql: SqlStorage,
  { digest, clientId }: Pick<DeviceRequest, 'digest' | 'clientId'>,
  now: number,
): DevicePoll {
  const [found] = sql.exec<DeviceRow>('SELECT * FROM devices WHERE digest = ?', digest).toArray()
  if (found === undefined || found.client_id !== clientId) return 'unknown'
  if (found.state === 'denied') return 'denied'
  if (found.expires_at <= now) return 'expired'
  if (found.state === 'approved') return 'approved'
  const early = found.polled_at !== null && now < found.polled_at + found.interval * 1_000 - pollGraceMillis
  const interval = found.interval + (early ? deviceIntervalSeconds : 0)
  sql.exec('UPDATE devices SET polled_at = ?, interval = ? WHERE digest = ?', now, interval, digest)
  return early ? 'slow_down' : 'pending'
}

/** Counts an attempt; whether it is within the limit. Windows are fixed: at most twice the limit pass in one. */
export function attempt(sql: SqlStorage, { what, max, windowMillis }: AttemptLimit, now: number): boolean {
  sql.exec('DELETE FROM attempts WHERE ends_at <= ?', now)
  const { count } = sql
    .exec<{ count: number }>(
      `INSERT INTO attempts (what, count, ends_at) VALUES (?, 1, ?)
       ON CONFLICT (what) DO UPDATE SET count = count + 1 RETURNING count`,
      what,
      now + windowMillis,
    )
    .one()
  return count <= max
}

/** What is over stays for an hour, so that a late poll hears that it expired. */
const overMillis = 3_600_000

export function pruneDevices(sql: SqlStorage, now: number): void {
  sql.exec('DELETE FROM devices WHERE expires_at <= ?', now - overMillis)
}
