/**
 * What a person sees and types, through a pseudo-terminal (`script` of util-linux, which every Linux has; other
 * systems' `script` takes other flags, so there it is left out).
 */
import { execFileSync, spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Fake, personalToken, startFake } from '../client/fake-countersign.ts'
import { type Home, loggedIn, makeHome } from './run-cli.ts'

const hasScript = (): boolean => {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8', stdio: 'pipe' }).includes('util-linux')
  } catch {
    return false
  }
}

let fake: Fake
let home: Home
beforeEach(async () => {
  fake = await startFake()
  home = makeHome()
})
afterEach(async () => {
  await fake.close()
  home.remove()
})

interface Session {
  /** Everything that appeared on the screen, echo included. */
  readonly screen: string
  readonly code: number | null
}

/** Types each answer once its question is on the screen. */
const inTerminal = (
  args: readonly string[],
  dialogue: readonly (readonly [question: string, answer: string])[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Session> => {
  const command = [process.execPath, resolve('bin/countersign.js'), ...args]
  const line = command.map((word) => `'${word}'`).join(' ')
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    cwd: home.path,
    env: { HOME: home.path, PATH: process.env['PATH'], TERM: 'xterm', COUNTERSIGN_URL: fake.origin, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: 20_000,
  })
  let screen = ''
  const waiting = [...dialogue]
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text
    const [question, answer] = waiting[0] ?? []
    if (question === undefined || answer === undefined || !screen.includes(question)) return
    waiting.shift()
    child.stdin.write(answer)
  })
  return new Promise((end, fail) => {
    child.on('error', fail)
    child.on('close', (code) => end({ screen, code }))
  })
}

describe.skipIf(!hasScript())('at a terminal (needs script of util-linux)', () => {
  it('a token is typed without an echo', async () => {
    const { screen, code } = await inTerminal(['login', '--token', '-'], [['Token: ', `${personalToken}\r`]])
    expect(code).toBe(0)
    expect(screen).toMatch('Logged in to')
    expect(screen).not.toMatch(personalToken.slice(4, 12))
    expect(home.read('credentials.json')).toMatch(personalToken)
  })

  it('Ctrl-C at the question ends with 130 and keeps nothing', async () => {
    const { code } = await inTerminal(['login', '--token', '-'], [['Token: ', 'cst_a\u0003']])
    expect(code).toBe(130)
    expect(() => home.read('credentials.json')).toThrow('ENOENT')
  })

  it('what cannot be taken back is asked for, and only yes does it', async () => {
    loggedIn(home, fake.origin, personalToken)
    fake.handle(({ method }) => (method === 'DELETE' ? { status: 204 } : null))
    const question = 'Revoke the token abc? [y/N]'
    const no = await inTerminal(['tokens', 'revoke', 'abc'], [[question, '\r']])
    expect(no).toMatchObject({ code: 1, screen: expect.stringContaining('Nothing was changed.') })
    expect(fake.received.some(({ method }) => method === 'DELETE')).toBe(false)
    const yes = await inTerminal(['tokens', 'revoke', 'abc'], [[question, 'y\r']])
    expect(yes).toMatchObject({ code: 0, screen: expect.stringContaining('abc is revoked.') })
    expect(await inTerminal(['tokens', 'revoke', 'abc', '--yes'])).toMatchObject({ code: 0 })
  })

  it('JSON is laid out, lists have a heading, and usage has bars', async () => {
    loggedIn(home, fake.origin, personalToken)
    fake.handle(({ target }) => (target.startsWith('/plugipay') ? { body: { data: { a: 1 } } } : null))
    expect((await inTerminal(['call', 'plugipay/a'])).screen).toMatch('{\r\n  "data": {\r\n    "a": 1\r\n')
    const rows = [
      { upstream: 'plugipay', requests: 100, bytesIn: 3_000_000, bytesOut: null, millis: 100 },
      { upstream: 'orders', requests: 50, bytesIn: 1, bytesOut: 1, millis: 100 },
    ]
    fake.handle(({ target }) => (target.startsWith('/api/usage') ? { body: { rows, refused: [] } } : null))
    const { screen } = await inTerminal(['usage', '--by', 'upstream'])
    expect(screen).toMatch(/UPSTREAM +REQUESTS +IN +OUT +MEAN MS/)
    expect(screen).toMatch(/plugipay +100 +2\.9 MiB +- +1 +█{24}\r/)
    expect(screen).toMatch(/orders +50 +1 +1 +2 +█{12}\r/)
  })

  it('an answer gives the terminal no orders, and the prompt a line of its own', async () => {
    loggedIn(home, fake.origin, personalToken)
    const text = (chunks: readonly string[], cut = false) => ({
      headers: { 'content-type': 'text/plain' },
      chunks,
      cut,
    })
    fake.handle(({ target }) => {
      if (target === '/x/orders') return text(['a\u001b', ']0;title\u0007 \u00fc'])
      return target === '/x/broken' ? text(['half'], true) : null
    })
    expect((await inTerminal(['call', 'x/orders'])).screen).toBe('a\ufffd]0;title\ufffd \u00fc\r\n')
    expect((await inTerminal(['call', 'x/broken'])).screen).toMatch(/half\r\ncountersign: /)
  })

  it.each([
    ['the question of a command', ['tokens', 'revoke', 'abc'], '[y/N]'],
    ['a device login', ['login', '--device', '--profile', 'b'], 'Waiting'],
    ['a browser login', ['login', '--browser', '--profile', 'b'], 'Waiting'],
  ] as const)(
    'Ctrl-C at %s ends with 130 on a line of its own, and changes nothing',
    async (_, args, sign) => {
      loggedIn(home, fake.origin, personalToken)
      fake.handle(({ target }) => {
        if (target !== '/oauth/device_authorization') return null
        const codes = { device_code: 'd', user_code: 'WDJB-MJHT', verification_uri: `${fake.origin}/device` }
        return { body: { ...codes, expires_in: 600, interval: 60 } }
      })
      const before = home.read('credentials.json')
      const { screen, code } = await inTerminal(args, [[sign, '\u0003']], { BROWSER: 'true' })
      expect(code).toBe(130)
      expect(screen).toMatch(/\n$/)
      expect(home.read('credentials.json')).toBe(before)
      expect(fake.received.some(({ method }) => method === 'DELETE')).toBe(false)
    },
  )

  it('colour is there, and gone with NO_COLOR', async () => {
    loggedIn(home, fake.origin, personalToken)
    const coloured = await inTerminal(['profiles', 'list'])
    const plain = await inTerminal(['profiles', 'list'], [], { NO_COLOR: '1' })
    expect(coloured.screen).toMatch('\u001b[2m')
    expect(plain.screen).not.toMatch('\u001b')
  })

  it('a device login shows that it waits, and clears the line', async () => {
    let polls = 0
    fake.handle(({ target, body }) => {
      if (target === '/oauth/device_authorization') {
        const codes = { device_code: 'd', user_code: 'WDJB-MJHT', verification_uri: `${fake.origin}/device` }
        return { body: { ...codes, expires_in: 600, interval: 0.1 } }
      }
      if (!body.includes('device_code')) return null
      polls += 1
      if (polls < 5) return { status: 400, body: { error: 'authorization_pending' } }
      fake.valid.add('jwt')
      return { body: { access_token: 'jwt', expires_in: 600, refresh_token: 'r' } }
    })
    const { screen, code } = await inTerminal(['login', '--device'])
    expect(code).toBe(0)
    expect(screen).toMatch(/Waiting for you \.\.\.[\s\S]*\r\u001b\[K[\s\S]*Logged in to/)
  })
})
