import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Fake, makeJwt, type Received, type Reply, startFake } from '../client/fake-countersign.ts'
import { type Home, makeHome, type RunOptions } from './run-cli.ts'

let fake: Fake
let home: Home
let service: ReturnType<typeof peoplesSide>
beforeEach(async () => {
  fake = await startFake()
  home = makeHome()
  service = peoplesSide(fake)
})
afterEach(async () => {
  await fake.close()
  home.remove()
})

/** The people's side of the token service, as far as a login sees it. */
const peoplesSide = (of: Fake) => {
  const state = {
    /** The refresh token that is good now; each is good once. */
    refreshToken: '',
    reused: false,
    challenge: '',
    redirectUri: '',
    approval: {} as Readonly<Record<string, string>>,
    /** Answers of the polls, before the device is approved. */
    polls: [] as Reply[],
    granted: [] as Record<string, string>[],
  }
  const issue = (resource: string): Reply => {
    const token = makeJwt({ aud: resource, jti: of.received.length })
    of.valid.add(token)
    state.refreshToken = `refresh-${of.received.length}`
    return {
      body: {
        access_token: token,
        token_type: 'Bearer',
        expires_in: 600,
        refresh_token: state.refreshToken,
      },
    }
  }
  const refused = (error: string): Reply => ({ status: 400, body: { error } })
  const answerToken = (form: Readonly<Record<string, string>>): Reply => {
    state.granted.push({ ...form })
    switch (form['grant_type']) {
      case 'authorization_code': {
        const challenge = createHash('sha256')
          .update(form['code_verifier'] ?? '')
          .digest('base64url')
        const good = form['code'] === 'the-code' && challenge === state.challenge
        return good && form['redirect_uri'] === state.redirectUri
          ? issue(of.origin)
          : refused('invalid_grant')
      }
      case 'urn:ietf:params:oauth:grant-type:device_code':
        return state.polls.shift() ?? issue(form['resource'] ?? '')
      case 'refresh_token':
        if (form['refresh_token'] !== state.refreshToken) state.reused = true
        return state.reused ? refused('invalid_grant') : issue(form['resource'] ?? '')
    }
    return refused('unsupported_grant_type')
  }
  of.handle(({ target, body }: Received) => {
    const url = new URL(target, of.origin)
    if (url.pathname === '/oauth/authorize') {
      state.challenge = url.searchParams.get('code_challenge') ?? ''
      state.redirectUri = url.searchParams.get('redirect_uri') ?? ''
      const back = new URL(state.redirectUri)
      const answer = { code: 'the-code', ...state.approval, iss: of.origin }
      for (const [name, value] of Object.entries(answer)) back.searchParams.set(name, value)
      back.searchParams.set('state', url.searchParams.get('state') ?? '')
      return { status: 302, headers: { location: back.href } }
    }
    if (target === '/oauth/device_authorization') {
      return {
        body: {
          device_code: 'the-device-code',
          user_code: 'WDJB-MJHT',
          verification_uri: `${of.origin}/device`,
          expires_in: 600,
          interval: 0.05,
        },
      }
    }
    if (target === '/oauth/revoke') return { status: 200, body: {} }
    if (target !== '/oauth/token') return null
    const form = Object.fromEntries(new URLSearchParams(body))
    return form['grant_type']?.endsWith('token-exchange') ? null : answerToken(form)
  })
  return state
}

const log = () => join(home.path, 'browser.log')
const seen = () => (existsSync(log()) ? readFileSync(log(), 'utf8').trim().split('\n') : [])

/** The listener is closed, closing, or does not take a second answer. The browser may outlive the login. */
const nobody = expect.stringMatching(/^(404|ECONNREFUSED|ECONNRESET)$/)

const login = (args: readonly string[], env: RunOptions['env'] = {}) =>
  home.run(['login', '--url', fake.origin, ...args], {
    env: { BROWSER: resolve('test/cli/fake-browser.mjs'), FAKE_BROWSER_LOG: log(), ...env },
  })

const stored = () => JSON.parse(home.read('credentials.json')).credentials.default

describe('login with a browser', () => {
  it('prints the page, opens it, and keeps a session that it knows to be good', async () => {
    // L04: the browser is started without our token in its environment.
    const ended = await login([], { COUNTERSIGN_TOKEN: makeJwt({}) })
    expect(ended).toMatchObject({ code: 0, stdout: '' })
    await expect.poll(seen).toEqual([expect.anything(), '200'])
    const [page = ''] = seen()
    expect(ended.stderr).toMatch(page)
    expect(ended.stderr).toMatch(`Logged in to ${fake.origin} as token/1`)
    expect(Object.fromEntries(new URL(page).searchParams)).toEqual({
      response_type: 'code',
      client_id: 'countersign-cli',
      redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/callback$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      state: expect.stringMatching(/^[\w-]{43}$/),
    })
    expect(stored()).toMatchObject({ kind: 'session', url: fake.origin, secret: service.refreshToken })
    expect(Object.keys(stored().accessTokens)).toEqual(['administration'])
    expect(service.granted).toMatchObject([{ resource: `${fake.origin}/api` }])
  })

  it('gets a token for calls when one is needed, once for commands at the same time', async () => {
    await login([])
    const before = service.granted.length
    const ended = await Promise.all([1, 2, 3].map((number) => home.run(['call', `plugipay/${number}`])))
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0])
    expect(service.granted.slice(before)).toMatchObject([
      { grant_type: 'refresh_token', resource: fake.origin, client_id: 'countersign-cli' },
    ])
    expect(service.reused).toBe(false)
    expect(stored().secret).toBe(service.refreshToken)
  })

  it('that has ended asks for a new login: exit 4', async () => {
    await login([])
    fake.valid.clear()
    service.refreshToken = 'revoked meanwhile'
    const ended = await home.run(['call', 'plugipay/a'])
    expect(ended).toMatchObject({ code: 4 })
    expect(ended.stderr).toMatch('The login has ended')
  })

  it('replaces an earlier login, which is revoked', async () => {
    await login([])
    const first = stored().secret
    expect(await login([])).toMatchObject({ code: 0 })
    const [revocation] = fake.requestsTo('/oauth/revoke')
    expect(new URLSearchParams(revocation?.body).get('token')).toBe(first)
  })

  it('is revoked and removed by logout', async () => {
    await login([])
    const { secret } = stored()
    expect(await home.run(['logout'])).toMatchObject({ code: 0 })
    expect(new URLSearchParams(fake.requestsTo('/oauth/revoke')[0]?.body).get('token')).toBe(secret)
  })

  it('L06: a wrong state ends it; the right one has no second chance', async () => {
    const ended = await login([], { FAKE_BROWSER: 'wrong-state' })
    expect(ended).toMatchObject({ code: 4 })
    expect(ended.stderr).toMatch('does not belong to this login')
    await expect.poll(seen).toEqual([expect.anything(), '400', nobody])
    expect(service.granted).toEqual([])
    expect(existsSync(join(home.directory, 'credentials.json'))).toBe(false)
  })

  it.each(['wrong-issuer', 'no-issuer'])(
    'L06: an answer of another issuer, or of none, ends it: %s',
    async (answer) => {
      expect(await login([], { FAKE_BROWSER: answer })).toMatchObject({ code: 4 })
      expect(service.granted).toEqual([])
    },
  )

  it('L06: another Host is refused, also one that leads here, and the person still gets in', async () => {
    expect(await login([], { FAKE_BROWSER: 'other-host' })).toMatchObject({ code: 0 })
    await expect.poll(seen).toEqual([expect.anything(), '404', '404', '200'])
  })

  it('L06: another path is not an answer', async () => {
    expect(await login([], { FAKE_BROWSER: 'other-path' })).toMatchObject({ code: 0 })
    await expect.poll(seen).toEqual([expect.anything(), '404', '200'])
  })

  it('L06: a second request finds nobody', async () => {
    expect(await login([], { FAKE_BROWSER: 'twice' })).toMatchObject({ code: 0 })
    await expect.poll(seen).toEqual([expect.anything(), '200', nobody])
    expect(service.granted.filter(({ grant_type: type }) => type === 'authorization_code')).toHaveLength(1)
  })

  it('that is not approved says so: exit 4', async () => {
    service.approval = { error: 'access_denied', error_description: 'You said no.' }
    const ended = await login([])
    expect(ended).toMatchObject({ code: 4 })
    expect(ended.stderr).toMatch('The login was not approved: You said no.')
  })

  it('is events with --json', async () => {
    const { stdout, stderr } = await login(['--json'])
    const events = stdout.trim().split('\n')
    expect(events.map((line) => JSON.parse(line))).toMatchObject([
      { event: 'open', url: expect.stringMatching(`^${fake.origin}/oauth/authorize`) },
      { event: 'done', subject: 'token/1', team: 'checkout', profile: 'default' },
    ])
    expect(stderr).toBe('')
  })

  it('goes on when no browser can be opened: the page stands on the terminal', async () => {
    let opened = false
    const ended = await home.run(['login', '--url', fake.origin], {
      env: { BROWSER: '/does/not/exist' },
      onOutput: (text) => {
        const [, page] = /\n {2}(http:\S+)\n/.exec(text) ?? []
        if (page === undefined || opened) return
        opened = true
        void fetch(page)
      },
    })
    expect(ended).toMatchObject({ code: 0 })
  })
})

describe('login with a device', () => {
  it('shows a page and a code, waits until it is approved, and keeps a session', async () => {
    service.polls = [
      { status: 400, body: { error: 'authorization_pending' } },
      { status: 400, body: { error: 'authorization_pending' } },
    ]
    const ended = await login(['--device'])
    expect(ended).toMatchObject({ code: 0, stdout: '' })
    expect(ended.stderr).toMatch(`enter the code WDJB-MJHT:\n\n  ${fake.origin}/device\n`)
    expect(service.granted.map(({ grant_type: type }) => type?.split(':').at(-1))).toEqual([
      'device_code',
      'device_code',
      'device_code',
    ])
    expect(stored()).toMatchObject({ kind: 'session', secret: service.refreshToken })
    expect(seen()).toEqual([])
  })

  it.each([
    ['over SSH', { BROWSER: '', SSH_CONNECTION: '10.0.0.1 1 10.0.0.2 22', DISPLAY: ':0' }],
    ['without a display', { BROWSER: '' }],
  ])('is the way %s', async (_, env) => {
    const ended = await login([], env)
    expect(ended.stderr).toMatch('WDJB-MJHT')
  })

  it('is events with --json', async () => {
    const { stdout } = await login(['--device', '--json'])
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { event: 'code', userCode: 'WDJB-MJHT', verificationUri: `${fake.origin}/device` },
      { event: 'done', url: fake.origin },
    ])
  })

  it.each([
    ['access_denied', 4, 'was not approved'],
    ['expired_token', 6, 'not approved in time'],
    ['invalid_client', 4, 'invalid_client'],
  ])('ends at %s with exit %i', async (error, code, said) => {
    service.polls = [{ status: 400, body: { error } }]
    const ended = await login(['--device'])
    expect(ended).toMatchObject({ code })
    expect(ended.stderr).toMatch(said)
    expect(existsSync(join(home.directory, 'credentials.json'))).toBe(false)
  })

  it('ends with 130 at Ctrl-C and keeps nothing', async () => {
    service.polls = Array.from({ length: 1_000 }, () => ({
      status: 400,
      body: { error: 'authorization_pending' },
    }))
    const ended = await home.run(['login', '--url', fake.origin, '--device'], {
      onStart: async (pid) => {
        while (service.granted.length === 0) await new Promise((next) => setTimeout(next, 20))
        process.kill(pid, 'SIGINT')
      },
    })
    expect(ended).toMatchObject({ code: 130 })
    expect(existsSync(home.directory)).toBe(false)
  })
})
