import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, expect, test } from 'vitest'
import {
  auditDays,
  endedTokenDays,
  lastUsedGranularityMillis,
  personalTokensPerTeamMax,
  singleUsesMax,
} from '../../src/core/limits.ts'
import { Secret } from '../../src/core/redact.ts'
import type { AuditDraft } from '../../src/tokens/audit.ts'
import { endedClaimMillis } from '../../src/tokens/directory-grants.ts'
import { digestOf, makePersonalToken, type PersonalToken } from '../../src/tokens/opaque.ts'
import { claimOfTeam, type SingleUse, type TokenFilter, type TokenRecord } from '../../src/tokens/records.ts'

const now = 1_800_000_000_000
const day = 86_400_000

const audit: AuditDraft = {
  actor: 'admin-key',
  action: 'token.created',
  team: 'checkout',
  target: 'x',
  detail: {},
  from: null,
}
const everything: TokenFilter = {
  team: null,
  status: null,
  idleSince: null,
  expiringUntil: null,
}
const firstPage = { now, before: null, limit: 100 }

/** A directory of its own for each test. */
let directory: ReturnType<typeof env.DIRECTORY.getByName>
beforeEach(({ task }) => {
  directory = env.DIRECTORY.getByName(task.id)
})

const random = (): Uint8Array => crypto.getRandomValues(new Uint8Array(42))

const create = async (
  over: Partial<TokenRecord> = {},
): Promise<{ readonly token: PersonalToken; readonly digest: string }> => {
  const token = makePersonalToken(random())
  const digest = await digestOf(token.text)
  const outcome = await directory.createToken(
    {
      id: token.id,
      digest,
      name: 'build',
      team: 'checkout',
      scopes: ['plugipay:*'],
      owner: 'admin-key',
      service: false,
      parent: null,
      createdAt: now,
      expiresAt: now + 30 * day,
      lastUsedAt: null,
      revokedAt: null,
      ...over,
    },
    { ...audit, target: token.id },
  )
  expect(outcome).toBe('created')
  return { token, digest }
}

const tokenRecord: TokenRecord = {
  id: '',
  digest: '',
  name: '',
  team: 'checkout',
  scopes: [],
  owner: 'admin-key',
  service: false,
  parent: null,
  createdAt: now,
  expiresAt: null,
  lastUsedAt: null,
  revokedAt: null,
}

const sqlDump = (): Promise<string> =>
  runInDurableObject(directory, (_object, state) => {
    const tables = state.storage.sql
      .exec<{ name: string }>(
        `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'`,
      )
      .toArray()
    return JSON.stringify(tables.map(({ name }) => state.storage.sql.exec(`SELECT * FROM ${name}`).toArray()))
  })

test('a token is good for who presents its digest, and for nobody else', async () => {
  const { token, digest } = await create()
  expect(await directory.presentToken(token.id, { digest, now })).toMatchObject({
    good: true,
    role: 'member',
  })
  expect(await directory.presentToken(token.id, { digest: 'f'.repeat(64), now })).toEqual({
    good: false,
    reason: 'wrong secret',
  })
  expect(await directory.presentToken('another0000000', { digest, now })).toEqual({
    good: false,
    reason: 'unknown',
  })
  expect(await directory.presentToken(token.id, { digest, now: now + 30 * day })).toMatchObject({
    good: false,
  })
})

test('what was written survives the eviction of the object', async () => {
  const { token, digest } = await create()
  await directory.revokeToken(token.id, now, { ...audit, action: 'token.revoked' })
  await evictDurableObject(directory)
  expect(await directory.presentToken(token.id, { digest, now })).toEqual({ good: false, reason: 'revoked' })
})

test('T05: after the answer of a revocation, each of 50 parallel exchanges is refused', async () => {
  const { token, digest } = await create()
  const ended = await directory.revokeToken(token.id, now, { ...audit, action: 'token.revoked' })
  expect(ended).toEqual([{ grantId: `pat:${token.id}`, team: 'checkout' }])
  const outcomes = await Promise.all(
    Array.from({ length: 50 }, () => directory.presentToken(token.id, { digest, now })),
  )
  expect(outcomes.filter(({ good }) => good)).toEqual([])
})

test('revoking again names the same grants and is one entry in the audit log', async () => {
  const { token } = await create()
  const entry: AuditDraft = { ...audit, action: 'token.revoked', target: token.id }
  const first = await directory.revokeToken(token.id, now, entry)
  expect(await directory.revokeToken(token.id, now + 1, entry)).toEqual(first)
  const { items } = await directory.listAudit({ team: null, from: null }, firstPage)
  expect(items.map(({ action }) => action)).toEqual(['token.revoked', 'token.created'])
})

test('a token ends with the one that it was made with', async () => {
  const root = await create()
  const child = await create({ parent: root.token.id })
  const grandchild = await create({ parent: child.token.id })
  const other = await create()
  const ended = await directory.revokeToken(root.token.id, now, { ...audit, action: 'token.revoked' })
  expect(ended.map(({ grantId }) => grantId).sort()).toEqual(
    [root, child, grandchild].map(({ token }) => `pat:${token.id}`).sort(),
  )
  for (const { token, digest } of [child, grandchild]) {
    expect(await directory.presentToken(token.id, { digest, now })).toMatchObject({ good: false })
  }
  expect(await directory.presentToken(other.token.id, { digest: other.digest, now })).toMatchObject({
    good: true,
  })
})

test('nothing is made with a token that has just ended', async () => {
  const { token } = await create()
  await directory.revokeToken(token.id, now, { ...audit, action: 'token.revoked' })
  const late = makePersonalToken(random())
  const record = { ...tokenRecord, id: late.id, digest: await digestOf(late.text) }
  expect(await directory.createToken({ ...record, parent: token.id }, audit)).toBe('parent_ended')
  expect(await directory.createToken({ ...record, parent: 'nobody' }, audit)).toBe('parent_ended')
  expect(await directory.findToken(late.id)).toBeNull()
})

test('T06: only who holds a token revokes it without being an administrator', async () => {
  const { token, digest } = await create()
  expect(await directory.revokeHeldToken(token.id, { digest: 'f'.repeat(64), now }, null)).toEqual([])
  expect(await directory.revokeHeldToken('another0000000', { digest, now }, null)).toEqual([])
  expect(await directory.presentToken(token.id, { digest, now })).toMatchObject({ good: true })
  expect(await directory.revokeHeldToken(token.id, { digest, now }, null)).toHaveLength(1)
  expect(await directory.presentToken(token.id, { digest, now })).toMatchObject({ good: false })
})

test('ending a subject ends the tokens that it owns, its grants, and its tokens for administration', async () => {
  const subject = 'signin/ann'
  await directory.rememberPerson({ subject, role: 'team-admin', team: 'checkout' }, now)
  const owned = await create({ owner: subject })
  const service = await create({ owner: subject, service: true })
  const other = await create()
  await directory.openGrant({ id: 'refresh:1', subject, team: 'checkout', expiresAt: now + day }, now, audit)
  const jwt = { tokenId: 'j', subject, team: 'checkout', issuedAt: now - 1, now: now + 1 }
  expect(await directory.standing({ ...jwt, grantId: 'refresh:1' })).toEqual({
    good: true,
    role: 'team-admin',
  })

  const ended = await directory.endSubject({ subject, team: null }, now, {
    ...audit,
    action: 'subject.revoked',
  })
  expect(ended.map(({ grantId }) => grantId).sort()).toEqual(
    [`pat:${owned.token.id}`, `pat:${service.token.id}`, 'refresh:1'].sort(),
  )
  expect(await directory.presentToken(owned.token.id, { digest: owned.digest, now })).toMatchObject({
    good: false,
  })
  expect(await directory.presentToken(other.token.id, { digest: other.digest, now })).toMatchObject({
    good: true,
  })
  expect(await directory.standing({ ...jwt, grantId: 'refresh:1' })).toMatchObject({ good: false })
  expect(await directory.standing({ ...jwt, grantId: 'jwt:abc' })).toMatchObject({ good: false })
})

test('T02: who leads another team now administers the one before no more', async () => {
  const subject = 'signin/ann'
  await directory.rememberPerson({ subject, role: 'team-admin', team: 'checkout' }, now)
  await directory.openGrant({ id: 'refresh:1', subject, team: 'checkout', expiresAt: now + day }, now, audit)
  const jwt = { grantId: 'refresh:1', tokenId: 'j', subject, team: 'checkout', issuedAt: now, now }
  expect(await directory.standing(jwt)).toEqual({ good: true, role: 'team-admin' })
  await directory.rememberPerson({ subject, role: 'team-admin', team: 'search' }, now)
  expect(await directory.standing(jwt)).toMatchObject({ good: false })
})

test('T06: who ends a subject again, since an account could not be told, is told all tokens whose JWTs may live', async () => {
  const subject = 'signin/ann'
  const { token } = await create({ owner: subject, service: true })
  const made = await create({ owner: `token/${token.id}`, parent: token.id })
  const end = async (at: number) => {
    const ended = await directory.endSubject({ subject, team: 'checkout' }, at, {
      ...audit,
      action: 'subject.revoked',
    })
    return ended.map(({ grantId }) => grantId).sort()
  }
  const both = [`pat:${token.id}`, `pat:${made.token.id}`].sort()
  expect(await end(now)).toEqual(both)
  expect(await end(now + endedClaimMillis - 1)).toEqual(both)
  expect(await end(now + endedClaimMillis)).toEqual([])
})

test('who ends a subject in one team ends nothing of another', async () => {
  const subject = 'signin/ann'
  await directory.rememberPerson({ subject, role: 'admin', team: null }, now)
  const there = await create({ owner: subject, team: 'search' })
  const here = await create({ owner: subject })
  await directory.endSubject({ subject, team: 'checkout' }, now, { ...audit, action: 'subject.revoked' })
  expect(await directory.presentToken(here.token.id, { digest: here.digest, now })).toMatchObject({
    good: false,
  })
  expect(await directory.presentToken(there.token.id, { digest: there.digest, now })).toMatchObject({
    good: true,
  })
  const jwt = { grantId: 'jwt:a', tokenId: 'j', subject, issuedAt: now, now }
  expect(await directory.standing({ ...jwt, team: 'checkout' })).toMatchObject({ good: false })
  expect(await directory.standing({ ...jwt, team: 'search' })).toMatchObject({ good: true })
})

test('a service is ended by its own subject', async () => {
  const { token, digest } = await create({ service: true })
  await directory.endSubject({ subject: `token/${token.id}`, team: 'checkout' }, now, {
    ...audit,
    action: 'subject.revoked',
  })
  expect(await directory.presentToken(token.id, { digest, now })).toMatchObject({ good: false })
})

test('T02: the owner is looked at when the token is used, not when it was made', async () => {
  const subject = 'signin/ann'
  await directory.rememberPerson({ subject, role: 'team-admin', team: 'checkout' }, now)
  const { token, digest } = await create({ owner: subject })
  const roleNow = async () => {
    const presented = await directory.presentToken(token.id, { digest, now })
    return presented.good ? presented.role : presented.reason
  }
  expect(await roleNow()).toBe('team-admin')
  await directory.rememberPerson({ subject, role: 'member', team: 'checkout' }, now)
  expect(await roleNow()).toBe('member')
  await directory.rememberPerson({ subject, role: 'admin', team: 'search' }, now)
  expect(await roleNow()).toBe('team-admin')
  await directory.rememberPerson({ subject, role: 'team-admin', team: 'search' }, now)
  expect(await roleNow()).toBe('owner left the team')
})

test('a token for administration stands while what it descends from does', async () => {
  const { token } = await create()
  const query = {
    grantId: `pat:${token.id}`,
    tokenId: 'jti-1',
    subject: `token/${token.id}`,
    team: 'checkout',
    issuedAt: now,
    now,
  }
  expect(await directory.standing(query)).toEqual({ good: true, role: 'member' })
  await directory.endClaim({ kind: 'token', value: 'jti-1', at: now })
  expect(await directory.standing(query)).toMatchObject({ good: false })
  expect(await directory.standing({ ...query, tokenId: 'jti-2' })).toMatchObject({ good: true })
  await directory.endClaim({ kind: 'token', value: claimOfTeam('jti-5', 'another-team'), at: now })
  expect(await directory.standing({ ...query, tokenId: 'jti-5' })).toMatchObject({ good: true })
  await directory.endClaim({ kind: 'token', value: claimOfTeam('jti-5', 'checkout'), at: now })
  expect(await directory.standing({ ...query, tokenId: 'jti-5' })).toMatchObject({ good: false })
  await directory.endClaim({ kind: 'team', value: 'checkout', at: now })
  expect(await directory.standing({ ...query, tokenId: 'jti-2' })).toMatchObject({ good: false })
  expect(await directory.standing({ ...query, tokenId: 'jti-2', issuedAt: now + 1 })).toMatchObject({
    good: true,
  })
  await directory.revokeToken(token.id, now, audit)
  expect(await directory.standing({ ...query, tokenId: 'jti-3', issuedAt: now + 1 })).toMatchObject({
    good: false,
  })
  expect(await directory.standing({ ...query, grantId: 'session:none' })).toMatchObject({ good: false })
})

const single = (digest: string, over: Partial<SingleUse> = {}): SingleUse => ({
  kind: 'code',
  digest,
  grantId: null,
  payload: '{}',
  expiresAt: now + 60_000,
  ...over,
})

test('T08: of 20 parallel redemptions exactly one wins, in 100 of 100 rounds', async () => {
  for (let round = 0; round < 100; round += 1) {
    await directory.deposit(single(`digest-${round}`), now)
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => directory.redeem('code', { digest: `digest-${round}`, now })),
    )
    expect(outcomes.filter((outcome) => outcome === 'redeemed')).toHaveLength(1)
    expect(outcomes.filter((outcome) => outcome === 'replayed')).toHaveLength(19)
  }
})

test('T15: a second redemption ends what the first one gave', async () => {
  const grant = { id: 'refresh:1', subject: 's', team: 'checkout', expiresAt: now + day }
  await directory.openGrant(grant, now, audit)
  await directory.deposit(single('a', { grantId: grant.id, payload: '"next"' }), now)
  await directory.deposit(single('b', { grantId: grant.id }), now)
  expect(await directory.redeem('code', { digest: 'a', now })).toBe('redeemed')
  expect(await directory.redeem('code', { digest: 'a', now })).toBe('replayed')
  expect(await directory.redeem('code', { digest: 'b', now })).toBe('unknown')
  const { items } = await directory.listAudit(
    { team: 'checkout', from: null },
    { now, before: null, limit: 1 },
  )
  expect(items).toMatchObject([{ action: 'grant.ended', target: grant.id }])
})

test('what is of another kind, expired or never was, is unknown', async () => {
  expect(await directory.deposit(single('a'), now)).toBe('stored')
  expect(await directory.deposit(single('a', { payload: 'other' }), now)).toBe('taken')
  expect(await directory.redeem('refresh', { digest: 'a', now })).toBe('unknown')
  expect(await directory.redeem('code', { digest: 'b', now })).toBe('unknown')
  expect(await directory.redeem('code', { digest: 'a', now: now + 60_000 })).toBe('unknown')
  expect(await directory.redeem('code', { digest: 'a', now: now + 59_999 })).toBe('redeemed')
})

test('D03: outstanding single-use things are bounded, and expired ones make room', async () => {
  await directory.deposit(single('early', { expiresAt: now + 1 }), now)
  await runInDurableObject(directory, (_object, { storage }) => {
    storage.sql.exec(
      `WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO single_uses (kind, digest, payload, expires_at) SELECT 'code', 'd' || i, '', ? FROM n`,
      singleUsesMax,
      now + 60_000,
    )
  })
  expect(await directory.deposit(single('late'), now)).toBe('full')
  expect(await directory.deposit(single('late'), now + 1)).toBe('stored')
  expect(await directory.deposit(single('later'), now + 1)).toBe('full')
})

test('the tokens of a team are bounded', async () => {
  const { token } = await create()
  await runInDurableObject(directory, (_object, { storage }) => {
    storage.sql.exec(
      `WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO tokens (id, digest, name, team, scopes, owner, service, created_at)
       SELECT 'id' || i, '', '', 'checkout', '[]', 'admin-key', 0, 0 FROM n`,
      personalTokensPerTeamMax,
    )
  })
  const record = { ...tokenRecord, id: 'one-more' }
  expect(await directory.createToken(record, audit)).toBe('team_full')
  expect(await directory.createToken({ ...record, team: 'search' }, audit)).toBe('created')
  expect(await directory.findToken(token.id)).not.toBeNull()
})

test('lists the newest first, in pages, by team, status, idleness and nearing end', async () => {
  const old = await create({ createdAt: now - 40 * day })
  const soon = await create({ expiresAt: now + day })
  const over = await create({ expiresAt: now - 1 })
  const revoked = await create({ team: 'search' })
  await directory.revokeToken(revoked.token.id, now, audit)
  const ids = async (filter: Partial<TokenFilter>) => {
    const { items } = await directory.listTokens({ ...everything, ...filter }, firstPage)
    return items.map(({ id }) => id)
  }
  const [a, b, c, d] = [old, soon, over, revoked].map(({ token }) => token.id)
  expect(await ids({})).toEqual([d, c, b, a])
  expect(await ids({ team: 'checkout' })).toEqual([c, b, a])
  expect(await ids({ status: 'active' })).toEqual([b, a])
  expect(await ids({ status: 'expired' })).toEqual([c])
  expect(await ids({ status: 'revoked' })).toEqual([d])
  expect(await ids({ idleSince: now - 30 * day })).toEqual([a])
  expect(await ids({ expiringUntil: now + 7 * day })).toEqual([b])
  const page = await directory.listTokens(everything, { now, before: null, limit: 3 })
  expect(page.items.map(({ id }) => id)).toEqual([d, c, b])
  expect(page.next).not.toBeNull()
})

test('A06: lists hold no digest', async () => {
  const { digest } = await create()
  const listed = JSON.stringify(await directory.listTokens(everything, firstPage))
  expect(listed).not.toContain(digest)
})

test('notes the last use coarsely', async () => {
  const { token, digest } = await create()
  const lastUsed = async () => (await directory.findToken(token.id))?.lastUsedAt
  await directory.presentToken(token.id, { digest, now })
  await directory.presentToken(token.id, { digest, now: now + lastUsedGranularityMillis - 1 })
  expect(await lastUsed()).toBe(now)
  await directory.presentToken(token.id, { digest, now: now + lastUsedGranularityMillis })
  expect(await lastUsed()).toBe(now + lastUsedGranularityMillis)
})

test('T07: a dump of the storage holds no token and no code in plain text', async () => {
  const { token } = await create()
  const code = new Secret('a-made-up-code-of-43-characters-for-this-te')
  await directory.deposit(single(await digestOf(code)), now)
  await directory.redeem('code', { digest: await digestOf(code), now })
  const dump = await sqlDump()
  expect(dump).toContain(token.id)
  const [, , secret = ''] = token.text.reveal().split('_')
  for (const plain of [token.text.reveal(), secret, code.reveal()]) expect(dump).not.toContain(plain)
})

test('the alarm forgets what is over, keeps what is not, and comes again', async () => {
  const real = Date.now()
  const kept = await create({ expiresAt: real + day })
  const justEnded = await create({ expiresAt: real - (endedTokenDays - 1) * day })
  const longEnded = await create({ expiresAt: real - (endedTokenDays + 1) * day })
  await directory.deposit(single('over', { expiresAt: real - 1 }), now)
  await directory.deposit(single('open', { expiresAt: real + day }), now)
  await directory.record({ ...audit, target: 'ancient' }, real - (auditDays + 1) * day)
  await directory.record({ ...audit, target: 'recent' }, real)

  expect(await runDurableObjectAlarm(directory)).toBe(true)
  const { items } = await directory.listTokens(everything, firstPage)
  expect(items.map(({ id }) => id)).toEqual([justEnded.token.id, kept.token.id])
  expect(items.map(({ id }) => id)).not.toContain(longEnded.token.id)
  expect(await sqlDump()).toContain('"open"')
  expect(await sqlDump()).not.toMatch(/"over"|"ancient"/)
  expect(await runInDurableObject(directory, (_object, { storage }) => storage.getAlarm())).toBeGreaterThan(
    real,
  )
})

test('reads the audit log by team and time, in pages, the newest first', async () => {
  for (let index = 0; index < 5; index += 1) {
    const team = index % 2 === 0 ? 'checkout' : 'search'
    await directory.record({ ...audit, team, target: `t${index}`, detail: { index } }, now + index)
  }
  const read = async (filter: { team?: string; from?: number }, limit = 100, before: number | null = null) =>
    directory.listAudit({ team: filter.team ?? null, from: filter.from ?? null }, { now, before, limit })
  expect((await read({})).items.map(({ target }) => target)).toEqual(['t4', 't3', 't2', 't1', 't0'])
  expect((await read({ team: 'search' })).items.map(({ target }) => target)).toEqual(['t3', 't1'])
  expect((await read({ from: now + 3 })).items.map(({ target }) => target)).toEqual(['t4', 't3'])
  expect((await read({}, 2)).next).not.toBeNull()
  expect((await read({}, 5)).next).toBeNull()
  expect((await read({}, 1)).items[0]).toMatchObject({
    at: now + 4,
    actor: 'admin-key',
    detail: { index: 4 },
  })
})
