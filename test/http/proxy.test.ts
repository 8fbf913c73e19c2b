import { describe, expect, test } from 'vitest'
import { Refusal } from '../../src/core/problems.ts'
import { fine, pipeline, problemOf } from './pipeline.ts'

const json = (status: number, body: unknown): Response => Response.json(body, { status })

describe('a call', () => {
  test('goes to the upstream with its credential, and comes back with our marks', async () => {
    const { call, sent, accounts } = pipeline()
    const response = await call('/open/things?a=1&b=%20')
    expect(sent.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET https://open.test/v1/things?a=1&b=%20',
    ])
    expect(sent[0]?.headers.get('authorization')).toBe('Bearer made-up-open-2')
    expect(sent[0]?.headers.get('x-origin')).toBe('edge')
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('fine')
    expect(response.headers.get('ratelimit-policy')).toBe('"all";q=100;w=1')
    expect(response.headers.get('countersign-request-id')).toMatch(/^[0-9a-f]{16}-[0-9a-z]{5}$/)
    expect(response.headers.has('countersign-error')).toBe(false)
    expect(accounts.diary).toEqual(['admit', 'commit', '2xx'])
  })

  test('to the name of the upstream alone is a call to its base URL', async () => {
    const { call, sent } = pipeline(fine)
    await call('/signed')
    await call('/signed/')
    expect(sent.map(({ url }) => url)).toEqual(['https://signed.test/', 'https://signed.test/'])
  })

  test('is never followed elsewhere by us', async () => {
    const { call, sent } = pipeline(
      () => new Response(null, { status: 307, headers: { location: 'https://x.test/' } }),
    )
    expect((await call('/open/things')).status).toBe(307)
    expect(sent).toHaveLength(1)
  })

  test('S02: goes where the configuration says, whatever names another place', async () => {
    const { call, sent } = pipeline()
    const headers = {
      host: 'evil.test',
      'x-forwarded-host': 'evil.test',
      'x-original-url': '/open/any/x',
      'x-rewrite-url': '/open/any/x',
      'x-forwarded-uri': '/open/any/x',
      'x-http-method-override': 'DELETE',
      'api-base': 'https://evil.test',
    }
    await call('/open/things?base_url=https://evil.test', { headers })
    expect(sent[0]?.url).toBe('https://open.test/v1/things?base_url=https://evil.test')
    expect(sent[0]?.method).toBe('GET')
    expect(JSON.stringify([...(sent[0]?.headers ?? [])])).not.toContain('evil')
  })

  test('P06: is matched by its path alone', async () => {
    const { call, sent } = pipeline()
    expect(await problemOf(await call('/open/admin?x=/things'))).toBe('route_not_allowed')
    expect(await problemOf(await call('/open/admin%23/things'))).toBe('route_not_allowed')
    expect(sent).toHaveLength(0)
  })
})

describe('what is checked first decides the answer', () => {
  /** In the order of section 2, and everything that comes after the permit; each is called with all later faults. */
  const faults = [
    'method_not_allowed',
    'path_invalid',
    'token_expired',
    'origin_not_allowed',
    'upstream_unknown',
    'route_not_allowed',
    'key_not_granted',
    'scope_insufficient',
    'team_suspended',
    'credential_unavailable',
    'body_too_large',
  ] as const

  const callWith = async (from: number) => {
    const wrong = (code: (typeof faults)[number]): boolean => faults.indexOf(code) >= from
    const made = pipeline()
    if (wrong('team_suspended')) made.accounts.refusals.push(new Refusal('team_suspended'))
    const upstream = wrong('upstream_unknown') ? 'nowhere' : 'open'
    const path = wrong('route_not_allowed') ? '/none' : '/things'
    const token = wrong('token_expired')
      ? 'expired'
      : wrong('scope_insufficient')
        ? 'checkout/open:read'
        : 'checkout'
    const response = await made.call(`/${upstream}${wrong('path_invalid') ? '/' : ''}${path}`, {
      method: wrong('method_not_allowed') ? 'PROPFIND' : 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-length': wrong('body_too_large') ? '1001' : '4',
        'countersign-key': wrong('key_not_granted')
          ? 'none'
          : wrong('credential_unavailable')
            ? 'gone'
            : 'main',
        ...(wrong('origin_not_allowed') ? { origin: 'https://other-shop.test' } : {}),
      },
      body: 'body',
    })
    return { ...made, response }
  }

  test.each(faults.map((code, index) => ({ code, index })))('$code wins over all later ones', async (row) => {
    const { response, sent } = await callWith(row.index)
    expect(await problemOf(response)).toBe(row.code)
    expect(sent).toHaveLength(0)
  })

  test('and with none of them wrong, it passes', async () => {
    const { response, sent } = await callWith(faults.length)
    expect(response.status).toBe(200)
    expect(sent).toHaveLength(1)
  })

  test.each(faults.slice(0, faults.indexOf('team_suspended')).map((code, index) => ({ code, index })))(
    '$code is told before any account is asked',
    async ({ index }) => {
      const { accounts } = await callWith(index)
      expect(accounts.diary).not.toContain('admit')
    },
  )
})

describe('P01: an upstream that is unknown or not yours', () => {
  test('is answered alike, down to the bytes, whatever its path form allows', async () => {
    const { call } = pipeline()
    const answers = await Promise.all(
      ['signed', 'nowhere', 'constructor', '__proto__', 'OPEN'].map(async (upstream) => {
        const response = await call(`/${upstream}/x`, { headers: { authorization: 'Bearer other' } })
        const { requestId, ...body } = (await response.json()) as Record<string, unknown>
        expect(requestId).toBe(response.headers.get('countersign-request-id'))
        const headers = [...response.headers].filter(([name]) => name !== 'countersign-request-id')
        return JSON.stringify({ status: response.status, headers, body })
      }),
    )
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain('upstream_unknown')
  })
})

describe('S05: a loop', () => {
  test.each(['edge.test', 'other, edge.test', 'EDGE.TEST; v=1', 'a;x=1 ,edge.test ; y'])(
    'is seen in CDN-Loop: %s',
    async (loop) => {
      const { call, accounts, sent } = pipeline()
      const response = await call('/open/things', { headers: { 'cdn-loop': loop } })
      expect(response.status).toBe(508)
      expect(await problemOf(response)).toBe('loop_detected')
      expect(accounts.diary).toEqual([])
      expect(sent).toHaveLength(0)
    },
  )

  test('is not seen in the names of others, which stay in front of ours', async () => {
    const { call, sent } = pipeline()
    await call('/open/things', { headers: { 'cdn-loop': 'not-edge.test, edge.test.example' } })
    expect(sent[0]?.headers.get('cdn-loop')).toBe('not-edge.test, edge.test.example, edge.test')
  })
})

describe('Countersign-Key', () => {
  test.each(['main, gone', 'a b', '', 'x'.repeat(65)])('that reads %j is header_invalid', async (key) => {
    const { call } = pipeline()
    expect(await problemOf(await call('/open/things', { headers: { 'countersign-key': key } }))).toBe(
      'header_invalid',
    )
  })
})

describe('an account', () => {
  test('is asked while the body is read, and what it refuses is told before what is wrong with the body', async () => {
    const { call, accounts, deps } = pipeline()
    accounts.refusals.push(new Refusal('rate_limited', { headers: { 'retry-after': '3' } }))
    const response = await call('/signed/x', { method: 'POST', body: 'x'.repeat(1_001) })
    expect(response.status).toBe(429)
    expect(response.headers.get('retry-after')).toBe('3')
    expect(accounts.diary).toEqual(['admit', 'refused checkout rate_limited'])
    expect(deps.buffers.taken).toBe(0)
  })

  test('gets its unit back when the key is not usable, or the body is wrong', async () => {
    const gone = pipeline()
    const noKey = await gone.call('/open/things', { headers: { 'countersign-key': 'gone' } })
    expect(await problemOf(noKey)).toBe('credential_unavailable')
    expect(gone.accounts.diary).toEqual(['admit', 'release', 'refused checkout credential_unavailable'])

    const large = pipeline()
    const tooLarge = await large.call('/signed/x', { method: 'POST', body: 'x'.repeat(1_001) })
    expect(await problemOf(tooLarge)).toBe('body_too_large')
    expect(large.accounts.diary).toEqual(['admit', 'release', 'refused checkout body_too_large'])
  })

  test('is told nothing of a team that only a token speaks of', async () => {
    const { call, accounts } = pipeline()
    const response = await call('/open/things', { headers: { authorization: 'Bearer made-up-team' } })
    expect(await problemOf(response)).toBe('token_invalid')
    expect(accounts.diary).toEqual([])
  })

  test('hears of a refusal of its team once, with the code', async () => {
    const { call, accounts } = pipeline()
    await call('/open/none')
    await call('/open/things', { headers: { authorization: 'Bearer expired' } })
    expect(accounts.diary).toEqual(['refused checkout route_not_allowed'])
  })
})

describe('section 8: a key that the upstream refuses', () => {
  const refusesFirst = (sent: { headers: Headers }): Response =>
    sent.headers.get('authorization') === 'Bearer made-up-open-2'
      ? json(401, { error: { code: 'INVALID_KEY' } })
      : json(200, {})

  test('is followed by its next version, once, with a unit of its own', async () => {
    const { call, sent, accounts, lines } = pipeline(refusesFirst)
    const response = await call('/open/things')
    expect(response.status).toBe(200)
    expect(sent.map(({ headers }) => headers.get('authorization'))).toEqual([
      'Bearer made-up-open-2',
      'Bearer made-up-open-1',
    ])
    expect(accounts.diary).toEqual(['admit', 'commit', '4xx', 'admit', 'commit', '2xx'])
    expect(lines[0]).toMatchObject({ version: 'OPEN_1', outcome: '2xx', status: 200 })
  })

  test('and again refused with the last version, stays refused', async () => {
    const { call, sent } = pipeline(() => json(401, { code: 'INVALID_KEY' }))
    const response = await call('/open/things')
    expect(response.status).toBe(401)
    expect(sent).toHaveLength(2)
    expect(await response.json()).toEqual({ code: 'INVALID_KEY' })
  })

  test('is not when the refusal is another one', async () => {
    const { call, sent } = pipeline(() => json(401, { code: 'INVALID_SIGNATURE' }))
    const response = await call('/open/things')
    expect(sent).toHaveLength(1)
    expect(await response.json()).toEqual({ code: 'INVALID_SIGNATURE' })
  })

  test('is not when the body went by unread', async () => {
    const { call, sent } = pipeline(refusesFirst)
    const init = { method: 'POST', body: 'x', headers: { 'content-length': '1' } }
    expect((await call('/open/things', init)).status).toBe(401)
    expect(sent).toHaveLength(1)
  })

  test('gives the second unit back when the second call cannot be made', async () => {
    const { call, sent, accounts } = pipeline(refusesFirst)
    let commits = 0
    accounts.onCommit = () => {
      commits += 1
      if (commits > 1) accounts.stale = Number.POSITIVE_INFINITY
    }
    expect(await problemOf(await call('/open/things'))).toBe('account_unavailable')
    expect(sent).toHaveLength(1)
    expect(accounts.diary.filter((event) => event === 'release')).toHaveLength(1)
  })

  test('leaves the first answer where there is no unit for a second', async () => {
    const { call, sent, accounts } = pipeline(refusesFirst)
    accounts.refusals.push(null, new Refusal('rate_limited'))
    const response = await call('/open/things')
    expect(response.status).toBe(401)
    expect(await response.json()).toEqual({ error: { code: 'INVALID_KEY' } })
    expect(sent).toHaveLength(1)
    expect(accounts.diary).toEqual(['admit', 'commit', '4xx', 'admit'])
  })
})

describe('M08: a refusal of the upstream', () => {
  test.each([401, 403])('%i passes as its own, with a link to what it means', async (status) => {
    const { call } = pipeline(
      () => new Response('{"code":"NO"}', { status, headers: { 'www-authenticate': 'Bearer realm="up"' } }),
    )
    const response = await call('/signed/x')
    expect(response.status).toBe(status)
    expect(response.headers.has('countersign-error')).toBe(false)
    expect(response.headers.has('www-authenticate')).toBe(false)
    expect(response.headers.get('link')).toBe('<https://edge.test/problems/upstream_refused>; rel="help"')
    expect(await response.text()).toBe('{"code":"NO"}')
  })
})

test('a call is handed to the runtime to outlive its client', async () => {
  const { call, waits } = pipeline()
  const response = await call('/open/things')
  expect(await waits[0]).toBe(response)
})

test('U01: a call whose client leaves waits no longer for the upstream', async () => {
  const client = new AbortController()
  const { call, lines } = pipeline(() => new Promise(() => {}))
  const answering = call('/open/things', { signal: client.signal })
  await new Promise((resolve) => setTimeout(resolve))
  client.abort()
  expect(await problemOf(await answering)).toBe('upstream_unreachable')
  expect(lines.at(-1)).toMatchObject({ outcome: 'aborted' })
})

test('U01: nothing is sent for a client that has left before', async () => {
  const client = new AbortController()
  const { promise: held, resolve: verified } = Promise.withResolvers<void>()
  const { verify } = pipeline().deps
  const { call, sent } = pipeline(undefined, { verify: (token, now) => held.then(() => verify(token, now)) })
  const answering = call('/open/things', { signal: client.signal })
  client.abort()
  verified()
  expect(await problemOf(await answering)).toBe('upstream_unreachable')
  expect(sent).toEqual([])
})

test('the second team of a deployment has its own grants: one scope here is not the other one there', async () => {
  const { call } = pipeline()
  const headers = { authorization: 'Bearer other' }
  expect((await call('/open/things', { headers })).status).toBe(200)
  const write = await call('/open/things', { method: 'POST', headers })
  expect(await problemOf(write)).toBe('scope_insufficient')
})
