import { describe, expect, it } from 'vitest'
import type { Configuration, Upstream } from '../../../src/core/configuration.ts'
import { Refusal } from '../../../src/core/problems.ts'
import { compileRoutes } from '../../../src/core/route.ts'
import { KeyStore } from '../../../src/credentials/keys.ts'
import type { Administrator } from '../../../src/http/admin/authorize.ts'
import type { Administration } from '../../../src/http/admin/operations.ts'
import { administrationRoutes } from '../../../src/http/admin/routes.ts'
import { createNonce } from '../../../src/http/nonce.ts'
import { setTimer } from '../../../src/http/timer.ts'
import { parseSign } from '../../../src/signing/index.ts'

const secret = 'made-up-secret'

const upstream = (name: string, sign: object, encodedPath: 'refuse' | 'allow' = 'refuse'): Upstream => {
  const scheme = parseSign({ ...sign }, (path, message) => {
    throw new Error(`${path}: ${message}`)
  })
  if (scheme === null) throw new Error('unreachable')
  const key = (slot: string, version: string, refusedPrefixes: readonly string[] = []) =>
    [slot, { upstream: name, name: slot, versions: [version] as const, refusedPrefixes }] as const
  return {
    name,
    origin: 'https://api.example.com',
    host: 'api.example.com',
    basePath: '/base',
    barePath: '/base',
    scheme,
    keys: new Map([key('live', 'KEY'), key('broken', 'BROKEN'), key('missing', 'NOWHERE')]),
    headers: { allow: new Set(['x-note']), set: [['x-set', 'by-us']] },
    encodedPath,
    routes: compileRoutes({ '* /**': 'anything' }, () => {}),
  } as unknown as Upstream
}

const pay = upstream('pay', { scheme: 'plugipay' })

const upstreams = new Map([
  ['pay', pay],
  ['single', { ...pay, name: 'single', keys: new Map([...pay.keys].slice(0, 1)) }],
  ['narrow', { ...pay, name: 'narrow', routes: compileRoutes({ 'GET /v1/*': 'one:read' }, () => {}) }],
  [
    'note',
    upstream('note', {
      scheme: 'hmac',
      algorithm: 'sha256',
      string: [{ part: 'header', name: 'x-note' }],
      headers: { 'x-sign': [{ part: 'signature' }] },
    }),
  ],
  [
    'hook',
    upstream('hook', {
      scheme: 'hmac',
      algorithm: 'sha256',
      string: [{ part: 'body' }],
      headers: { 'x-sign': [{ part: 'signature' }] },
    }),
  ],
])

const admin: Administrator = {
  subject: 'admin-key',
  role: 'admin',
  team: null,
  scopes: [],
  expiresAt: null,
  grantId: null,
}

const ask = async (body: object, administrator: Administrator = admin): Promise<Record<string, unknown>> => {
  const routes = administrationRoutes(
    {
      config: { upstreams, host: 'edge.example.com' } as unknown as Configuration,
      keys: new KeyStore({
        setTimer,
        bindings: { KEY: `pk_live_1:${secret}`, BROKEN: `pk_live_1:${secret}\n` },
        now: () => 0,
      }),
      now: () => 1_700_000_000_000,
      nonce: createNonce((bytes) => crypto.getRandomValues(bytes)),
    } as Partial<Administration> as Administration,
    async () => administrator,
  )
  routes.onError((error) => {
    throw error
  })
  const answer = await routes.request('/api/explain', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  expect(text).not.toContain(secret)
  return JSON.parse(text)
}

const call = { upstream: 'pay', key: 'live', method: 'POST', path: '/v1/a?b=1' }
const bodySha256 = '93A23971A914E5EACBF0A8D25154CDA309C3C1C72FBB9914D47C60F3CB681588'

describe('POST /api/explain', () => {
  it('shows the string to sign of what would be sent, and masks the signature', async () => {
    const answer = await ask({ ...call, headers: { 'Idempotency-Key': 'once' }, bodySha256 })
    expect(answer).toMatchObject({
      upstream: 'pay',
      key: 'live',
      method: 'POST',
      url: 'https://api.example.com/base/v1/a?b=1',
      scheme: 'plugipay',
      stages: [
        {
          name: 'string to sign',
          text: `POST\n/base/v1/a?b=1\n1700000000\n${bodySha256.toLowerCase()}\nonce`,
        },
      ],
      headers: [{ name: 'authorization', value: expect.stringMatching(/masked/) }, {}],
    })
  })

  it('signs only headers that would be forwarded', async () => {
    const asked = { upstream: 'note', key: 'live', method: 'GET' }
    expect(await ask({ ...asked, headers: { 'x-note': 'a' } })).toMatchObject({ stages: [{ text: 'a' }] })
    expect(await ask(asked)).toMatchObject({
      stages: [],
      mistakes: [expect.stringContaining('Send the header x-note'), expect.anything()],
    })
  })

  it.each([
    ['GET', '/v1/a', false],
    ['HEAD', '/v1/a?b=1', false],
    ['POST', '/v1/a', true],
    ['GET', '/v1', true],
  ])('says first of %s %s whether no route lets it pass: %s', async (method, path, refused) => {
    const { stages, mistakes } = await ask({ upstream: 'narrow', key: 'live', method, path })
    expect(stages).toHaveLength(1)
    const first = expect.stringContaining(`No route of narrow matches ${method} and this path`)
    expect(mistakes).toEqual(refused ? [first, expect.anything()] : [expect.not.stringContaining('No route')])
  })

  it.each([
    ['broken', 'BROKEN: the secret has white space'],
    ['missing', 'NOWHERE: the binding is missing'],
  ])('says what is wrong with the key %s', async (key, fault) => {
    const { stages, mistakes } = await ask({ ...call, key })
    expect(stages).toEqual([])
    expect(mistakes).toEqual([expect.stringContaining(fault), expect.anything()])
  })

  it('says that a scheme which signs bytes needs them', async () => {
    const { mistakes } = await ask({ upstream: 'hook', key: 'live', method: 'POST', bodySha256 })
    expect(mistakes).toEqual([expect.stringContaining('empty body'), expect.anything(), expect.anything()])
  })

  it('takes the only key of an upstream where none is named, as a call does', async () => {
    const { key, stages } = await ask({ upstream: 'single', method: 'GET', path: '/v1' })
    expect([key, stages]).toEqual([
      'live',
      [{ name: 'string to sign', text: expect.stringMatching(/^GET\n/) }],
    ])
  })

  it('asks which key, where an upstream has several', async () => {
    const asked = ask({ upstream: 'pay', method: 'GET', path: '/v1' })
    await expect(asked).rejects.toMatchObject({
      code: 'key_required',
      detail: 'Name the key of pay: live, broken, missing.',
    })
  })

  it.each([
    [{ ...call, key: null }, 'request_invalid'],
    [{ ...call, key: '' }, 'request_invalid'],
    [{ ...call, upstream: 'nowhere' }, 'not_found'],
    [{ ...call, key: 'nowhere' }, 'not_found'],
    [{ ...call, key: '__proto__' }, 'not_found'],
    [{ ...call, method: 'TRACE' }, 'request_invalid'],
    [{ ...call, path: 'v1' }, 'request_invalid'],
    [{ ...call, path: '/../x' }, 'path_invalid'],
    [{ ...call, path: '/a%2fb' }, 'path_invalid'],
    [{ ...call, path: '//a' }, 'path_invalid'],
    [{ ...call, bodySha256: 'ab' }, 'request_invalid'],
    [{ ...call, headers: { 'a b': 'x' } }, 'request_invalid'],
    [{ ...call, headers: { a: 1 } }, 'request_invalid'],
    [{ ...call, secret: 'x' }, 'request_invalid'],
    [{}, 'request_invalid'],
  ])('refuses %j', async (body, code) => {
    await expect(ask(body)).rejects.toMatchObject({ name: 'Refusal', code })
  })

  it.each(['team-admin', 'member'] as const)('is not for the role %s', async (role) => {
    const asked = ask(call, { ...admin, role, team: 'checkout' })
    await expect(asked).rejects.toBeInstanceOf(Refusal)
    await expect(asked).rejects.toMatchObject({ code: 'scope_insufficient' })
  })
})
