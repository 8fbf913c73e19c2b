/** Device logins that wait for approval, and counts of attempts, in the storage of `Directory`. Times in milliseconds. */
import { deviceIntervalSeconds, deviceLooksMax, devicesMax, endedDeviceMillis } from '../core/limits.ts'
import type { DevicePoll, DeviceRequest, ListedDevice } from './device.ts'
import type { AttemptLimit, Deposit } from './records.ts'
import { count, find, insert, type Row } from './rows.ts'

export const devicesSchema = `
  CREATE TABLE IF NOT EXISTS devices (
    digest TEXT PRIMARY KEY, code TEXT NOT NULL UNIQUE, client_id TEXT NOT NULL, scopes TEXT NOT NULL, origin TEXT,
    created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'pending',
    interval INTEGER NOT NULL DEFAULT ${deviceIntervalSeconds}, polled_at INTEGER, looks INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS attempts (what TEXT PRIMARY KEY, count INTEGER NOT NULL, ends_at INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS attempts_by_end ON attempts (ends_at);
`

export function openDevice(sql: SqlStorage, device: DeviceRequest): Deposit {
  if (count(sql, 'devices WHERE expires_at > ?', device.createdAt) >= devicesMax) return 'full'
  const stored = insert(sql, 'OR IGNORE INTO devices', {
    digest: device.digest,
    code: device.userCodeDigest,
    client_id: device.clientId,
    scopes: JSON.stringify({ scopes: device.scopes, audience: device.audience }),
    origin: device.from,
    created_at: device.createdAt,
    expires_at: device.expiresAt,
  })
  return stored ? 'stored' : 'taken'
}

/**
 * What waits under this user code; null when nothing does. A code that was looked at too often is over: nobody
 * types one so many times, whoever guesses does.
 */
export function lookAtDevice(sql: SqlStorage, userCodeDigest: string, now: number): ListedDevice | null {
  const found = find<Row<Omit<ListedDevice, 'scopes' | 'audience'>> & { scopes: string }>(
    sql,
    `UPDATE devices SET looks = looks + 1 WHERE code = ? AND state = 'pending' AND expires_at > ? AND looks < ?
     RETURNING client_id AS clientId, scopes, origin AS "from", created_at AS createdAt, expires_at AS expiresAt`,
    userCodeDigest,
    now,
    deviceLooksMax,
  )
  return found === undefined ? null : { ...found, ...readAsked(found.scopes) }
}

/** The column holds all that was asked for; rows from before there was an audience hold the scopes alone. */
function readAsked(text: string): Pick<ListedDevice, 'scopes' | 'audience'> {
  const asked = JSON.parse(text)
  return asked?.audience === undefined ? { scopes: asked, audience: 'calls' } : asked
}

/** Decides it once; the device code's digest, and its end. null when it was decided, or is over. */
export function decideDevice(
  sql: SqlStorage,
  userCodeDigest: string,
  { state, now }: { readonly state: 'approved' | 'denied'; readonly now: number },
): { readonly digest: string; readonly expiresAt: number } | null {
  const decided = find<{ digest: string; expiresAt: number }>(
    sql,
    `UPDATE devices SET state = ? WHERE code = ? AND state = 'pending' AND expires_at > ?
     RETURNING digest, expires_at AS expiresAt`,
    state,
    userCodeDigest,
    now,
  )
  return decided ?? null
}

/** A clock that ticks unevenly between two places is not impatience. */
const pollGraceMillis = 500

/** Section 3.5: who polls too fast while it is pending is told so, and waits five seconds longer from then on. */
export function pollDevice(
  sql: SqlStorage,
  { digest, clientId }: Pick<DeviceRequest, 'digest' | 'clientId'>,
  now: number,
): DevicePoll {
  const found = find<{
    clientId: string
    state: 'pending' | 'approved' | 'denied'
    expiresAt: number
    interval: number
    polledAt: number | null
  }>(
    sql,
    `SELECT client_id AS clientId, state, expires_at AS expiresAt, interval, polled_at AS polledAt
     FROM devices WHERE digest = ?`,
    digest,
  )
  if (found?.clientId !== clientId) return 'unknown'
  if (found.state === 'denied') return 'denied'
  if (found.expiresAt <= now) return 'expired'
  if (found.state === 'approved') return 'approved'
  const early = found.polledAt !== null && now < found.polledAt + found.interval * 1_000 - pollGraceMillis
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

export function pruneDevices(sql: SqlStorage, now: number): void {
  sql.exec('DELETE FROM devices WHERE expires_at <= ?', now - endedDeviceMillis)
}
