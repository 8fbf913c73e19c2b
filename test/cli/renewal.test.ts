/**
 * A refresh token is good once: who sends it and then loses the answer, or sends it again, has ended the login. So
 * commands that are stopped, interrupted or many at once are watched here as real processes.
 */
import { spawn } from 'node:child_process'
import { utimesSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Fake, makeJwt, personalToken, startFake } from '../client/fake-countersign.ts'
import { type Ended, type Home, makeHome } from './run-cli.ts'

let fake: Fake
let home: Home
let service: ReturnType<typeof rotatingService>
beforeEach(async () => {
  fake = await startFake()
  home = makeHome()
  service = rotatingService(fake)
  home.write('config.json', { version: 1, current: 'default', profiles: { default: { url: fake.origin } } })
  home.write('credentials.json', {
    version: 1,
    credentials: {
      default: { url: fake.origin, kind: 'session', secret: service.good, accessTokens: {} },
    },
  })
})
afterEach(async () => {
  await fake.close()
  home.remove()
})

/** Gives a new refresh token for the latest one; an older one ends the login. */
const rotatingService = (of: Fake) => {
  const state = {
    good: 'refresh-0',
    ended: false,
    refreshes: 0,
    /** Answers to refreshes wait for it, after the token was replaced. */
    answered: Promise.resolve(),
  }
  of.handle(async ({ target, body }) => {
    if (target === '/oauth/revoke') return { status: 200, body: {} }
    const form = new URLSearchParams(body)
    if (form.get('grant_type') !== 'refresh_token') return null
    state.refreshes += 1
    state.ended ||= form.get('refresh_token') !== state.good
    if (state.ended) return { status: 400, body: { error: 'invalid_grant' } }
    state.good = `refresh-${state.refreshes}`
    const [token, next] = [makeJwt({ aud: form.get('resource'), jti: state.refreshes }), state.good]
    of.valid.add(token)
    await state.answered
    return { body: { access_token: token, expires_in: 600, refresh_token: next } }
  })
  return state
}

const stored = (profile = 'default') => JSON.parse(home.read('credentials.json')).credentials[profile]

interface Caught {
  readonly pid: number
  /** Lets the service answer. */
  readonly answer: () => void
  readonly ended: Promise<Ended>
}

/** A call whose refresh has reached the service, and waits for the answer. */
const catchInRefresh = async (): Promise<Caught> => {
  const { promise, resolve: answer } = Promise.withResolvers<void>()
  service.answered = promise
  let pid = 0
  const ended = home.run(['call', 'plugipay/a'], {
    onStart: (started) => {
      pid = started
    },
  })
  await expect.poll(() => service.refreshes, { timeout: 10_000 }).toBe(1)
  return { pid, answer, ended }
}

/** The lock as it is when its holder was silent for so long. */
const silentFor = (millis: number): void => {
  const then = new Date(Date.now() - millis)
  utimesSync(join(home.directory, 'lock'), then, then)
}

it('L03: a command that is stopped for a minute keeps its lock: nobody sends its refresh token again', async () => {
  const { pid, answer, ended } = await catchInRefresh()
  process.kill(pid, 'SIGSTOP')
  silentFor(60_000)
  const other = home.run(['call', 'plugipay/b'])
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  answer()
  process.kill(pid, 'SIGCONT')
  expect(await Promise.all([ended, other])).toMatchObject([{ code: 0 }, { code: 0 }])
  expect(service).toMatchObject({ ended: false, refreshes: 1 })
  expect(stored().secret).toBe(service.good)
})

it('L03: one that is stopped until its lock is taken undoes nothing that was written meanwhile', async () => {
  const { pid, answer, ended } = await catchInRefresh()
  process.kill(pid, 'SIGSTOP')
  silentFor(3_600_000)
  const args = ['login', '--profile', 'other', '--url', fake.origin, '--token', '-']
  expect(await home.run(args, { stdin: personalToken })).toMatchObject({ code: 0 })
  answer()
  process.kill(pid, 'SIGCONT')
  expect(await ended).toMatchObject({ code: 0 })
  expect(stored('other')).toMatchObject({ secret: personalToken })
  expect(stored()).toMatchObject({ secret: service.good })
})

it('L03: nor does it bring back what was logged out meanwhile', async () => {
  const { pid, answer, ended } = await catchInRefresh()
  process.kill(pid, 'SIGSTOP')
  silentFor(3_600_000)
  expect(await home.run(['logout'])).toMatchObject({ code: 0 })
  answer()
  process.kill(pid, 'SIGCONT')
  await ended
  expect(() => home.read('credentials.json')).toThrow('ENOENT')
})

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'L03: %s waits for the refresh token that is on the way, and then ends with 130',
  async (signal) => {
    const { pid, answer, ended } = await catchInRefresh()
    process.kill(pid, signal)
    await new Promise((resolve) => setTimeout(resolve, 200))
    answer()
    expect(await ended).toMatchObject({ code: 130, stdout: '' })
    expect(fake.requestsTo('/plugipay/a')).toEqual([])
    expect(await home.run(['call', 'plugipay/b'])).toMatchObject({ code: 0 })
    expect(service.ended).toBe(false)
  },
)

it('L03: a disk without room is found out before the refresh token is spent', async () => {
  const accessTokens = { administration: { text: 'x'.repeat(3_000), expiresAt: 0 } }
  const credential = { url: fake.origin, kind: 'session', secret: service.good, accessTokens }
  home.write('credentials.json', { version: 1, credentials: { default: credential } })
  // A lock is smaller than a block of 1,024 bytes, and what is there is larger.
  const limited = `trap '' XFSZ; ulimit -f 1; exec "$@"`
  const command = [
    '-c',
    limited,
    'bash',
    process.execPath,
    resolve('bin/countersign.js'),
    'call',
    'plugipay/a',
  ]
  const env = { HOME: home.path, PATH: process.env['PATH'] }
  const child = spawn('bash', command, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', (text) => {
    stderr += text
  })
  expect(await new Promise((end) => child.once('close', end))).toBe(1)
  expect(stderr).toMatch('credentials.json cannot be written: the file system takes no more.')
  expect(service.refreshes).toBe(0)
  expect(await home.run(['call', 'plugipay/a'])).toMatchObject({ code: 0 })
})

it('who presses Ctrl-C twice does not wait', async () => {
  const { pid, ended } = await catchInRefresh()
  process.kill(pid, 'SIGINT')
  await new Promise((resolve) => setTimeout(resolve, 200))
  process.kill(pid, 'SIGINT')
  expect(await ended).toMatchObject({ code: 130 })
})

it('L03: twenty commands at once, for calls and the administration, refresh twice in all', async () => {
  const commands = Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? ['call', 'plugipay/a'] : ['whoami']))
  const ended = await Promise.all(commands.map((args) => home.run(args)))
  expect(ended.map(({ code }) => code)).toEqual(commands.map(() => 0))
  expect(service).toMatchObject({ ended: false, refreshes: 2 })
}, 60_000)
