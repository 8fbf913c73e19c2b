import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Fake, makeJwt, personalToken, problem, startFake } from '../client/fake-countersign.ts'
import { type Home, loggedIn, makeHome } from './run-cli.ts'

let fake: Fake
let home: Home
beforeEach(async () => {
  fake = await startFake()
  home = makeHome()
  loggedIn(home, fake.origin, personalToken)
})
afterEach(async () => {
  await fake.close()
  home.remove()
})

const lastCall = () => fake.received.findLast(({ target }) => target !== '/oauth/token')

describe('a call', () => {
  it('prints what the upstream answers, and nothing else', async () => {
    fake.handle(({ target }) => (target.startsWith('/plugipay') ? { body: '{"data":[1]}' } : null))
    expect(await home.run(['call', 'plugipay/api/v1/customers?limit=3'])).toEqual({
      code: 0,
      stdout: '{"data":[1]}',
      stderr: '',
    })
    expect(lastCall()).toMatchObject({ method: 'GET', target: '/plugipay/api/v1/customers?limit=3' })
  })

  it('keeps the access token, so that the next call exchanges nothing', async () => {
    await home.run(['call', 'plugipay/a'])
    await home.run(['call', '/plugipay/b'])
    expect(fake.requestsTo('/oauth/token')).toHaveLength(1)
  })

  it('exchanges again when the kept token was revoked, and calls once more', async () => {
    await home.run(['call', 'plugipay/a'])
    fake.valid.clear()
    expect(await home.run(['call', 'plugipay/b', '-f', 'a=b'])).toMatchObject({ code: 0 })
    expect(fake.requestsTo('/plugipay/b').map(({ body }) => body)).toEqual(['{"a":"b"}', '{"a":"b"}'])
  })

  it('exchanges once for commands at the same time', async () => {
    const ended = await Promise.all([1, 2, 3].map((number) => home.run(['call', `plugipay/${number}`])))
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0])
    expect(fake.requestsTo('/oauth/token')).toHaveLength(1)
  })

  it('sends fields as JSON with POST, typed with -F and nested', async () => {
    writeFileSync(join(home.path, 'note.txt'), 'from a file')
    const fields = ['-f', 'name=Ada', '-f', 'zip=007', '-F', 'age=36', '-F', 'ok=true', '-F', 'none=null']
    const nested = ['-f', 'tags[]=a', '-f', 'tags[]=b', '-f', 'a[b][c]=d', '-f', '__proto__[x]=y']
    await home.run(['call', 'plugipay/a', ...fields, ...nested, '-F', 'note=@note.txt'])
    expect(lastCall()).toMatchObject({ method: 'POST', headers: { 'content-type': 'application/json' } })
    expect(lastCall()?.body).toBe(
      '{"name":"Ada","zip":"007","tags":["a","b"],"a":{"b":{"c":"d"}},"__proto__":{"x":"y"},"age":36,"ok":true,"none":null,"note":"from a file"}',
    )
  })

  it('sends fields of GET in the query', async () => {
    await home.run(['call', 'GET', 'plugipay/a?x=1', '-f', 'name=Ada L', '-F', 'limit=3'])
    expect(lastCall()).toMatchObject({
      method: 'GET',
      target: '/plugipay/a?x=1&name=Ada+L&limit=3',
      body: '',
    })
  })

  it('sends a file or stdin as the body, with headers, key and digest', async () => {
    writeFileSync(join(home.path, 'order.json'), '{"id":1}')
    const more = ['--key', 'test', '-H', 'Idempotency-Key: k1', '--digest']
    await home.run(['call', 'PUT', 'orders/orders', '--input', 'order.json', ...more])
    expect(lastCall()).toMatchObject({
      method: 'PUT',
      body: '{"id":1}',
      headers: {
        'countersign-key': 'test',
        'idempotency-key': 'k1',
        'content-length': '8',
        'content-digest': 'sha-256=:A3ySFO73TMOIfzpPCFtOF9digNr9JzsO4WDAnEuhz9Q=:',
      },
    })
    await home.run(['call', 'orders/orders', '--input', '-', '-H', 'Content-Type: text/plain'], {
      stdin: 'hi',
    })
    expect(lastCall()).toMatchObject({
      method: 'POST',
      body: 'hi',
      headers: { 'content-type': 'text/plain' },
    })
  })

  it('prints status and headers with --include', async () => {
    const { stdout } = await home.run(['call', 'plugipay/a', '--include'])
    expect(stdout).toMatch(/^HTTP 200 OK\n[\s\S]*content-type: application\/json\n[\s\S]*\n\n\{/)
  })

  it('is one JSON object with --json', async () => {
    fake.handle(({ target }) => (target.startsWith('/plugipay') ? { status: 201, body: { data: 1 } } : null))
    const { stdout, stderr } = await home.run(['call', 'plugipay/a', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ status: 201, answeredBy: 'plugipay', body: { data: 1 } })
    expect(stderr).toBe('')
  })

  it('streams: what came is printed before the answer ends', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    fake.handle(({ target }) =>
      target === '/plugipay/events' ? { chunks: ['data: 1\n\n', held, 'data: 2\n\n'] } : null,
    )
    const { stdout } = await home.run(['call', 'plugipay/events'], {
      onOutput: (text) => {
        if (text.includes('data: 1')) release()
      },
    })
    expect(stdout).toBe('data: 1\n\ndata: 2\n\n')
  })

  it('does not follow a redirect, and says so', async () => {
    fake.handle(({ target }) =>
      target === '/plugipay/a' ? { status: 302, headers: { location: '/plugipay/b' } } : null,
    )
    expect(await home.run(['call', 'plugipay/a'])).toMatchObject({
      code: 0,
      stderr: 'plugipay answered 302: /plugipay/b (not followed)\n',
    })
    expect(fake.requestsTo('/plugipay/b')).toHaveLength(0)
  })

  it('ends quietly when nobody reads on', async () => {
    fake.handle(({ target }) => (target === '/plugipay/a' ? { body: 'x\n'.repeat(2_000_000) } : null))
    const ended = await home.run(['call', 'plugipay/a'], { head: true })
    expect(ended).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('--paginate', () => {
  const pages = (reply: (cursor: string | null) => object) =>
    fake.handle(({ target }) => {
      const url = new URL(target, fake.origin)
      return url.pathname === '/plugipay/list' ? { ...reply(url.searchParams.get('cursor')) } : null
    })
  const targets = () => fake.requestsTo('/plugipay/list').map(({ target }) => target)

  it("follows Link by its query alone, whatever host the upstream's link names", async () => {
    pages((cursor) =>
      cursor === 'c2'
        ? { body: '[3]' }
        : {
            body: '[1,2]',
            headers: {
              link: '<https://api.example/first>; rel="first", <https://api.example/v1/list?cursor=c2&limit=2>; rel="next"',
            },
          },
    )
    const ended = await home.run(['call', 'plugipay/list?limit=2', '--paginate'])
    expect(ended).toEqual({ code: 0, stdout: '[1,2]\n[3]\n', stderr: '' })
    expect(targets()).toEqual(['/plugipay/list?limit=2', '/plugipay/list?cursor=c2&limit=2'])
  })

  it('follows a cursor in the answer, and ends where there is none', async () => {
    pages((cursor) => ({ body: { data: [cursor], meta: { nextCursor: cursor === null ? 'a b' : null } } }))
    const { stdout } = await home.run(['call', 'plugipay/list?limit=2', '--paginate'])
    expect(stdout.trim().split('\n')).toHaveLength(2)
    expect(targets()).toEqual(['/plugipay/list?limit=2', '/plugipay/list?limit=2&cursor=a+b'])
  })

  it('changes no byte of the pages', async () => {
    pages((cursor) => ({
      body: `["\u001b[31m\u202e"]${cursor === null ? '\n' : ''}`,
      headers: { link: cursor === null ? '<?cursor=c2>; rel=next' : '' },
    }))
    const { stdout } = await home.run(['call', 'plugipay/list', '--paginate'])
    expect(stdout).toBe('["\u001b[31m\u202e"]\n["\u001b[31m\u202e"]\n')
  })

  it('ends when the list leads back to a page that was seen', async () => {
    pages((cursor) => ({ body: { next: cursor === 'a' ? 'b' : 'a' } }))
    expect(await home.run(['call', 'plugipay/list', '--paginate'])).toMatchObject({ code: 0 })
    expect(targets()).toHaveLength(3)
  })
})

describe('a refusal', () => {
  it.each([
    [400, 'key_required', 1],
    [401, 'token_invalid', 4],
    [403, 'scope_insufficient', 4],
    [404, 'upstream_unknown', 5],
    [429, 'rate_limited', 6],
    [503, 'account_unavailable', 6],
    [500, 'config_invalid', 1],
  ])('of Countersign, %i %s, ends with its own words on stderr and exit %i', async (status, code, exit) => {
    fake.handle(({ target }) =>
      target.startsWith('/plugipay') ? problem(status, code, 'Do this instead.') : null,
    )
    const ended = await home.run(['call', 'plugipay/a'])
    expect(ended).toMatchObject({ code: exit, stdout: '' })
    expect(ended.stderr).toMatch(`countersign: ${status} ${code}: Do this instead.`)
    expect(ended.stderr).toMatch('(request 01FAKEREQUEST)')
  })

  it('comes with the page that explains its code, when it is one of ours', async () => {
    const page = 'https://edge.acme.example/problems/route_not_allowed'
    for (const [type, shown] of [
      [page, page],
      ['https://evil.example/\u001b[2J', null],
      [7, null],
    ] as const) {
      fake.handle(({ target }) =>
        target.startsWith('/plugipay') ? problem(403, 'route_not_allowed', 'No route.', { type }) : null,
      )
      const { stderr } = await home.run(['call', 'plugipay/a'])
      expect(stderr.includes(`${page} explains it.`)).toBe(shown !== null)
      expect(stderr).not.toMatch('evil')
      expect(JSON.parse((await home.run(['call', 'plugipay/a', '--json'])).stderr).error.page).toBe(shown)
    }
  })

  it('is told with the time to wait', async () => {
    const limited = problem(429, 'rate_limited', 'The limit all is used up. Try again in 7 s.')
    fake.handle(({ target }) =>
      target.startsWith('/plugipay')
        ? { ...limited, headers: { ...limited.headers, 'retry-after': '7' } }
        : null,
    )
    const { stderr } = await home.run(['call', 'plugipay/a'])
    expect(stderr.match(/Try again in 7 s\./g)).toHaveLength(1)
  })

  it.each([
    [401, 4],
    [404, 5],
    [409, 64],
    [429, 6],
    [422, 1],
    [500, 1],
  ])('of the upstream, %i, prints its body and says whose it is; exit %i', async (status, exit) => {
    fake.handle(({ target }) =>
      target.startsWith('/plugipay') ? { status, body: '{"error":"theirs"}' } : null,
    )
    const ended = await home.run(['call', 'plugipay/a'])
    expect(ended).toMatchObject({ code: exit, stdout: '{"error":"theirs"}' })
    expect(ended.stderr).toMatch(`plugipay answered ${status}. This is its own answer.`)
    expect(fake.requestsTo('/plugipay/a')).toHaveLength(1)
  })

  it('with --json is an object on stderr, and the answer one on stdout', async () => {
    fake.handle(({ target }) =>
      target.startsWith('/plugipay') ? problem(403, 'route_not_allowed', 'No route.') : null,
    )
    const { code, stdout, stderr } = await home.run(['call', 'plugipay/a', '--json'])
    expect(code).toBe(4)
    expect(JSON.parse(stdout)).toMatchObject({ status: 403, answeredBy: 'countersign' })
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'route_not_allowed', exitCode: 4, requestId: '01FAKEREQUEST' },
    })
  })

  it('of the personal token ends with exit 4 and no stack trace', async () => {
    fake.personalTokens.clear()
    const ended = await home.run(['call', 'plugipay/a'])
    expect(ended).toMatchObject({ code: 4, stdout: '' })
    expect(ended.stderr).toMatch(/gives no token: invalid_request[\s\S]*revoked, expired or mistyped/)
    expect(ended.stderr).not.toMatch(/\n\s+at /)
  })
})

describe('what is not sent', () => {
  const anywhere = () => fake.received.length

  it.each([
    ['https://evil.example/plugipay/a'],
    ['https://127.0.0.1.evil.example/plugipay/a'],
    ['http://127.0.0.1:1/plugipay/a'],
  ])('L05: a call of %s', async (target) => {
    const ended = await home.run(['call', target])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch('a token goes nowhere else')
    expect(anywhere()).toBe(0)
  })

  it('L05: a stored token, when --url names another Countersign', async () => {
    const other = await startFake()
    const ended = await home.run(['call', 'plugipay/a', '--url', other.origin])
    expect(ended).toMatchObject({ code: 3 })
    expect(ended.stderr).toMatch('its credential goes nowhere else')
    expect(other.received).toHaveLength(0)
    await other.close()
  })

  it('L05: a stored token, when the profile was bent to another host', async () => {
    const other = await startFake()
    home.write('config.json', {
      version: 1,
      current: 'default',
      profiles: { default: { url: other.origin } },
    })
    expect(await home.run(['call', 'plugipay/a'])).toMatchObject({ code: 3 })
    expect(other.received).toHaveLength(0)
    await other.close()
  })

  it.each(['http://edge.acme.example', 'http://localhost.evil.example:8787', 'ftp://127.0.0.1'])(
    'L07: anything to %s',
    async (url) => {
      const ended = await home.run(['call', 'plugipay/a', '--url', url], {
        env: { COUNTERSIGN_TOKEN: personalToken },
      })
      expect(ended).toMatchObject({ code: 2 })
      expect(ended.stderr).toMatch('must begin with https://')
    },
  )

  it.each([
    ['plugipay/../api/teams', 'form'],
    ['plugipay/a#b', 'form'],
    ['plugipay\\a', 'form'],
    ['api/teams', "Countersign's own"],
    ['/', 'Name an upstream'],
  ])('a path such as %s', async (path, said) => {
    const ended = await home.run(['call', path])
    expect(ended).toMatchObject({ code: 2 })
    expect(ended.stderr).toMatch(said)
    expect(anywhere()).toBe(0)
  })

  it.each([
    [['TRACE', 'plugipay/a'], 'not a method'],
    [['GET', 'plugipay/a', '--input', 'x'], 'has no body'],
    [['plugipay/a', '-f', 'novalue'], 'key=value'],
    [['plugipay/a', '-f', 'a=1', '-f', 'a[b]=2'], 'contradicts'],
    [['plugipay/a', '-H', 'nonsense'], 'Name: value'],
    [['plugipay/a', '-H', 'Authorization: Bearer x'], 'set by countersign itself'],
    [['plugipay/a', '--input', 'missing.json'], 'cannot be read'],
    [['POST', 'plugipay/a', '--paginate'], 'goes with GET'],
    [[], 'Name an upstream'],
    [['GET', 'plugipay/a', 'more'], 'too many arguments'],
    [['plugipay/a', '--nope'], 'unknown option'],
  ])('call %j, which is told as a usage error', async (args, said) => {
    const ended = await home.run(['call', ...args])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(said)
    expect(anywhere()).toBe(0)
  })

  it('a call of the admin key', async () => {
    const env = { COUNTERSIGN_TOKEN: 'an-admin-key-that-is-long-enough-to-be-one' }
    const ended = await home.run(['call', 'plugipay/a', '--url', fake.origin], { env })
    expect(ended).toMatchObject({ code: 2 })
    expect(ended.stderr).toMatch('it does not call')
    expect(anywhere()).toBe(0)
  })
})

describe('COUNTERSIGN_TOKEN', () => {
  it('comes before the profile, as a JWT that is sent as it is', async () => {
    const jwt = makeJwt({ exp: 9_999_999_999 })
    fake.valid.add(jwt)
    expect(await home.run(['call', 'plugipay/a'], { env: { COUNTERSIGN_TOKEN: jwt } })).toMatchObject({
      code: 0,
    })
    expect(lastCall()?.headers.authorization).toBe(`Bearer ${jwt}`)
    expect(fake.requestsTo('/oauth/token')).toHaveLength(0)
  })

  it('as a personal token is exchanged, and nothing of it is written', async () => {
    home.remove()
    const env = { COUNTERSIGN_TOKEN: personalToken, COUNTERSIGN_URL: fake.origin }
    expect(await home.run(['call', 'plugipay/a'], { env, cwd: '/' })).toMatchObject({ code: 0 })
    expect(() => home.read('credentials.json')).toThrow('ENOENT')
  })

  it('needs to be told for which Countersign it is', async () => {
    home.remove()
    const ended = await home.run(['call', 'plugipay/a'], {
      env: { COUNTERSIGN_TOKEN: personalToken },
      cwd: '/',
    })
    expect(ended).toMatchObject({ code: 2 })
    expect(ended.stderr).toMatch('Set COUNTERSIGN_URL too')
  })
})

describe('the network', () => {
  it('that breaks in the middle of an answer ends with exit 6, after what had come', async () => {
    fake.handle(({ target }) =>
      target === '/plugipay/a' ? { chunks: ['half'], headers: { 'content-length': '100' }, cut: true } : null,
    )
    const ended = await home.run(['call', 'plugipay/a'])
    expect(ended).toMatchObject({ code: 6, stdout: 'half' })
    expect(ended.stderr).toMatch('the connection broke')
  })

  it('that compresses all the same is decompressed', async () => {
    const body = gzipSync('{"a":1}')
    const headers = { 'content-encoding': 'gzip' }
    fake.handle(({ target }) => (target === '/plugipay/a' ? { headers, chunks: [body] } : null))
    expect(await home.run(['call', 'plugipay/a'])).toMatchObject({ code: 0, stdout: '{"a":1}' })
    expect(lastCall()?.headers).not.toHaveProperty('accept-encoding')
  })

  it('that is not there ends with exit 6', async () => {
    await fake.close()
    const ended = await home.run(['call', 'plugipay/a'])
    expect(ended).toMatchObject({ code: 6, stdout: '' })
    expect(ended.stderr).toMatch(`${fake.origin} cannot be reached: nothing listens there.`)
  })

  it('L04: --verbose says what went where and shows no token', async () => {
    const ended = await home.run(['call', 'plugipay/a?q=1', '--verbose'])
    expect(ended.stderr).toMatch(/^GET http:\/\/127\.0\.0\.1:\d+\/plugipay\/a: 200 in \d+ ms/)
    expect(ended.stderr).not.toMatch(/cst_|eyJ/)
  })

  it('L04: a token that was given in the wrong place is not repeated', async () => {
    const ended = await home.run(['call', 'plugipay/a', `--tokn=${personalToken}`])
    expect(ended).toMatchObject({ code: 2 })
    expect(ended.stderr + ended.stdout).not.toMatch(personalToken)
  })

  it('Ctrl-C ends with exit 130', async () => {
    fake.handle(({ target }) => (target === '/plugipay/slow' ? new Promise(() => {}) : null))
    const running = home.run(['call', 'plugipay/slow'], {
      env: { COUNTERSIGN_URL: fake.origin },
      onStart: async (pid) => {
        while (fake.requestsTo('/plugipay/slow').length === 0)
          await new Promise((next) => setTimeout(next, 20))
        process.kill(pid, 'SIGINT')
      },
    })
    expect(await running).toMatchObject({ code: 130 })
  })
})
