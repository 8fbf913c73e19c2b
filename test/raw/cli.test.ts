/**
 * The CLI as a person uses it, as processes, against the production build on raw workerd with sandbox upstreams:
 * from the admin key to a team's own token, its calls, its books and its end.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { createConnection, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { listen, type Sandbox } from '../../src/sandbox/listen.ts'
import { plugipayApi } from '../../src/sandbox/plugipay.ts'
import { makeSecret } from '../../src/sandbox/secrets.ts'
import { type Home, makeHome, type RunOptions } from '../cli/run-cli.ts'
import { buildBundle, configurationFromBinding } from './harness/bundle.ts'
import { makeIssuer, type TestIssuer } from './harness/identity.ts'
import { type RunningWorkerd, startWorkerd } from './harness/workerd.ts'

const adminKey = makeSecret['COUNTERSIGN_ADMIN_KEY']?.() ?? ''
const key = { id: 'pk_test_cli', secret: 'sk_test_made-up-for-the-cli' }

let front: Server
let url: string
let plugipay: Sandbox
let worker: RunningWorkerd
let ci: TestIssuer
let stateFolder: string
let admin: Home
let member: Home

beforeAll(async () => {
  // Workerd chooses its port when it starts, but its own URL is part of its configuration.
  front = createServer((socket) => {
    const inner = createConnection(worker.port, '127.0.0.1')
    socket.pipe(inner).pipe(socket)
    socket.on('error', () => inner.destroy())
    inner.on('error', () => socket.destroy())
  })
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  const address = front.address()
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  plugipay = await listen('plugipay', plugipayApi([{ ...key, workspace: 'acme' }]))
  ci = makeIssuer('https://ci.acme.example', url)
  stateFolder = await mkdtemp(join(tmpdir(), 'countersign-state-'))
  worker = await startWorkerd({
    stateFolder,
    worker: { file: await buildBundle(configurationFromBinding) },
    bindings: {
      TEST_CONFIGURATION: JSON.stringify(configuration()),
      COUNTERSIGN_ADMIN_KEY: adminKey,
      COUNTERSIGN_SIGNING_KEY: makeSecret['COUNTERSIGN_SIGNING_KEY']?.() ?? '',
      PLUGIPAY_TEST: `${key.id}:${key.secret}`,
    },
  })
  admin = makeHome()
  member = makeHome()
})

afterAll(async () => {
  admin.remove()
  member.remove()
  front.close()
  await worker.stop()
  await Promise.all([plugipay.close(), rm(stateFolder, { recursive: true })])
})

const configuration = (): object => ({
  url,
  issuers: {
    ci: {
      issuer: ci.issuer,
      jwks: ci.jwks,
      algorithms: ['ES256'],
      audience: url,
      team: { value: 'checkout' },
      scopes: 'granted',
      where: { repository: 'acme/shop' },
      use: ['exchange'],
    },
  },
  upstreams: {
    plugipay: {
      url: plugipay.url,
      sign: { scheme: 'plugipay' },
      keys: { test: 'PLUGIPAY_TEST' },
      routes: {
        'GET /api/v1/customers': 'customer:read',
        'POST /api/v1/customers': 'customer:write',
        'GET /api/v1/refunds': 'refund:read',
      },
    },
  },
  teams: {
    checkout: {
      grants: { plugipay: { keys: ['test'], scopes: ['customer:*'] } },
      limits: [{ name: 'all', requests: 100, per: '1s' }],
    },
    finance: {},
  },
})

const json = async (home: Home, args: readonly string[], options: RunOptions = {}) => {
  const { code, stdout, stderr } = await home.run([...args, '--json'], options)
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout)
}

it('an admin logs in with the admin key and looks around', async () => {
  const login = await admin.run(['login', '--url', url, '--token', '-'], { stdin: adminKey })
  expect(login).toMatchObject({ code: 0, stdout: '' })
  expect(login.stderr).toMatch('as admin-key (admin)')
  expect(await json(admin, ['whoami'])).toMatchObject({ subject: 'admin-key', role: 'admin', team: null })
  expect(await admin.run(['teams', 'list'])).toMatchObject({
    code: 0,
    stdout: 'checkout\tactive\tplugipay\tall 100 per 1s, burst 100\nfinance\tactive\t\t\n',
  })
  expect((await admin.run(['teams', 'show', 'checkout'])).stdout).toMatch(
    /^team {3}checkout\nstate {2}active\nlimit {2}all 100 per 1s, burst 100\ngrant {2}plugipay: keys test.*; scopes customer:\*\n$/,
  )
  expect(await admin.run(['teams', 'show', 'nobody'])).toMatchObject({ code: 5 })
})

let id: string

it('makes a token, which is printed alone and once', async () => {
  const made = await admin.run([
    'tokens',
    'create',
    'laptop',
    '--team',
    'checkout',
    '-s',
    'plugipay:customer:*',
  ])
  expect(made.code).toBe(0)
  expect(made.stdout).toMatch(/^cst_\w+\n$/)
  id = /Its id is (\w+)\./.exec(made.stderr)?.[1] ?? ''
  const login = await member.run(['login', '--url', url, '--token', '-'], { stdin: made.stdout })
  expect(login.stderr).toMatch(`as token/${id} (member of checkout)`)
  const listed = await json(admin, ['tokens', 'list', '--team', 'checkout'])
  expect(listed.items).toMatchObject([{ id, name: 'laptop', status: 'active' }])
  expect(JSON.stringify(listed)).not.toMatch(made.stdout.trim())
})

it('the member calls, and the upstream accepts the signature', async () => {
  const made = await member.run([
    'call',
    'plugipay/api/v1/customers',
    '-f',
    'name=Ada',
    '-f',
    'email=ada@acme.example',
  ])
  expect(made).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(made.stdout)).toMatchObject({ data: { name: 'Ada' }, error: null })
  const listed = await json(member, ['call', 'plugipay/api/v1/customers?limit=1', '--key', 'test'])
  expect(listed).toMatchObject({ status: 200, answeredBy: 'plugipay', body: { data: [{ name: 'Ada' }] } })
})

it('is told what it may not do', async () => {
  const ended = await member.run(['call', 'plugipay/api/v1/refunds'])
  expect(ended).toMatchObject({ code: 4, stdout: '' })
  expect(ended.stderr).toMatch('403 scope_insufficient')
  expect(await member.run(['call', 'nothing/here'])).toMatchObject({ code: 5 })
  expect(await member.run(['teams', 'suspend', 'checkout'])).toMatchObject({ code: 4 })
  expect(await member.run(['audit'])).toMatchObject({ code: 4 })
})

it('a JWT of the CLI works in curl, and a CI job needs no stored secret', async () => {
  const { stdout } = await member.run(['token', '--scope', 'plugipay:customer:read'])
  const bearer = { authorization: `Bearer ${stdout.trim()}` }
  expect((await fetch(`${url}/plugipay/api/v1/customers`, { headers: bearer })).status).toBe(200)
  const job = makeHome()
  const env = { COUNTERSIGN_URL: url, COUNTERSIGN_TOKEN: ci.token({ repository: 'acme/shop' }) }
  const exchanged = await job.run(['token'], { env })
  const called = await job.run(['call', 'plugipay/api/v1/customers'], {
    env: { ...env, COUNTERSIGN_TOKEN: exchanged.stdout.trim() },
  })
  job.remove()
  expect(called).toMatchObject({ code: 0 })
})

it('the books show what was called and refused', async () => {
  await expect
    .poll(async () => (await json(admin, ['usage', '--team', 'checkout', '--by', 'upstream'])).used, {
      timeout: 15_000,
    })
    .toBe(4)
  const table = await admin.run([
    'usage',
    '--team',
    'checkout',
    '--by',
    'upstream,key,outcome',
    '--since',
    '1h',
  ])
  expect(table.stdout).toMatch(/^plugipay\ttest\t2xx\t4\t/)
  expect(table.stderr).toMatch('checkout, ')
  expect(table.stderr).toMatch('4 calls started.')
  const { stdout } = await admin.run(['usage', '--team', 'checkout', '--by', 'key', '--csv'])
  expect(stdout).toMatch(/^key,requests,bytesIn,bytesOut,millis\r\ntest,4,/)
  expect(await json(member, ['usage'])).toMatchObject({ team: 'checkout' })
})

it('a limit is overridden and taken back, a team suspended and resumed', async () => {
  const limit = async (args: readonly string[]) =>
    (await json(admin, ['teams', 'limit', 'checkout', 'all', ...args])).limits
  expect(await limit(['--requests', '7', '--burst', '9'])).toMatchObject([
    { requests: 7, burst: 9, overridden: true },
  ])
  expect(await limit(['--reset'])).toMatchObject([{ requests: 100, burst: 100, overridden: false }])
  expect(await admin.run(['teams', 'limit', 'checkout', 'nope', '--burst', '1'])).toMatchObject({ code: 1 })
  expect(await json(admin, ['teams', 'suspend', 'checkout'])).toMatchObject({ suspended: true })
  await expect
    .poll(async () => (await member.run(['call', 'plugipay/api/v1/customers'])).code, { timeout: 15_000 })
    .toBe(4)
  expect(await json(admin, ['teams', 'resume', 'checkout'])).toMatchObject({ suspended: false })
  await expect
    .poll(async () => (await member.run(['call', 'plugipay/api/v1/customers'])).code, { timeout: 15_000 })
    .toBe(0)
})

it('a revoked JWT is replaced without a word, a revoked token ends with exit 4', async () => {
  expect(await json(admin, ['revoke', '--team', 'checkout', '--before', 'now'])).toMatchObject({
    id: expect.any(String),
  })
  const { items } = await json(admin, ['revoke', '--team', 'checkout', '--list'])
  expect(items).toContainEqual(expect.objectContaining({ team: 'checkout', before: expect.any(String) }))
  await new Promise((resolve) => setTimeout(resolve, 2_100))
  expect(await member.run(['call', 'plugipay/api/v1/customers'])).toMatchObject({ code: 0, stderr: '' })
  expect(await admin.run(['tokens', 'revoke', id])).toMatchObject({ code: 0, stdout: `${id} is revoked.\n` })
  await new Promise((resolve) => setTimeout(resolve, 2_100))
  const ended = await member.run(['call', 'plugipay/api/v1/customers'])
  expect(ended).toMatchObject({ code: 4, stdout: '' })
  expect(ended.stderr).toMatch('countersign login')
})

it('the audit log tells all of it', async () => {
  const { items } = await json(admin, ['audit', '--team', 'checkout', '--since', '1h'])
  const actions = items.map(({ action }: { action: string }) => action)
  expect(new Set(actions)).toEqual(
    new Set(['token.created', 'team.changed', 'revocation.created', 'token.revoked']),
  )
  const { stdout } = await admin.run(['audit', '--limit', '1'])
  expect(stdout.trim().split('\n')).toHaveLength(1)
})

it('L07: logout ends the token at the service too', async () => {
  const made = await admin.run([
    'tokens',
    'create',
    'short',
    '--team',
    'checkout',
    '-s',
    'plugipay:customer:*',
  ])
  await member.run(['login', '--token', '-'], { stdin: made.stdout })
  expect(await member.run(['logout'])).toMatchObject({
    code: 0,
    stdout: `Revoked at ${url} and removed here.\n`,
  })
  expect(await member.run(['login', '--token', '-'], { stdin: made.stdout })).toMatchObject({ code: 4 })
})
