import { describe, expect, it } from 'vitest'
import { bodyBytesMax, bufferedBytesMax, timeoutMillisMax } from '../../src/core/limits.ts'
import { reservedSegments } from '../../src/core/reserved.ts'
import { parsed } from '../identity/fixtures.ts'
import { faultLines, faultPaths, sound, upstream } from './fixtures.ts'

const pathsWith = (changes: Readonly<Record<string, unknown>>): readonly string[] =>
  faultPaths(sound({ teams: {}, upstreams: { orders: upstream(changes) } }))
const ordersWith = (changes: Readonly<Record<string, unknown>>) =>
  parsed(sound({ teams: {}, upstreams: { orders: upstream(changes) } })).upstreams.get('orders')

describe('names of upstreams', () => {
  it('leave Countersign its own paths', () => {
    for (const name of reservedSegments)
      expect(faultLines(sound({ teams: {}, upstreams: { [name]: upstream() } }))[0]).toMatch(/is reserved/)
    expect(faultPaths(sound({ teams: {}, upstreams: { apis: upstream() } }))).toEqual([])
  })

  it('have 1 to 32 characters', () => {
    expect(faultPaths(sound({ teams: {}, upstreams: { ['a'.repeat(32)]: upstream() } }))).toEqual([])
    expect(faultPaths(sound({ teams: {}, upstreams: { ['a'.repeat(33)]: upstream() } }))).toHaveLength(1)
  })
})

describe('keys', () => {
  it('name bindings, never secrets', () => {
    expect(pathsWith({ keys: { a: 'A', b: ['_b2', 'B1'] } })).toEqual([])
    for (const wrong of ['', '1A', 'A-B', 'A B', 'a.b', 'sk_live_x:y', 1, null, {}])
      expect(pathsWith({ keys: { live: wrong } })).toEqual(['upstreams.orders.keys.live'])
    expect(pathsWith({ keys: { live: [] } })).toEqual(['upstreams.orders.keys.live'])
    expect(pathsWith({ keys: { live: ['A', 'A'] } })).toEqual(['upstreams.orders.keys.live[1]'])
    expect(pathsWith({ keys: { live: ['A', 'B-C'] } })).toEqual(['upstreams.orders.keys.live[1]'])
    expect(pathsWith({ keys: {} })).toEqual(['upstreams.orders.keys'])
    expect(pathsWith({ keys: undefined })).toEqual(['upstreams.orders.keys'])
  })

  it('never name a binding of our own, which would leave for the upstream', () => {
    for (const own of ['COUNTERSIGN_ADMIN_KEY', 'COUNTERSIGN_SIGNING_KEY', 'USAGE', 'ACCOUNTS', 'DIRECTORY'])
      expect(pathsWith({ keys: { live: own } })).toEqual(['upstreams.orders.keys.live'])
  })

  it('have names without what divides scopes and account names', () => {
    for (const wrong of ['a:b', 'a@b', 'a/b', 'a b', '', '__proto__'])
      expect(pathsWith({ keys: JSON.parse(`{${JSON.stringify(wrong)}:"A"}`) }), wrong).toHaveLength(1)
  })

  it('carry what their secret must not begin with', () => {
    const orders = ordersWith({ refusedPrefixes: { test: ['sk_live_'] } })
    expect(orders?.keys.get('test')?.refusedPrefixes).toEqual(['sk_live_'])
    expect(orders?.keys.get('main')?.refusedPrefixes).toEqual([])
    expect(pathsWith({ refusedPrefixes: { live: ['sk_live_'] } })).toEqual([
      'upstreams.orders.refusedPrefixes.live',
    ])
  })
})

describe('routes', () => {
  it('report every fault with the route as it was written', () => {
    const routes = {
      'GET /a': 'x',
      'GET /b': '',
      GET: 'x',
      'TRACE /c': 'x',
      'GET|POST /a': 'y',
      'GET /d': ['x'],
    }
    expect(pathsWith({ routes })).toEqual([
      'upstreams.orders.routes["GET /b"]',
      'upstreams.orders.routes.GET',
      'upstreams.orders.routes["TRACE /c"]',
      'upstreams.orders.routes["GET|POST /a"]',
      'upstreams.orders.routes["GET /d"]',
    ])
  })

  it('must be written down, even if none is open', () => {
    expect(pathsWith({ routes: undefined })).toEqual(['upstreams.orders.routes'])
    expect(pathsWith({ routes: {} })).toEqual([])
  })
})

describe('headers', () => {
  it.each([
    'authorization',
    'Authorization',
    'cookie',
    'Set-Cookie',
    'forwarded',
    'x-forwarded-for',
    'X-Forwarded-Proto',
    'cf-connecting-ip',
    'proxy-authorization',
    'countersign-key',
    'connection',
    'transfer-encoding',
    'te',
    'upgrade',
    'host',
    'content-length',
    'x_api_key',
    'via',
    'cdn-loop',
  ])('H01: can neither allow nor set %s', (name) => {
    expect(pathsWith({ headers: { allow: [name] } })).toEqual(['upstreams.orders.headers.allow[0]'])
    expect(pathsWith({ headers: { set: { [name]: 'x' } } })).toHaveLength(1)
  })

  it('H02: can neither allow nor set what the scheme sets', () => {
    const sign = { scheme: 'bearer' }
    expect(pathsWith({ sign, headers: { allow: ['AUTHORIZATION'] } })).toHaveLength(1)
    expect(pathsWith({ sign, headers: { set: { authorization: 'x' } } })).toHaveLength(1)
  })

  it.each([
    ['X-Api-Key', 'x.api.key'],
    ['X.Api.Key', 'x-api-key'],
    ['X.Api.Key', 'x.api-key'],
  ])('H04: can neither allow nor set what a server may take for the %s of the scheme: %s', (name, other) => {
    const sign = { scheme: 'header', name }
    expect(pathsWith({ sign, headers: { allow: [other] } })).toHaveLength(1)
    expect(pathsWith({ sign, headers: { set: { [other]: 'x' } } })).toHaveLength(1)
  })

  it.each(['X-Plugipay-On-Behalf-Of', 'x-plugipay-mode', 'x.plugipay.mode'])(
    'H05: for whom the key acts is set by configuration, never by a caller: %s',
    (name) => {
      const sign = { scheme: 'plugipay' }
      expect(pathsWith({ sign, headers: { allow: [name] } })).toEqual(['upstreams.orders.headers.allow[0]'])
      expect(pathsWith({ sign, headers: { set: { [name]: 'x' } } })).toEqual([])
      expect(pathsWith({ sign: { scheme: 'bearer' }, headers: { allow: [name] } })).toEqual([])
    },
  )

  it('are compared in lower case', () => {
    const orders = ordersWith({ headers: { allow: ['X-Acme-Trace'], set: { 'X-Acme-Origin': 'edge one' } } })
    expect(orders?.headers.allow).toEqual(new Set(['x-acme-trace']))
    expect(orders?.headers.set).toEqual([['x-acme-origin', 'edge one']])
  })

  it.each(['a\r\nb: c', 'a\nb', 'a\u0000', ' a', 'a ', '', 'é', 1, null, 'x'.repeat(1_025)])(
    'H09: refuse the value %j',
    (value) => expect(pathsWith({ headers: { set: { 'x-acme': value } } })).toHaveLength(1),
  )

  it('hold no secret that looks like one, and do not repeat it', () => {
    for (const value of ['Bearer made-up-4711', 'sk_live_4711', 'whsec_4711', 'op_live_4711']) {
      const lines = faultLines(
        sound({ teams: {}, upstreams: { orders: upstream({ headers: { set: { 'x-acme': value } } }) } }),
      )
      expect(lines).toHaveLength(1)
      expect(lines[0]).not.toContain('4711')
    }
  })

  it('may hold words that only resemble a secret', () => {
    for (const value of ['Basic plan', 'bearer of news', 'AKIA', 'pk'])
      expect(pathsWith({ headers: { set: { 'x-acme': value } } })).toEqual([])
  })

  it.each(['', 'a b', 'a:b', 'é', 1, null])('refuse the name %j', (name) =>
    expect(pathsWith({ headers: { allow: [name] } })).toEqual(['upstreams.orders.headers.allow[0]']),
  )
})

describe('bounds', () => {
  it.each([
    ['timeoutMs', 1, timeoutMillisMax],
    ['uploadTimeoutMs', 1, timeoutMillisMax],
    ['maxBodyBytes', 0, bodyBytesMax],
    ['maxBufferedBytes', 0, bufferedBytesMax],
  ])('%s goes from %d to %d', (field, min, max) => {
    for (const value of [min, max]) expect(pathsWith({ [field]: value })).toEqual([])
    for (const value of [min - 1, max + 1, min + 0.5, '1', null, Number.POSITIVE_INFINITY])
      expect(pathsWith({ [field]: value })).toEqual([`upstreams.orders.${field}`])
  })

  it('of other fields', () => {
    expect(pathsWith({ encodedPath: 'maybe' })).toEqual(['upstreams.orders.encodedPath'])
    expect(pathsWith({ disabled: 'yes' })).toEqual(['upstreams.orders.disabled'])
    expect(pathsWith({ probe: 'POST /x' })).toEqual(['upstreams.orders.probe'])
    expect(pathsWith({ keyRefused: { status: 200 } })).toEqual(['upstreams.orders.keyRefused.status'])
    expect(ordersWith({ keyRefused: { status: 410 } })?.keyRefused).toEqual({ status: 410, codes: [] })
  })
})

describe('teams', () => {
  const teamFaults = (team: unknown) => faultPaths(sound({ teams: { checkout: team } }))

  it('name keys that exist', () => {
    const grant = (changes: object) => ({ grants: { orders: { keys: ['main'], scopes: ['*'], ...changes } } })
    expect(teamFaults(grant({}))).toEqual([])
    expect(teamFaults(grant({ keys: ['main', 'live'] }))).toEqual(['teams.checkout.grants.orders.keys[1]'])
    expect(teamFaults(grant({ keys: ['__proto__'] }))).toEqual(['teams.checkout.grants.orders.keys[0]'])
    expect(teamFaults(grant({ keys: [] }))).toEqual(['teams.checkout.grants.orders.keys'])
    expect(teamFaults(grant({ defaultKey: 'test' }))).toEqual(['teams.checkout.grants.orders.defaultKey'])
    expect(teamFaults(grant({ scopes: ['a b'] }))).toEqual(['teams.checkout.grants.orders.scopes[0]'])
    expect(teamFaults(grant({ scopes: undefined }))).toEqual(['teams.checkout.grants.orders.scopes'])
  })

  it('share what is equal, and only that', () => {
    const grant = (keys: readonly string[]) => ({ grants: { orders: { keys, scopes: ['order:*'] } } })
    const teams = { a: grant(['main', 'test']), b: grant(['main', 'test']), c: grant(['main test']) }
    expect(faultPaths(sound({ teams }))).toEqual(['teams.c.grants.orders.keys[0]'])
    const config = parsed(sound({ teams: { a: teams.a, b: teams.b, c: grant(['test']) } }))
    const keysOf = (team: string) => config.teams.get(team)?.grants.get('orders')?.keys
    expect(keysOf('a')).toBe(keysOf('b'))
    expect([...(keysOf('c')?.keys() ?? [])]).toEqual(['test'])
  })

  it('have limits with one name each, sane numbers and times', () => {
    const limit = (changes: object) =>
      teamFaults({ limits: [{ name: 'all', requests: 1, per: '1s', ...changes }] })
    for (const per of ['1s', '10s', '1m', '1h', '1d', '31d']) expect(limit({ per })).toEqual([])
    for (const per of [
      '0s',
      '1',
      's',
      '1 s',
      '1w',
      '-1s',
      '1.5s',
      '01s',
      '32d',
      '9999999d',
      1,
      null,
      'constructor',
    ])
      expect(limit({ per }), String(per)).toEqual(['teams.checkout.limits[0].per'])
    for (const requests of [0, -1, 1.5, '1', Number.POSITIVE_INFINITY, null])
      expect(limit({ requests })).toEqual(['teams.checkout.limits[0].requests'])
    expect(limit({ burst: 0 })).toEqual(['teams.checkout.limits[0].burst'])
    expect(limit({ upstream: 'refunds' })).toEqual(['teams.checkout.limits[0].upstream'])
    expect(limit({ methods: ['OPTIONS'] })).toEqual(['teams.checkout.limits[0].methods[0]'])
    expect(limit({ methods: [] })).toEqual(['teams.checkout.limits[0].methods'])
    expect(limit({ mode: 'off' })).toEqual(['teams.checkout.limits[0].mode'])
    expect(limit({ name: 'a,b' })).toEqual(['teams.checkout.limits[0].name'])
    const same = { name: 'all', requests: 1, per: '1s' }
    expect(teamFaults({ limits: [same, same] })).toEqual(['teams.checkout.limits[1].name'])
  })

  it('are found faulty together with the upstream that they are granted, not because of it', () => {
    expect(
      faultPaths(sound({ upstreams: { orders: upstream({ url: 'http://orders.acme.example', sign: {} }) } })),
    ).toEqual(['upstreams.orders.url', 'upstreams.orders.sign.scheme'])
  })
})

describe('clients and sign-in', () => {
  it('take exact redirect URIs', () => {
    const client = (uri: unknown) => faultPaths(sound({ clients: { shop: { redirectUris: [uri] } } }))
    for (const uri of ['https://shop.acme.example/cb?x=1', 'http://localhost:1/cb'])
      expect(client(uri)).toEqual([])
    for (const uri of [
      'http://shop.acme.example/cb',
      'https://shop.acme.example/*',
      'https://a@shop.acme.example/',
      'https://shop.acme.example/#x',
      'shop:/cb',
      1,
    ])
      expect(client(uri)).toEqual(['clients.shop.redirectUris[0]'])
    expect(faultPaths(sound({ clients: { shop: { redirectUris: [] } } }))).toEqual([
      'clients.shop.redirectUris',
    ])
  })

  it.each(['countersign-cli', 'countersign-unnamed'])('T06: are not called %s, which is our own', (id) => {
    const clients = { [id]: { redirectUris: ['https://a.example/'] } }
    expect(faultPaths(sound({ clients }))).toEqual([`clients.${id}`])
  })

  it('map roles that exist', () => {
    const signIn = { issuer: 'https://login.acme.example', clientId: 'x', team: { claim: 'team' } }
    expect(faultPaths(sound({ signIn }))).toEqual([])
    expect(faultPaths(sound({ signIn: { ...signIn, role: { claim: 'r', map: { ops: 'root' } } } }))).toEqual([
      'signIn.role.map.ops',
    ])
    expect(faultPaths(sound({ signIn: { ...signIn, clientSecret: 'not a binding' } }))).toEqual([
      'signIn.clientSecret',
    ])
    expect(faultPaths(sound({ signIn: { ...signIn, issuer: 'http://login.acme.example' } }))).toEqual([
      'signIn.issuer',
    ])
    expect(faultPaths(sound({ usage: { rollupMinutes: 0 } }))).toEqual(['usage.rollupMinutes'])
    expect(faultPaths(sound({ usage: { rollupMinutes: 1_441 } }))).toEqual(['usage.rollupMinutes'])
  })
})
