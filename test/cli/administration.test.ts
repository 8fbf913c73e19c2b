import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Fake, problem, type Reply, startFake } from '../client/fake-countersign.ts'
import { type Home, loggedIn, makeHome } from './run-cli.ts'

const adminKey = 'an-admin-key-that-was-made-up-for-tests'

let fake: Fake
let home: Home
beforeEach(async () => {
  fake = await startFake()
  fake.valid.add(adminKey)
  home = makeHome()
  loggedIn(home, fake.origin, adminKey)
})
afterEach(async () => {
  await fake.close()
  home.remove()
})

/** Answers this path, and gives what it was sent. */
const at = (path: string, reply: (query: URLSearchParams) => Reply) => {
  fake.handle(({ target }) => {
    const url = new URL(target, fake.origin)
    return url.pathname === path ? reply(url.searchParams) : null
  })
  return {
    queries: () =>
      fake.requestsTo(path).map(({ target }) => Object.fromEntries(new URL(target, 'http://x').searchParams)),
    body: () => JSON.parse(fake.requestsTo(path).at(-1)?.body ?? ''),
    method: () => fake.requestsTo(path).at(-1)?.method,
  }
}

const token = {
  id: 'abc',
  name: 'CI \u001b[2J of shop',
  team: 'checkout',
  scopes: ['plugipay:customer:read'],
  owner: 'token/1',
  createdAt: '2026-01-01T00:00:00Z',
  expiresAt: null,
  lastUsedAt: null,
  status: 'active',
}

it('tokens list pages to the end, and prints no control characters', async () => {
  const tokens = at('/api/tokens', (query) => ({
    body: query.has('cursor')
      ? { items: [{ ...token, id: 'def' }], next: null }
      : { items: [token], next: 'c1' },
  }))
  const ended = await home.run(['tokens', 'list', '--team', 'checkout', '--status', 'active'])
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  expect(ended.stdout).toBe(
    ['abc', 'def']
      .map((id) => `${id}\tCI \ufffd[2J of shop\tcheckout\tactive\tnever\tnever\tplugipay:customer:read\n`)
      .join(''),
  )
  expect(tokens.queries()).toEqual([
    { team: 'checkout', status: 'active' },
    { team: 'checkout', status: 'active', cursor: 'c1' },
  ])
})

it('lists that are empty print nothing, or an empty list', async () => {
  for (const [path, args] of [
    ['/api/tokens', ['tokens', 'list']],
    ['/api/audit', ['audit']],
    ['/api/revocations', ['revoke', '--team', 'checkout', '--list']],
  ] as const) {
    at(path, () => ({ body: { items: [], next: null } }))
    expect(await home.run(args)).toMatchObject({ code: 0, stdout: '' })
    expect(JSON.parse((await home.run([...args, '--json'])).stdout)).toEqual({ items: [] })
  }
})

it.each([
  ['tokens', '/api/tokens'],
  ['teams', '/api/teams'],
])('%s alone lists them', async (command, path) => {
  at(path, () => ({ body: { items: [{ ...token, limits: [], grants: {} }], next: null } }))
  const alone = await home.run([command])
  expect(alone).toEqual(await home.run([command, 'list']))
  expect(alone).toMatchObject({ code: 0, stdout: expect.stringContaining('abc') })
  expect(JSON.parse((await home.run([command, '--json'])).stdout).items).toHaveLength(1)
})

it('tokens create speaks for one’s own team unless told otherwise', async () => {
  const tokens = at('/api/tokens', () => ({ status: 201, body: { ...token, token: 'cst_made_up_token' } }))
  expect(await home.run(['tokens', 'create', 'CI', '-s', 'plugipay:a', '-s', 'orders:b'])).toMatchObject({
    code: 0,
    stdout: 'cst_made_up_token\n',
    stderr: 'This is the only time that it is shown. Its id is abc.\n',
  })
  expect(tokens.body()).toEqual({
    name: 'CI',
    team: 'checkout',
    scopes: ['plugipay:a', 'orders:b'],
    service: false,
    expiresIn: '30d',
  })
  await home.run(['tokens', 'create', 'CI', '--team', 'finance', '--service', '--expires', '2027-01-31'])
  expect(tokens.body()).toEqual({
    name: 'CI',
    team: 'finance',
    scopes: [],
    service: true,
    expiresAt: '2027-01-31T00:00:00.000Z',
  })
  await home.run(['tokens', 'create', 'CI', '--team', 'finance', '--expires', '12h'])
  const hours = (Date.parse(tokens.body().expiresAt) - Date.now()) / 3_600_000
  expect(Math.round(hours)).toBe(12)
})

it('tokens create asks for a team of who has none: exit 2', async () => {
  fake.identity = { subject: 'admin-key', team: null, role: 'admin', scopes: [], expiresAt: null }
  const ended = await home.run(['tokens', 'create', 'CI', '-s', 'plugipay:a'])
  expect(ended).toMatchObject({ code: 2, stdout: '' })
  expect(ended.stderr).toMatch('--team')
})

it('tokens revoke and teams encode what they are given', async () => {
  const tokens = at('/api/tokens/a%2F..%2Fb', () => ({ status: 204 }))
  expect(await home.run(['tokens', 'revoke', 'a/../b'])).toMatchObject({ code: 0 })
  expect(tokens.method()).toBe('DELETE')
})

it('usage asks for the time and the columns, and prints rows for programs', async () => {
  const usage = at('/api/usage', () => ({
    body: {
      ...{ team: 'checkout', from: '2026-11-15T00:00:00Z', to: '2026-11-22T12:00:00Z' },
      ...{ granted: 12, used: 10, returned: 1, outstanding: 1, unsettled: 0 },
      rows: [
        { day: '2026-11-21', outcome: '2xx', requests: 8, bytesIn: 2048, bytesOut: null, millis: 80 },
        { day: '2026-11-22', outcome: '5xx', requests: 2, bytesIn: 0, bytesOut: 5, millis: 0 },
      ],
      refused: [{ code: 'rate_limited', requests: 3 }],
    },
  }))
  const args = ['usage', '--by', 'day,outcome', '--since', '2026-11-15', '--until', '2026-11-22']
  expect(await home.run(args)).toEqual({
    code: 0,
    stdout: '2026-11-21\t2xx\t8\t2048\t-\t10\n2026-11-22\t5xx\t2\t0\t5\t0\n',
    stderr: [
      'checkout, 2026-11-15T00:00:00Z to 2026-11-22T12:00:00Z: 10 calls started.',
      'Of 12 units granted, 10 were used, 1 came back, 1 are out, 0 are unsettled.',
      'Refused: 3 rate_limited.\n',
    ].join('\n'),
  })
  expect(usage.queries()[0]).toEqual({
    by: 'day,outcome',
    from: '2026-11-15T00:00:00.000Z',
    to: '2026-11-22',
  })
})

it('usage of who belongs to no team is a usage error that names --team: exit 2', async () => {
  at('/api/usage', () => problem(400, 'request_invalid', 'Say of which team: ?team='))
  at('/api/whoami', () => ({ body: { subject: 'admin-key', team: null } }))
  const ended = await home.run(['usage'])
  expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--team') })
})

it('usage that the API refuses for another reason says that reason', async () => {
  at('/api/usage', () => problem(400, 'request_invalid', 'from must be before to.'))
  at('/api/whoami', () => ({ body: { subject: 'signin/lin', team: 'checkout' } }))
  expect(await home.run(['usage'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('from must be before to.'),
  })
})

it('usage --csv passes the service’s CSV on', async () => {
  fake.handle(({ headers }) =>
    headers.accept === 'text/csv'
      ? { headers: { 'content-type': 'text/csv' }, body: 'day,requests\r\n' }
      : null,
  )
  expect(await home.run(['usage', '--csv'])).toEqual({ code: 0, stdout: 'day,requests\r\n', stderr: '' })
})

it('revoke names one thing', async () => {
  const revocations = at('/api/revocations', () => ({ status: 201, body: { id: 'r1', until: null } }))
  const revoke = (...args: readonly string[]) => home.run(['revoke', '--team', 'checkout', ...args])
  expect(await revoke('--jti', 'j1', '--issuer', 'acme')).toMatchObject({
    code: 0,
    stdout: 'Revoked (r1).\n',
  })
  expect(revocations.body()).toEqual({ team: 'checkout', jti: 'j1', issuer: 'acme' })
  await revoke('--subject', 'build-bot')
  expect(revocations.body()).toEqual({ team: 'checkout', subject: 'build-bot' })
  await revoke('--before', '2026-11-22T10:00:00Z')
  expect(revocations.body()).toEqual({ team: 'checkout', before: '2026-11-22T10:00:00.000Z' })
})

it('audit stops at its limit', async () => {
  const entry = { id: 1, at: '2026-11-22T10:00:00Z', actor: 'admin-key', action: 'team.changed', team: null }
  const audit = at('/api/audit', () => ({
    body: { items: [{ ...entry, target: 't', from: null, detail: { a: 1 } }, entry], next: 'more' },
  }))
  const { stdout } = await home.run(['audit', '--limit', '3', '--since', '2026-11-01'])
  expect(stdout.split('\n')[0]).toBe('2026-11-22T10:00:00Z\tadmin-key\tteam.changed\t-\tt\t-\ta=1')
  expect(stdout.trim().split('\n')).toHaveLength(3)
  expect(audit.queries()).toHaveLength(2)
})

it('explain sends a digest of the body, never the body, and prints the stages, what is set and what to look at', async () => {
  const explain = at('/api/explain', () => ({
    body: {
      stages: [
        { name: 'string to sign', text: 'POST\n/a' },
        { name: 'signature', text: 'ab' },
      ],
      headers: [{ name: 'x-signature', value: 'ab...[masked]' }],
      query: [{ name: 'v', value: '1' }],
      mistakes: ['The time here is noon.'],
    },
  }))
  writeFileSync(join(home.path, 'body.json'), '{"id":1}')
  const args = ['explain', 'post', 'plugipay/api/v1/a?x=1', '-k', 'test', '-H', 'Idempotency-Key: k1']
  expect(await home.run([...args, '--input', 'body.json'])).toEqual({
    code: 0,
    stdout: [
      'string to sign\n  POST\n  /a\n',
      'signature\n  ab\n',
      'what is set\n  x-signature: ab...[masked]\n  ?v=1\n',
      'look at this first\n  The time here is noon.\n',
    ].join('\n'),
    stderr: '',
  })
  expect(explain.body()).toEqual({
    upstream: 'plugipay',
    key: 'test',
    method: 'POST',
    path: '/api/v1/a?x=1',
    headers: { 'Idempotency-Key': 'k1' },
    bodySha256: '037c9214eef74cc3887f3a4f085b4e17d76280dafd273b0ee160c09c4ba1cfd4',
  })
})

it('explain reads the body from stdin with --input -', async () => {
  const explain = at('/api/explain', () => ({ body: { stages: [], headers: [], query: [], mistakes: [] } }))
  const args = ['explain', 'POST', 'plugipay/api/v1/a', '--input', '-']
  expect(await home.run(args, { stdin: '{"id":1}' })).toMatchObject({ code: 0 })
  expect(explain.body()).toMatchObject({
    bodySha256: '037c9214eef74cc3887f3a4f085b4e17d76280dafd273b0ee160c09c4ba1cfd4',
  })
})

describe('keys', () => {
  const team = (id: string, grants: object) => ({ id, suspended: false, limits: [], grants })
  const checkout = team('checkout', {
    plugipay: { keys: ['live', 'test'], defaultKey: 'test', scopes: ['customer:*'] },
    orders: { keys: ['main'], defaultKey: 'main', scopes: ['order:read'] },
  })
  const row = (day: string, upstream: string, key: string, requests: number) => ({
    ...{ day, upstream, key, requests },
    ...{ bytesIn: 0, bytesOut: 0, millis: 0 },
  })
  const rows = [
    row('2026-11-21', 'plugipay', 'test', 3),
    row('2026-11-20', 'plugipay', 'test', 2),
    row('2026-11-22', 'orders', 'main', 1),
    row('2026-11-22', 'orders', 'taken-back', 9),
  ]

  it('lists what each team was granted, with its calls and the last day of them', async () => {
    at('/api/teams', () => ({ body: { items: [checkout, team('bare', {})], next: null } }))
    const usage = at('/api/usage', () => ({ body: { rows } }))
    const ended = await home.run(['keys', '--since', '2026-11-01'])
    expect(ended).toEqual({
      code: 0,
      stdout: [
        'checkout\tplugipay\tlive\t-\t0\t-',
        'checkout\tplugipay\ttest\tdefault\t5\t2026-11-21',
        'checkout\torders\tmain\tdefault\t1\t2026-11-22\n',
      ].join('\n'),
      stderr: '',
    })
    expect(usage.queries()).toEqual([
      { team: 'checkout', from: '2026-11-01T00:00:00.000Z', by: 'day,upstream,key' },
    ])
  })

  it('of one team, as JSON', async () => {
    at('/api/teams/checkout', () => ({ body: checkout }))
    at('/api/usage', () => ({ body: { rows: [] } }))
    const { stdout } = await home.run(['keys', '--team', 'checkout', '--json'])
    expect(JSON.parse(stdout).items[1]).toEqual({
      ...{ team: 'checkout', upstream: 'plugipay', key: 'test', default: true },
      ...{ requests: 0, lastUsed: null },
    })
  })

  it('of a team that is not there or not theirs ends with 5', async () => {
    at('/api/teams/nope', () => ({ status: 404, body: { code: 'not_found', title: 'no', status: 404 } }))
    expect(await home.run(['keys', '--team', 'nope'])).toMatchObject({ code: 5, stdout: '' })
  })
})
