/** What `Directory` keeps of people's logins, with times of the tests' own. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { deviceLooksMax, deviceSeconds, devicesMax, endedDeviceMillis } from '../../src/core/limits.ts'
import type { AuditDraft } from '../../src/tokens/audit.ts'
import { pruneDevices } from '../../src/tokens/directory-devices.ts'
import type { GrantRecord } from '../../src/tokens/records.ts'

const now = 1_800_000_000_000
const day = 86_400_000

let directory: ReturnType<typeof env.DIRECTORY.getByName>
beforeEach(({ task }) => {
  directory = env.DIRECTORY.getByName(task.id)
})

const audit: AuditDraft = {
  actor: 'signin/ada',
  action: 'grant.opened',
  team: 'checkout',
  target: 'refresh:1',
  detail: {},
  from: null,
}
const grant: GrantRecord = {
  id: 'refresh:1',
  subject: 'signin/ada',
  team: 'checkout',
  expiresAt: now + 30 * day,
}
const device = {
  digest: 'device',
  userCodeDigest: 'code',
  clientId: 'countersign-cli',
  scopes: null,
  audience: 'calls',
  from: null,
  createdAt: now,
  expiresAt: now + deviceSeconds * 1000,
} as const
const poll = (at: number, clientId = 'countersign-cli') =>
  directory.pollDevice({ digest: 'device', clientId }, at)
const decide = (approved: boolean, at: number) =>
  directory.decideDevice(
    { userCodeDigest: 'code', approval: approved ? { grant, payload: '{}' } : null },
    at,
    audit,
  )

describe('T10: a device login', () => {
  beforeEach(() => directory.openDevice(device))

  it('is polled every five seconds, and five more after each poll that came too early', async () => {
    expect(await poll(now)).toBe('pending')
    expect(await poll(now + 5_000)).toBe('pending')
    expect(await poll(now + 9_000)).toBe('slow_down')
    expect(await poll(now + 14_000)).toBe('slow_down')
    expect(await poll(now + 29_000)).toBe('pending')
    expect(await poll(now + 40_000)).toBe('slow_down')
  })

  it('is over after ten minutes: for polls, looks and decisions', async () => {
    const over = device.expiresAt
    expect(await poll(over - 1)).toBe('pending')
    expect(await poll(over)).toBe('expired')
    expect(await directory.lookAtDevice('code', over)).toBeNull()
    expect(await decide(true, over)).toBe(false)
  })

  it('is forgotten an hour after it was over, when whoever polls late has heard of it', async () => {
    const prune = (at: number) =>
      runInDurableObject(directory, (_instance, { storage }) => pruneDevices(storage.sql, at))
    const forgotten = device.expiresAt + endedDeviceMillis
    await prune(forgotten - 1)
    expect(await poll(forgotten)).toBe('expired')
    await prune(forgotten)
    expect(await poll(forgotten)).toBe('unknown')
  })

  it('that was denied stays denied, and one that was approved stays approved', async () => {
    expect(await decide(false, now)).toBe(true)
    expect(await decide(true, now)).toBe(false)
    expect(await poll(now)).toBe('denied')
    expect(await poll(device.expiresAt + 1)).toBe('denied')
    await directory.openDevice({ ...device, digest: 'other', userCodeDigest: 'other code' })
    const approval = { userCodeDigest: 'other code', approval: { grant, payload: '{}' } }
    expect(await directory.decideDevice(approval, now, audit)).toBe(true)
    expect(await directory.decideDevice({ ...approval, approval: null }, now, audit)).toBe(false)
    const other = { digest: 'other', clientId: 'countersign-cli' }
    expect(await directory.pollDevice(other, now)).toBe('approved')
    expect(await directory.pollDevice(other, now)).toBe('approved')
  })

  it('T09: is unknown to other clients, whose polls do not count', async () => {
    expect(await poll(now, 'shop')).toBe('unknown')
    expect(await poll(now)).toBe('pending')
  })

  it('that began before rows had an audience is for calls, with the scopes that it asked for', async () => {
    for (const scopes of [null, ['orders:order:read'], ['orders:order:read', 'orders:order:write']]) {
      await runInDurableObject(directory, (_instance, { storage }) => {
        storage.sql.exec('UPDATE devices SET scopes = ?', JSON.stringify(scopes))
      })
      expect(await directory.lookAtDevice('code', now)).toMatchObject({ scopes, audience: 'calls' })
    }
  })

  it('T12: is over when its code was looked at too often', async () => {
    for (let look = 0; look < deviceLooksMax; look += 1)
      expect(await directory.lookAtDevice('code', now)).not.toBeNull()
    expect(await directory.lookAtDevice('code', now)).toBeNull()
  })

  it('T08: opens one login, redeemed once, by twenty at once', async () => {
    await decide(true, now)
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => directory.redeem('device', { digest: 'device', now })),
    )
    expect(outcomes.filter((outcome) => outcome === 'redeemed')).toHaveLength(1)
    expect(await directory.findGrant('refresh:1', now)).not.toBeNull()
  })

  it('D03: waits beside a bounded number of others, and leaves nothing behind', async () => {
    await runInDurableObject(directory, (_instance, { storage }) => {
      for (let number = 1; number < devicesMax; number += 1)
        storage.sql.exec(
          `INSERT INTO devices (digest, code, client_id, scopes, created_at, expires_at) VALUES (?, ?, 'c', 'null', 0, ?)`,
          `d${number}`,
          `c${number}`,
          device.expiresAt,
        )
    })
    const another = { ...device, digest: 'last', userCodeDigest: 'last code' }
    expect(await directory.openDevice(another)).toBe('full')
    expect(await directory.openDevice({ ...another, createdAt: device.expiresAt })).toBe('stored')
  })

  it('is one of its kind: a code that is taken is not given away', async () => {
    expect(await directory.openDevice({ ...device, digest: 'another' })).toBe('taken')
  })
})

describe('a refresh family', () => {
  const family = { familyDigest: 'family', digest: 'first', payload: '{}', expiresAt: now + 7 * day }
  beforeEach(async () => {
    await directory.rememberPerson({ subject: 'signin/ada', role: 'member', team: 'checkout' }, now)
    await directory.openGrant(grant, now, audit)
    const code = { kind: 'code', digest: 'code', grantId: grant.id, payload: '{}', expiresAt: now + 60_000 }
    await directory.deposit(code, now)
    await directory.redeem('code', { digest: 'code', now }, family)
  })

  it('knows its latest token, and every earlier one as spent', async () => {
    const examine = (digest: string) => directory.examineFamily('family', { digest, now })
    expect(await examine('first')).toEqual({ spent: false, payload: '{}' })
    expect(await directory.rotateFamily({ ...family, digest: 'second' }, 'first')).toBe(true)
    expect(await directory.rotateFamily({ ...family, digest: 'thief' }, 'first')).toBe(false)
    expect(await examine('first')).toMatchObject({ spent: true })
    expect(await examine('second')).toMatchObject({ spent: false })
  })

  it('dies after seven days without use', async () => {
    const at = (time: number) => directory.examineFamily('family', { digest: 'first', now: time })
    expect(await at(now + 7 * day - 1)).not.toBeNull()
    expect(await at(now + 7 * day)).toBeNull()
  })

  it('dies with its grant, after thirty days in all', async () => {
    expect(await directory.findGrant(grant.id, now + 30 * day - 1)).toMatchObject({
      person: { role: 'member' },
    })
    expect(await directory.findGrant(grant.id, now + 30 * day)).toBeNull()
  })

  it('is not opened by a code that was redeemed before', async () => {
    const again = await directory.redeem('code', { digest: 'code', now }, { ...family, familyDigest: 'two' })
    expect(again).toBe('replayed')
    expect(await directory.examineFamily('two', { digest: 'first', now })).toBeNull()
  })

  it('is forgotten when it is over', async () => {
    // Of a time long ago: the alarm's clock is the real one.
    await runInDurableObject(directory, (_instance, { storage }) => {
      storage.sql.exec('UPDATE families SET expires_at = 1')
      storage.sql.exec(`INSERT INTO devices (digest, code, client_id, scopes, created_at, expires_at)
        VALUES ('old', 'old', 'c', 'null', 0, 1)`)
    })
    await runDurableObjectAlarm(directory)
    const left = await runInDurableObject(directory, (_instance, { storage }) => [
      storage.sql.exec('SELECT 1 FROM families').toArray().length,
      storage.sql.exec('SELECT 1 FROM devices').toArray().length,
    ])
    expect(left).toEqual([0, 0])
  })
})

it('attempts are counted by who makes them, in windows', async () => {
  const limit = { what: 'key 192.0.2.1', max: 2, windowMillis: 1_000 }
  const attempts = [now, now, now + 999, now + 1_000]
  const passed: boolean[] = []
  for (const at of attempts) passed.push(await directory.attempt(limit, at))
  expect(passed).toEqual([true, true, false, true])
  expect(await directory.attempt({ ...limit, what: 'key 192.0.2.2' }, now + 999)).toBe(true)
})
