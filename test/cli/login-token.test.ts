import { chmodSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Fake, makeJwt, personalToken, problem, startFake } from '../client/fake-countersign.ts'
import { makeCertificate } from './certificate.ts'
import { type Home, loggedIn, makeHome } from './run-cli.ts'

const adminKey = 'an-admin-key-that-was-made-up-for-tests'

let fake: Fake
let home: Home
beforeEach(async () => {
  fake = await startFake()
  fake.valid.add(adminKey)
  home = makeHome()
})
afterEach(async () => {
  await fake.close()
  home.remove()
})

const login = (more: readonly string[] = [], stdin = personalToken) =>
  home.run(['login', '--url', fake.origin, '--token', '-', ...more], { stdin })
const mode = (name: string) => (statSync(join(home.directory, name)).mode & 0o777).toString(8)

describe('login --token', () => {
  it('looks whom the token belongs to, then keeps it where only its owner can read it', async () => {
    expect(await login()).toEqual({
      code: 0,
      stdout: '',
      stderr: `Logged in to ${fake.origin} as token/1 (member of checkout), profile default.\n`,
    })
    expect(fake.requestsTo('/api/whoami')).toHaveLength(1)
    expect(new URLSearchParams(fake.requestsTo('/oauth/token')[0]?.body).get('resource')).toBe(
      `${fake.origin}/api`,
    )
    expect(JSON.parse(home.read('config.json'))).toEqual({
      version: 1,
      current: 'default',
      profiles: { default: { url: fake.origin } },
    })
    expect(JSON.parse(home.read('credentials.json'))).toMatchObject({
      version: 1,
      credentials: { default: { url: fake.origin, kind: 'token', secret: personalToken } },
    })
    expect([mode('config.json'), mode('credentials.json'), mode('.')]).toEqual(['600', '600', '700'])
    expect(readdirSync(home.directory).sort()).toEqual(['config.json', 'credentials.json'])
  })

  it('keeps the admin key as it is, and sends it to the administration only', async () => {
    expect(await login([], `${adminKey}\n`)).toMatchObject({ code: 0 })
    expect(fake.received.map(({ target }) => target)).toEqual(['/api/whoami'])
    expect(await home.run(['token'])).toMatchObject({ code: 2 })
  })

  it('is one JSON object a line with --json', async () => {
    const { stdout, stderr } = await login(['--json'])
    expect(JSON.parse(stdout)).toEqual({
      event: 'done',
      profile: 'default',
      url: fake.origin,
      subject: 'token/1',
      team: 'checkout',
      role: 'member',
    })
    expect(stderr).toBe('')
  })

  it('L04: takes it from the command line with a warning, and never repeats it', async () => {
    const ended = await home.run(['login', '--url', fake.origin, '--token', personalToken])
    expect(ended).toMatchObject({ code: 0 })
    expect(ended.stderr).toMatch('history of your shell')
    expect(ended.stdout + ended.stderr).not.toMatch('cst_')
  })

  it.each([
    ['a token that is refused', 'cst_wrong', 4, 'gives no token'],
    ['a JWT', makeJwt({ exp: 1 }), 2, 'lasts minutes'],
    ['nothing', '', 2, 'holds no token'],
    ['two lines', 'cst_a\ncst_b', 2, 'not one token'],
    ['a wrong admin key', 'a-wrong-admin-key-that-was-made-up-here', 4, 'token_revoked'],
  ])('keeps nothing of %s', async (_, stdin, code, said) => {
    const ended = await login([], stdin)
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toMatch(said)
    expect(() => readdirSync(home.directory)).toThrow('ENOENT')
  })

  it('keeps what was there when the new token is not good', async () => {
    await login()
    const before = home.read('credentials.json')
    expect(await login([], 'cst_wrong')).toMatchObject({ code: 4 })
    expect(home.read('credentials.json')).toBe(before)
  })

  it('does not put another Countersign over a profile: exit 64', async () => {
    await login()
    const other = await startFake()
    const ended = await home.run(['login', '--url', other.origin, '--token', '-'], { stdin: personalToken })
    expect(ended).toMatchObject({ code: 64 })
    expect(ended.stderr).toMatch(`The profile default is for ${fake.origin}`)
    expect(other.received).toHaveLength(0)
    await other.close()
  })

  it('says that COUNTERSIGN_TOKEN still comes first', async () => {
    const env = { COUNTERSIGN_TOKEN: adminKey }
    const ended = await home.run(['login', '--url', fake.origin, '--token', '-'], {
      stdin: personalToken,
      env,
    })
    expect(ended.stderr).toMatch('COUNTERSIGN_TOKEN is set and comes before this login')
  })

  it('tells that nobody can approve a login in CI', async () => {
    const ended = await home.run(['login', '--url', fake.origin], { env: { CI: 'true' } })
    expect(ended).toMatchObject({ code: 2 })
    expect(ended.stderr).toMatch('Set COUNTERSIGN_TOKEN')
  })

  it('takes one way at a time', async () => {
    expect(await login(['--device'])).toMatchObject({ code: 2 })
  })

  it('L07: does not trust a certificate that nobody vouches for, whatever the environment says', async () => {
    const received: string[] = []
    const server = createServer(makeCertificate(), (request, response) => {
      received.push(request.url ?? '')
      response.end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const args = ['login', '--url', `https://127.0.0.1:${port}`, '--token', '-']
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
    const ended = await home.run(args, { stdin: personalToken, env })
    server.close()
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch('its certificate is not trusted')
    expect(received).toEqual([])
  })
})

describe('the files', () => {
  it('L01: are refused with a clear text when others can read them', async () => {
    await login()
    chmodSync(join(home.directory, 'credentials.json'), 0o644)
    const ended = await home.run(['whoami'])
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/Others on this machine can open .*credentials\.json[\s\S]*chmod 600/)
  })

  it('L02: are refused when they are links, and the target stays as it is', async () => {
    await login()
    const target = join(home.path, 'target')
    writeFileSync(target, 'untouched', { mode: 0o600 })
    rmSync(join(home.directory, 'credentials.json'))
    symlinkSync(target, join(home.directory, 'credentials.json'))
    expect(await login()).toMatchObject({ code: 1 })
    expect(await home.run(['whoami'])).toMatchObject({ code: 1 })
    expect(readFileSync(target, 'utf8')).toBe('untouched')
  })

  it.each([
    ['credentials.json', '{"version":1'],
    ['credentials.json', '[]'],
    ['credentials.json', '{"version":0}'],
    ['credentials.json', '{"version":1,"credentials":{"default":{"url":1}}}'],
    ['config.json', 'not json'],
    ['config.json', '{"version":1,"profiles":{"default":{}}}'],
  ])('are told as broken: %s %s', async (name, content) => {
    await login()
    home.write(name, content)
    const ended = await home.run(['whoami'])
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(`${name} cannot be understood`)
  })

  it('L04: hold nothing that a failing command shows', async () => {
    await login()
    home.write('credentials.json', home.read('credentials.json').replace('}', ''))
    const ended = await home.run(['whoami', '--verbose'])
    expect(ended.code).toBe(1)
    expect(ended.stderr + ended.stdout).not.toMatch(/cst_|eyJ/)
  })
})

describe('logout', () => {
  const revocations = () => fake.requestsTo('/oauth/revoke')
  const revokes = (status: number) =>
    fake.handle(({ target }) => (target === '/oauth/revoke' ? { status, body: {} } : null))

  it('L07: revokes at the service, then removes the file', async () => {
    await login()
    revokes(200)
    expect(await home.run(['logout'])).toEqual({
      code: 0,
      stdout: `Revoked at ${fake.origin} and removed here.\n`,
      stderr: '',
    })
    expect(new URLSearchParams(revocations()[0]?.body).get('token')).toBe(personalToken)
    expect(readdirSync(home.directory)).toEqual(['config.json'])
    expect(await home.run(['whoami'])).toMatchObject({ code: 3 })
    expect(await home.run(['logout'])).toMatchObject({ code: 3 })
  })

  it('L07: removes nothing when it could not revoke, and names the way out', async () => {
    await login()
    revokes(503)
    const ended = await home.run(['logout'])
    expect(ended).toMatchObject({ code: 6 })
    expect(ended.stderr).toMatch('countersign logout --keep')
    expect(readdirSync(home.directory)).toContain('credentials.json')
  })

  it('with --keep asks nobody', async () => {
    await login()
    await fake.close()
    expect(await home.run(['logout', '--keep', '--json'])).toMatchObject({ code: 0 })
    expect(readdirSync(home.directory)).toEqual(['config.json'])
  })

  it('leaves the other profiles logged in', async () => {
    await login(['--profile', 'one'])
    await login(['--profile', 'two'])
    revokes(200)
    expect(await home.run(['logout', '--profile', 'one'])).toMatchObject({ code: 0 })
    expect(Object.keys(JSON.parse(home.read('credentials.json')).credentials)).toEqual(['two'])
  })
})

describe('whoami, token and status', () => {
  it('say who one is, with the source of the credential', async () => {
    await login()
    const { stdout } = await home.run(['whoami', '--json'])
    expect(JSON.parse(stdout)).toEqual({
      url: fake.origin,
      subject: 'token/1',
      team: 'checkout',
      role: 'member',
      scopes: ['plugipay:customer:*'],
      expiresAt: '2030-01-01T00:00:00.000Z',
      source: 'profile default',
      verified: true,
    })
    expect((await home.run(['whoami'])).stdout).toMatch(/^subject +token\/1\nteam +checkout\nrole +member\n/)
  })

  it('say what a JWT for calls claims, and that nobody verified it', async () => {
    const jwt = makeJwt({
      sub: 'ci',
      team: 'checkout',
      scope: 'a:b c:d',
      aud: fake.origin,
      exp: 1_900_000_000,
    })
    const env = { COUNTERSIGN_TOKEN: jwt, COUNTERSIGN_URL: fake.origin }
    const { stdout } = await home.run(['whoami', '--json'], { env })
    expect(JSON.parse(stdout)).toMatchObject({ subject: 'ci', scopes: ['a:b', 'c:d'], verified: false })
    expect(fake.received).toHaveLength(0)
  })

  it('fail when nobody is logged in: exit 3', async () => {
    for (const command of ['whoami', 'token']) {
      const ended = await home.run([command])
      expect(ended).toMatchObject({ code: 3, stdout: '' })
      expect(ended.stderr).toMatch('countersign login')
    }
    expect(await home.run(['status'])).toMatchObject({ code: 0 })
  })

  it('print a fresh JWT alone on stdout', async () => {
    await login()
    const first = await home.run(['token'])
    const second = await home.run(['token', '--json'])
    expect(first.stdout).toMatch(/^eyJ[\w.-]+\n$/)
    expect(JSON.parse(second.stdout)).toMatchObject({ for: fake.origin })
    expect(JSON.parse(second.stdout).token).not.toBe(first.stdout.trim())
  })

  it('ask for narrower scopes and for the administration', async () => {
    await login()
    await home.run(['token', '--scope', 'plugipay:customer:read', '--admin'])
    const asked = new URLSearchParams(fake.requestsTo('/oauth/token').at(-1)?.body)
    expect(asked.get('scope')).toBe('plugipay:customer:read')
    expect(asked.get('resource')).toBe(`${fake.origin}/api`)
  })

  it('exchange the JWT of another issuer', async () => {
    const jwt = makeJwt({ iss: 'https://ci.acme.example', exp: 1_900_000_000 })
    fake.personalTokens.set(jwt, { team: 'checkout' })
    const env = { COUNTERSIGN_TOKEN: jwt, COUNTERSIGN_URL: fake.origin }
    expect((await home.run(['token'], { env })).stdout).toMatch(/^eyJ/)
    expect(new URLSearchParams(fake.requestsTo('/oauth/token')[0]?.body).get('subject_token_type')).toMatch(
      /jwt$/,
    )
  })

  it('tell what would be used and why, without asking anybody', async () => {
    await login(['--profile', 'shop'])
    await fake.close()
    const { stdout } = await home.run(['status', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({
      url: fake.origin,
      urlSource: 'profile shop',
      profile: 'shop',
      profileSource: 'current',
      credential: `personal token ${'a'.repeat(14)}`,
      credentialSource: 'profile shop',
      accessTokens: [{ audience: 'administration' }],
    })
    expect(stdout).not.toMatch(/eyJ|sss/)
  })
})

describe('profiles', () => {
  it('are listed, chosen and removed', async () => {
    expect(await home.run(['profiles', 'list'])).toMatchObject({ code: 0, stdout: '' })
    await login(['--profile', 'one'])
    await login(['--profile', 'two'])
    expect((await home.run(['profiles', 'list'])).stdout).toBe(
      ` \tone\t${fake.origin}\tlogged in\n*\ttwo\t${fake.origin}\tlogged in\n`,
    )
    expect(await home.run(['profiles', 'use', 'one'])).toMatchObject({ code: 0, stdout: 'one is current.\n' })
    expect(await home.run(['profiles', 'remove', 'one'])).toMatchObject({ code: 0 })
    const { stdout } = await home.run(['profiles', 'list', '--json'])
    expect(JSON.parse(stdout)).toEqual({
      items: [{ name: 'two', url: fake.origin, current: false, loggedIn: true }],
    })
    expect(Object.keys(JSON.parse(home.read('credentials.json')).credentials)).toEqual(['two'])
  })

  it.each([['use'], ['remove']])('that do not exist are told, %s: exit 5', async (command) => {
    expect(await home.run(['profiles', command, 'nope'])).toMatchObject({ code: 5 })
  })

  it('come from the flag, then the environment, then the current one', async () => {
    loggedIn(home, fake.origin, personalToken, 'one')
    const profile = async (args: readonly string[], env = {}) =>
      JSON.parse((await home.run(['status', '--json', ...args], { env })).stdout)
    const profiles = { one: { url: fake.origin }, two: { url: 'https://two.example' } }
    home.write('config.json', { version: 1, current: 'one', profiles })
    const env = { COUNTERSIGN_PROFILE: 'two' }
    expect(await profile([])).toMatchObject({ profile: 'one', profileSource: 'current' })
    expect(await profile([], env)).toMatchObject({ profile: 'two', profileSource: 'COUNTERSIGN_PROFILE' })
    expect(await profile(['--profile', 'one'], env)).toMatchObject({
      profile: 'one',
      profileSource: '--profile',
    })
    expect(await profile([], { ...env, COUNTERSIGN_URL: 'https://three.example' })).toMatchObject({
      url: 'https://three.example',
      urlSource: 'COUNTERSIGN_URL',
    })
    expect(
      await profile(['--url', 'https://four.example'], { COUNTERSIGN_URL: 'https://three.example' }),
    ).toMatchObject({ url: 'https://four.example', urlSource: '--url' })
  })

  it('that are asked for and not there end with 5, odd names with 2', async () => {
    const unknown = await home.run(['whoami', '--profile', 'nope'])
    expect(unknown).toMatchObject({ code: 5 })
    expect(unknown.stderr).toMatch('There is no profile nope (--profile)')
    expect(await home.run(['whoami', '--profile', '../x'])).toMatchObject({ code: 2 })
  })
})

describe('an answer of the service', () => {
  it.each([
    [503, 'account_unavailable', 6],
    [403, 'scope_insufficient', 4],
    [401, 'token_revoked', 4],
    [500, 'internal_error', 1],
  ])('%i %s ends whoami with exit %i', async (status, code, exit) => {
    await login()
    fake.handle(({ target }) => (target === '/api/whoami' ? problem(status, code, 'Because.') : null))
    const ended = await home.run(['whoami'])
    expect(ended).toMatchObject({ code: exit, stdout: '' })
    expect(ended.stderr).toMatch(`countersign: ${status} ${code}: Because.`)
  })

  it('without a token service is told as such', async () => {
    fake.handle(({ target }) => (target === '/oauth/token' ? { status: 404, body: 'nothing' } : null))
    const ended = await login()
    expect(ended).toMatchObject({ code: 1 })
    expect(ended.stderr).toMatch('has no token service that we understand')
  })
})
