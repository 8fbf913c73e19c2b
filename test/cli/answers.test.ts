/** Answers that are not what they should be: a login page of the network, a redirect, bytes that are no text. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Fake, personalToken, startFake } from '../client/fake-countersign.ts'
import { type Home, makeHome } from './run-cli.ts'

const adminKey = 'an-admin-key-that-was-made-up-for-tests'

let fake: Fake
let home: Home
let env: Readonly<Record<string, string>>
beforeEach(async () => {
  fake = await startFake()
  fake.valid.add(adminKey)
  home = makeHome()
  env = { COUNTERSIGN_URL: fake.origin, COUNTERSIGN_TOKEN: adminKey }
})
afterEach(async () => {
  await fake.close()
  home.remove()
})

const html = { headers: { 'content-type': 'text/html' }, body: '<html>Log in to this network</html>' }

describe('an answer of something else than a Countersign', () => {
  it.each([
    ['a page', html],
    ['a list', { body: '[1,2]' }],
    ['null', { body: 'null' }],
    ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:9/login' } }],
  ])('is no success of any command: %s', async (_, reply) => {
    fake.handle(({ target }) => (target.startsWith('/api/') ? reply : null))
    const commands = [
      ['whoami'],
      ['tokens', 'list'],
      ['tokens', 'revoke', 'abc', '--yes'],
      ['teams', 'show', 'checkout'],
      ['usage', '--team', 'checkout'],
      ['usage', '--team', 'checkout', '--csv'],
      ['revoke', '--team', 'checkout', '--jti', 'a', '--yes'],
    ]
    const ended = await Promise.all(commands.map((args) => home.run(args, { env })))
    for (const { code, stdout, stderr } of ended) {
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(`${fake.origin} does not answer as a Countersign`)
    }
  })

  it('is told with its status, and ends as that does', async () => {
    fake.handle(({ target }) => (target.startsWith('/api/') ? { ...html, status: 502 } : null))
    const ended = await home.run(['whoami'], { env })
    expect(ended).toMatchObject({ code: 6, stdout: '' })
    expect(ended.stderr).toMatch(`${fake.origin} does not answer as a Countersign (502).`)
  })

  it.each([
    ['a page', html],
    ['an object that says nothing of who one is', { body: {} }],
  ])('is no login: %s', async (_, reply) => {
    fake.handle(({ target }) => (target.startsWith('/api/') ? reply : null))
    const args = ['login', '--url', fake.origin, '--token', '-']
    const ended = await home.run(args, { stdin: adminKey })
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch('does not answer as a Countersign')
    expect(readdirSync(home.path)).toEqual([])
  })

  it('without end is given up, and not kept in memory', async () => {
    const endless = () => ({ chunks: Array.from({ length: 40 }, () => 'x'.repeat(1_048_576)) })
    fake.handle(({ target }) => (/^\/(api|oauth)\//.test(target) ? endless() : null))
    for (const token of [adminKey, personalToken]) {
      const ended = await home.run(['whoami'], { env: { ...env, COUNTERSIGN_TOKEN: token } })
      expect(ended).toMatchObject({ code: 1, stdout: '' })
      expect(ended.stderr).toMatch('its answer is too large')
    }
  })
})

describe('call', () => {
  const bytes = Buffer.from([0xe9, 0x0a, 0x00, 0xff, 0xfe])
  beforeEach(() => {
    fake.valid.add('eyJ.eyJ.x')
    env = { COUNTERSIGN_URL: fake.origin, COUNTERSIGN_TOKEN: 'eyJ.eyJ.x' }
    fake.handle(({ target }) =>
      target.startsWith('/x/bytes') ? { headers: { 'content-type': 'text/csv' }, chunks: [bytes] } : null,
    )
  })

  it('changes no byte of pages that are not UTF-8', async () => {
    const run = (args: readonly string[]) =>
      new Promise<Buffer>((end) => {
        const child = spawn(process.execPath, [resolve('bin/countersign.js'), ...args], {
          env: { HOME: home.path, ...env },
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        const pieces: Buffer[] = []
        child.stdout.on('data', (piece: Buffer) => pieces.push(piece))
        child.once('close', () => end(Buffer.concat(pieces)))
      })
    expect(await run(['call', 'x/bytes'])).toEqual(bytes)
    expect(await run(['call', 'x/bytes', '--paginate'])).toEqual(Buffer.concat([bytes, Buffer.from('\n')]))
  })

  it('with --json gives bytes that are no text as base64', async () => {
    const { stdout } = await home.run(['call', 'x/bytes', '--json'], { env })
    expect(JSON.parse(stdout)).toMatchObject({ status: 200, bodyBase64: bytes.toString('base64') })
    expect(JSON.parse(stdout)).not.toHaveProperty('body')
  })
})

describe.skipIf(!existsSync('/dev/full'))('output that cannot be written (needs /dev/full)', () => {
  it('is told: exit 1', () => {
    const script = `"$@" > /dev/full`
    const command = [
      '-c',
      script,
      'bash',
      process.execPath,
      resolve('bin/countersign.js'),
      'profiles',
      'list',
      '--json',
    ]
    const run = () =>
      execFileSync('bash', command, { env: { HOME: home.path }, stdio: 'pipe', encoding: 'utf8' })
    expect(run).toThrow(/The output cannot be written: the disk is full/)
  })

  it.each([
    [['nosuch'], 2],
    [['status', '--verbose'], 0],
  ])('of %j on stderr, changes no exit code: %i', (words, status) => {
    const command = [
      '-c',
      '"$@" 2> /dev/full',
      'bash',
      process.execPath,
      resolve('bin/countersign.js'),
      ...words,
    ]
    expect(spawnSync('bash', command, { env: { HOME: home.path } }).status).toBe(status)
  })
})
