/** Logins of the CLI, as processes, with a person who approves them in a browser. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Ended, type Home, makeHome } from '../../cli/run-cli.ts'
import { type Browser, csrfOf, type PeopleEdge, signedInBrowser, startPeopleEdge } from './edge.ts'

let edge: PeopleEdge
let home: Home
beforeAll(async () => {
  edge = await startPeopleEdge()
})
afterAll(() => edge[Symbol.asyncDispose]())
beforeEach(() => {
  home = makeHome()
})
afterEach(() => home.remove())

/** Runs a login; the person acts on the first thing that matches on the screen. */
const login = (
  args: readonly string[],
  shown: RegExp,
  act: (found: string) => Promise<unknown>,
): Promise<Ended> => {
  let acted = false
  return home.run(['login', '--url', edge.url, ...args], {
    env: { BROWSER: '/nothing/opens' },
    onOutput: (text) => {
      const [, found] = shown.exec(text) ?? []
      if (found === undefined || acted) return
      acted = true
      void act(found)
    },
  })
}

const page = /\n {2}(http:\S+)\n/
const code = /enter the code (\S+):/

const agree = async (browser: Browser, at: string, decision = 'approve'): Promise<Response> => {
  const csrf = await csrfOf(await browser.open(at))
  const answer = await browser.post(at, { csrf, decision })
  return browser.open(answer.headers.get('location') ?? '')
}

const approveDevice = async (browser: Browser, userCode: string, decision = 'approve'): Promise<void> => {
  const csrf = await csrfOf(await browser.open(`${edge.url}/device?user_code=${userCode}`))
  await browser.post(`${edge.url}/device`, { csrf, user_code: userCode, decision })
}

it('by browser: one agrees, is told so, and calls', async () => {
  const lin = await signedInBrowser(edge, 'lin')
  let shown = ''
  const ended = await login([], page, async (at) => {
    shown = await (await agree(lin, at)).text()
  })
  expect(ended).toMatchObject({ code: 0, stdout: '' })
  expect(ended.stderr).toMatch('as signin/lin (member of checkout)')
  expect(shown).toMatch('You are logged in.')
  expect(await home.run(['call', 'orders/orders'])).toMatchObject({ code: 0, stdout: 'ok' })
  const whoami = JSON.parse((await home.run(['whoami', '--json'])).stdout)
  expect(whoami).toMatchObject({ subject: 'signin/lin', team: 'checkout', source: 'profile default' })
})

it('by browser: one does not agree, and nothing is kept', async () => {
  const lin = await signedInBrowser(edge, 'lin')
  const ended = await login([], page, (at) => agree(lin, at, 'deny'))
  expect(ended).toMatchObject({ code: 4, stdout: '' })
  expect(ended.stderr).toMatch('was not approved')
  expect(() => home.read('credentials.json')).toThrow('ENOENT')
})

it('by device: an admin of no team administers, and logout ends it at the service', async () => {
  const root = await signedInBrowser(edge, 'root')
  const ended = await login(['--device'], code, (userCode) => approveDevice(root, userCode))
  expect(ended).toMatchObject({ code: 0 })
  expect(ended.stderr).toMatch('as signin/root (admin)')
  expect((await home.run(['teams', 'list'])).stdout).toMatch('checkout')
  // Two commands at once refresh one after the other: a refresh token that came twice would end the login.
  const { credentials } = JSON.parse(home.read('credentials.json'))
  credentials.default.accessTokens = {}
  home.write('credentials.json', { version: 1, credentials })
  const both = await Promise.all([home.run(['whoami']), home.run(['teams', 'list'])])
  expect(both.map((one) => one.code)).toEqual([0, 0])

  const kept = home.read('credentials.json')
  expect(await home.run(['logout'])).toMatchObject({ code: 0 })
  const restored = JSON.parse(kept)
  restored.credentials.default.accessTokens = {}
  home.write('credentials.json', restored)
  const after = await home.run(['whoami'])
  expect(after).toMatchObject({ code: 4, stdout: '' })
  expect(after.stderr).toMatch('The login has ended')
})

it('by device: what is denied ends with exit 4', async () => {
  const lin = await signedInBrowser(edge, 'lin')
  const ended = await login(['--device'], code, (userCode) => approveDevice(lin, userCode, 'deny'))
  expect(ended).toMatchObject({ code: 4, stdout: '' })
  expect(ended.stderr).toMatch('was not approved')
})
