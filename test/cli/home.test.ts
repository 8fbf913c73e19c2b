/** Homes and files as they should not be: each is told in a sentence, and nothing in them is lost. */
import { readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Fake, personalToken, startFake } from '../client/fake-countersign.ts'
import { type Home, loggedIn, makeHome } from './run-cli.ts'

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

describe('without a home directory', () => {
  it.each(['', 'relative/home'])(
    'HOME=%j: nothing is kept where the command happens to run',
    async (HOME) => {
      const args = ['login', '--url', fake.origin, '--token', '-']
      const ended = await home.run(args, { stdin: personalToken, env: { HOME } })
      expect(ended).toMatchObject({ code: 1, stdout: '' })
      expect(ended.stderr).toMatch('There is no home directory')
      expect(readdirSync(home.path)).toEqual([])
      expect(fake.received).toEqual([])
    },
  )

  it('what the environment names works all the same', async () => {
    const env = { HOME: '', COUNTERSIGN_URL: fake.origin, COUNTERSIGN_TOKEN: personalToken }
    expect(await home.run(['call', 'plugipay/a'], { env })).toMatchObject({ code: 0 })
    expect(await home.run(['status'], { env })).toMatchObject({ code: 0 })
  })

  it('a file in its place is told as such', async () => {
    const HOME = join(home.path, 'file')
    writeFileSync(HOME, '')
    const ended = await home.run(['whoami'], { env: { HOME } })
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch('something above it is not a directory')
  })
})

describe('a credentials file', () => {
  const whoami = () => home.run(['whoami'])
  const credential = { url: '', kind: 'token', secret: 'x', accessTokens: {} }

  it('of a newer version is left as it is, by every command', async () => {
    loggedIn(home, fake.origin, personalToken)
    home.write('credentials.json', { version: 2, credentials: 'in another form' })
    const before = home.read('credentials.json')
    const login = ['login', '--url', fake.origin, '--token', '-']
    for (const args of [['whoami'], login, ['logout'], ['profiles', 'remove', 'default']]) {
      const ended = await home.run(args, { stdin: personalToken })
      expect(ended).toMatchObject({ code: 1, stdout: '' })
      expect(ended.stderr).toMatch('was written by a newer countersign')
    }
    expect(home.read('credentials.json')).toBe(before)
    expect(home.read('config.json')).toMatch('default')
  })

  it.each([
    ['a secret that no header can carry', { ...credential, secret: 'a\u0000b' }],
    ['a secret of two lines', { ...credential, secret: 'a\nb' }],
    ['an empty secret', { ...credential, secret: '' }],
    ['a kind that it does not know', { ...credential, kind: 'new' }],
  ])('with %s is not understood', async (_, entry) => {
    loggedIn(home, fake.origin, personalToken)
    const credentials = { default: { ...entry, url: fake.origin } }
    home.write('credentials.json', { version: 1, credentials })
    const ended = await whoami()
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch('credentials.json cannot be understood (default)')
    expect(fake.received).toEqual([])
  })

  it('of gigabytes is not read', async () => {
    loggedIn(home, fake.origin, personalToken)
    truncateSync(join(home.directory, 'credentials.json'), 3 * 2 ** 30)
    const ended = await whoami()
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch('credentials.json cannot be understood (it is too large)')
  })

  it('with a kept token that no header can carry is used without it', async () => {
    loggedIn(home, fake.origin, personalToken)
    const accessTokens = { administration: { text: 'a\nb', expiresAt: Date.now() + 600_000 } }
    const credentials = { default: { ...credential, url: fake.origin, secret: personalToken, accessTokens } }
    home.write('credentials.json', { version: 1, credentials })
    expect(await whoami()).toMatchObject({ code: 0 })
  })
})

it('a profile that was bent to plain http is a fault of the file, not of the command line', async () => {
  loggedIn(home, 'http://edge.acme.example', personalToken)
  const ended = await home.run(['whoami'])
  expect(ended).toMatchObject({ code: 1, stdout: '' })
  expect(ended.stderr).toMatch(/config\.json cannot be understood \(default: .* https:\/\//)
})
