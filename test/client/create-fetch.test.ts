import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createFetch } from '../../src/client/create-fetch.ts'
import { CountersignError } from '../../src/client/error.ts'
import { type Fake, makeJwt, personalToken, problem, startFake } from './fake-countersign.ts'

let fake: Fake
let other: Fake
beforeEach(async () => {
  fake = await startFake()
  other = await startFake()
  other.handle(() => ({ body: 'elsewhere' }))
})
afterEach(() => Promise.all([fake.close(), other.close()]))

const make = (more: object = {}) => createFetch({ url: fake.origin, token: personalToken, ...more })
const exchanges = () => fake.requestsTo('/oauth/token')

describe('getting a token', () => {
  it('exchanges a personal token for calling and sends only the JWT with the call', async () => {
    const response = await make({ scope: 'plugipay:customer:read' })('/plugipay/api/v1/customers?limit=3')
    expect(response.status).toBe(200)
    expect(Object.fromEntries(new URLSearchParams(exchanges()[0]?.body))).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: personalToken,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      resource: fake.origin,
      scope: 'plugipay:customer:read',
    })
    const [call] = fake.requestsTo('/plugipay/api/v1/customers')
    expect(call?.target).toBe('/plugipay/api/v1/customers?limit=3')
    expect(call?.headers.authorization).toMatch(/^Bearer eyJ/)
    expect(JSON.stringify(call)).not.toContain(personalToken)
  })

  it('exchanges once for many calls at the same time', async () => {
    const fetch = make()
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => fetch(`/plugipay/${index}`)))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    expect(exchanges()).toHaveLength(1)
  })

  it('renews before the token ends, and goes on with the old one while the service is down', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => {
      vi.useRealTimers()
    })
    const fetch = make()
    await fetch('/plugipay/a')
    vi.setSystemTime(Date.now() + 539_000)
    await fetch('/plugipay/a')
    expect(exchanges()).toHaveLength(1)
    vi.setSystemTime(Date.now() + 2_000)
    let down = true
    fake.handle(({ target }) =>
      down && target === '/oauth/token' ? { status: 503, body: { error: 'temporarily_unavailable' } } : null,
    )
    expect((await fetch('/plugipay/b')).status).toBe(200)
    expect(exchanges()).toHaveLength(2)
    down = false
    vi.setSystemTime(Date.now() + 6_000)
    expect((await fetch('/plugipay/c')).status).toBe(200)
    expect(exchanges()).toHaveLength(3)
  })

  it('asks a tokenProvider again only when its JWT is about to end', async () => {
    let asked = 0
    const tokenProvider = async () => {
      asked += 1
      const token = makeJwt({ exp: Math.floor(Date.now() / 1000) + 300, asked })
      fake.valid.add(token)
      return token
    }
    const fetch = createFetch({ url: fake.origin, tokenProvider })
    await Promise.all([fetch('/plugipay/a'), fetch('/plugipay/b')])
    await fetch('/plugipay/c')
    expect(asked).toBe(1)
    expect(exchanges()).toHaveLength(0)
  })

  it('exchanges a JWT as a JWT when told to', async () => {
    const jwt = makeJwt({ iss: 'https://ci.acme.example' })
    fake.personalTokens.set(jwt, { team: 'checkout' })
    const fetch = createFetch({ url: fake.origin, tokenProvider: () => jwt, exchange: true })
    expect((await fetch('/plugipay/a')).status).toBe(200)
    expect(new URLSearchParams(exchanges()[0]?.body).get('subject_token_type')).toBe(
      'urn:ietf:params:oauth:token-type:jwt',
    )
  })

  it('calls nothing when the token speaks for another team', async () => {
    const call = make({ team: 'finance' })('/plugipay/a')
    await expect(call).rejects.toMatchObject({ name: 'CountersignError', code: 'team_mismatch' })
    expect(fake.requestsTo('/plugipay/a')).toHaveLength(0)
  })

  it('says why there is no token, without the token', async () => {
    const token = personalToken.replace('a', 'b')
    const error = await createFetch({ url: fake.origin, token })('/plugipay/a').catch((thrown) => thrown)
    expect(error).toBeInstanceOf(CountersignError)
    expect(error).toMatchObject({ code: 'invalid_request', status: 400 })
    expect(`${error.stack}${JSON.stringify(error)}`).not.toContain(token)
  })

  it.each([
    ['nothing', undefined],
    ['an empty text', ''],
    ['something else than a text', { value: 'a' }],
    ['two lines', 'cst_secret\nline'],
  ])('sends nothing when the tokenProvider gives %s, and says so without it', async (_, given) => {
    const tokenProvider = () => given as string
    for (const exchange of [false, true]) {
      const call = createFetch({ url: fake.origin, tokenProvider, exchange })('/plugipay/a')
      const error = await call.catch((thrown) => thrown)
      expect(error).toMatchObject({ name: 'CountersignError', code: 'token_malformed', status: 0 })
      expect(String(error.stack)).not.toContain('secret')
    }
    expect(fake.received).toEqual([])
  })

  it.each(['', 'eyJ\nsecret'])('takes %j for no token of a token service', async (access_token) => {
    fake.handle(({ target }) =>
      target === '/oauth/token' ? { body: { access_token, expires_in: 600 } } : null,
    )
    const error = await make()('/plugipay/a').catch((thrown) => thrown)
    expect(error).toMatchObject({ name: 'CountersignError', code: 'answer_invalid', status: 200 })
    expect(String(error.stack)).not.toContain('secret')
  })

  it('takes a token as it is read from a file, with its line break', async () => {
    const fetch = createFetch({ url: fake.origin, token: `${personalToken}\n` })
    expect((await fetch('/plugipay/a')).status).toBe(200)
  })

  it.each([
    [
      'throws',
      () => {
        throw new RangeError('not logged in')
      },
    ],
    ['rejects', () => Promise.reject(new RangeError('not logged in'))],
  ])('passes on what a tokenProvider %s, and asks it again for the next call', async (_, refuse) => {
    const jwt = makeJwt({ exp: Math.floor(Date.now() / 1000) + 300 })
    fake.valid.add(jwt)
    let asked = 0
    const tokenProvider = () => {
      asked += 1
      return asked === 1 ? refuse() : jwt
    }
    const fetch = createFetch({ url: fake.origin, tokenProvider })
    const both = [fetch('/plugipay/a'), fetch('/plugipay/b')]
    for (const call of both) await expect(call).rejects.toThrow(RangeError)
    expect((await fetch('/plugipay/c')).status).toBe(200)
    expect([asked, fake.received.length]).toEqual([2, 1])
  })

  it('tells an unreachable Countersign from one that refuses', async () => {
    await fake.close()
    await expect(make()('/plugipay/a')).rejects.toMatchObject({ code: 'unreachable', status: 0 })
  })
})

describe('a refused token', () => {
  const revokeAll = () => fake.valid.clear()

  it.each([
    ['text', 'text'],
    ['a form', new URLSearchParams({ a: 'b' })],
    ['bytes', new TextEncoder().encode('text')],
    ['no body', null],
  ])('is replaced, and the call made once more, when the body is %s', async (_, body) => {
    const fetch = make()
    await fetch('/plugipay/first')
    revokeAll()
    const answer = await fetch('/plugipay/a', { method: 'POST', body })
    expect(answer.status).toBe(200)
    const [one, two, ...more] = fake.requestsTo('/plugipay/a')
    expect(more).toHaveLength(0)
    expect(two?.body).toBe(one?.body)
    expect(two?.headers.authorization).not.toBe(one?.headers.authorization)
  })

  it('stays the answer when the body was a stream', async () => {
    const fetch = make()
    await fetch('/plugipay/first')
    revokeAll()
    const body = new Blob(['text']).stream()
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit
    expect((await fetch('/plugipay/a', init)).status).toBe(401)
    expect(fake.requestsTo('/plugipay/a')).toHaveLength(1)
    // The next call does not begin with a token that is known to be refused.
    expect((await fetch(new Request(`${fake.origin}/plugipay/b`, { ...init, body: 'x' }))).status).toBe(200)
    expect(fake.requestsTo('/plugipay/b')).toHaveLength(1)
  })

  it('is tried again at most once', async () => {
    fake.handle(({ target }) =>
      target.startsWith('/plugipay') ? problem(401, 'token_revoked', 'revoked') : null,
    )
    expect((await make()('/plugipay/a')).status).toBe(401)
    expect(fake.requestsTo('/plugipay/a')).toHaveLength(2)
  })

  it('stays the answer when no new one can be had, with its body unread', async () => {
    const fetch = make()
    await fetch('/plugipay/first')
    revokeAll()
    fake.personalTokens.clear()
    const answer = await fetch('/plugipay/a')
    expect(answer.status).toBe(401)
    expect(await answer.json()).toMatchObject({ code: 'token_revoked' })
  })

  it("is not looked for in an upstream's own 401", async () => {
    fake.handle(({ target }) => (target.startsWith('/plugipay') ? { status: 401, body: {} } : null))
    expect((await make()('/plugipay/a')).status).toBe(401)
    expect(fake.requestsTo('/plugipay/a')).toHaveLength(1)
  })
})

describe('where the token goes', () => {
  const seen = () => JSON.stringify(other.received)

  it('L05: calls of another origin go out as they are, without token and key', async () => {
    const answer = await make({ key: 'test' })(`${other.origin}/x`, { headers: { 'x-mine': '1' } })
    expect(await answer.text()).toBe('elsewhere')
    expect(other.received[0]?.headers).toMatchObject({ 'x-mine': '1' })
    expect(other.received[0]?.headers).not.toHaveProperty('authorization')
    expect(other.received[0]?.headers).not.toHaveProperty('countersign-key')
    expect(fake.received).toHaveLength(0)
  })

  it.each([
    ['https://edge.acme.example', 'https://edge.acme.example.evil.example/a'],
    ['https://edge.acme.example', 'https://edge.acme.example@evil.example/a'],
    ['https://edge.acme.example', '//evil.example/a'],
    ['https://edge.acme.example', '\\\\evil.example\\a'],
    ['https://edge.acme.example', 'https://edge.acme.example:8443/a'],
    ['https://edge.acme.example', 'http://edge.acme.example/a'],
  ])('L05: %s is not %s', async (url, target) => {
    const calls: RequestInit[] = []
    const fetch = createFetch({
      url,
      token: makeJwt({ exp: 9_999_999_999 }),
      fetch: async (_, init = {}) => {
        calls.push(init)
        return new Response('ok')
      },
    })
    await fetch(target)
    expect(new Headers(calls[0]?.headers).has('authorization')).toBe(false)
  })

  it.each([301, 302, 303, 307, 308])('L05: a %i to another host loses the token', async (status) => {
    fake.handle(({ target }) =>
      target === '/plugipay/a' ? { status, headers: { location: `${other.origin}/b` } } : null,
    )
    const headers = { 'countersign-key': 'live', cookie: 'a=b', 'x-mine': '1' }
    const answer = await make()('/plugipay/a', { method: 'POST', body: 'text', headers })
    expect(await answer.text()).toBe('elsewhere')
    expect(other.received[0]?.headers['x-mine']).toBe('1')
    expect(seen()).not.toMatch(/authorization|cookie|countersign-key|eyJ/)
    expect(other.received[0]).toMatchObject(
      status < 307 ? { method: 'GET', body: '' } : { method: 'POST', body: 'text' },
    )
  })

  it('L05: a redirect that comes back does not get the token again', async () => {
    other.handle(() => ({ status: 302, headers: { location: `${fake.origin}/plugipay/c` } }))
    fake.handle(({ target }) =>
      target === '/plugipay/a' ? { status: 302, headers: { location: `${other.origin}/b` } } : null,
    )
    expect((await make()('/plugipay/a')).status).toBe(401)
    expect(fake.requestsTo('/plugipay/c')[0]?.headers).not.toHaveProperty('authorization')
  })

  it('L05: the token endpoint redirecting elsewhere gets no second request', async () => {
    fake.handle(({ target }) =>
      target === '/oauth/token' ? { status: 307, headers: { location: `${other.origin}/t` } } : null,
    )
    await expect(make()('/plugipay/a')).rejects.toMatchObject({ status: 307 })
    expect(other.received).toHaveLength(0)
  })

  it('follows a redirect within Countersign with the token, and a loop to its end', async () => {
    fake.handle(({ target }) => {
      if (target === '/plugipay/a') return { status: 302, headers: { location: '/plugipay/b' } }
      return target === '/plugipay/loop' ? { status: 302, headers: { location: '/plugipay/loop' } } : null
    })
    const fetch = make()
    expect((await fetch('/plugipay/a')).status).toBe(200)
    await expect(fetch('/plugipay/loop')).rejects.toThrow('redirects')
    expect(fake.requestsTo('/plugipay/loop')).toHaveLength(21)
  })

  it('leaves redirects to a caller who asks for them', async () => {
    fake.handle(({ target }) =>
      target === '/plugipay/a' ? { status: 302, headers: { location: '/plugipay/b' } } : null,
    )
    expect((await make()('/plugipay/a', { redirect: 'manual' })).status).toBe(302)
  })

  it.each(['http://edge.acme.example', 'ftp://127.0.0.1', 'http://localhost.evil.example'])(
    'L07: refuses %s',
    (url) => {
      expect(() => createFetch({ url, token: personalToken })).toThrow('https://')
    },
  )

  it.each(['http://localhost:8787', 'http://127.0.0.1:8787', 'http://[::1]:8787/', 'https://edge.example'])(
    'L07: accepts %s',
    (url) => {
      expect(() => createFetch({ url, token: personalToken })).not.toThrow()
    },
  )
})

describe('the call itself', () => {
  it('is the same for a Request as for a URL', async () => {
    const request = new Request(`${fake.origin}/plugipay/a`, {
      method: 'PUT',
      body: 'text',
      headers: { authorization: "Bearer the-sdk's-own", 'content-type': 'text/plain' },
    })
    expect(await (await make({ key: 'test' })(request)).json()).toMatchObject({ method: 'PUT', body: 'text' })
    expect(fake.requestsTo('/plugipay/a')[0]?.headers).toMatchObject({
      'content-type': 'text/plain',
      'countersign-key': 'test',
      authorization: expect.stringMatching(/^Bearer eyJ/),
    })
  })

  it("leaves a call's own Countersign-Key", async () => {
    await make({ key: 'test' })('/plugipay/a', { headers: { 'Countersign-Key': 'live' } })
    expect(fake.requestsTo('/plugipay/a')[0]?.headers['countersign-key']).toBe('live')
  })

  it('is left at once by who aborts while its token is on the way, and by nobody else', async () => {
    let answerExchange = () => {}
    const exchanging = new Promise<null>((resolve) => {
      answerExchange = () => resolve(null)
    })
    fake.handle(({ target }) => (target === '/oauth/token' ? exchanging : null))
    const fetch = make()
    const leaving = new AbortController()
    const left = fetch('/plugipay/left', { signal: leaving.signal })
    const stays = fetch(new Request(`${fake.origin}/plugipay/stays`))
    const reason = new Error('no longer wanted')
    leaving.abort(reason)
    await expect(left).rejects.toBe(reason)
    answerExchange()
    expect((await stays).status).toBe(200)
    expect(fake.requestsTo('/plugipay/left')).toEqual([])
    expect(exchanges()).toHaveLength(1)
  })

  it('is not made when its signal is aborted', async () => {
    await expect(make()('/plugipay/a', { signal: AbortSignal.abort() })).rejects.toThrow('aborted')
    expect(fake.received).toHaveLength(0)
  })
})
