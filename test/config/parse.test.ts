import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import { parsed } from '../identity/fixtures.ts'
import { faultLines, faultPaths, faultsOf, issuer, sound, upstream } from './fixtures.ts'

describe('a sound configuration', () => {
  it('is parsed with every default filled in', () => {
    const config = parsed(sound())
    expect(config.url).toBe('https://edge.acme.example')
    expect(config.host).toBe('edge.acme.example')
    expect(config.usage).toEqual({ rollupMinutes: 15 })
    expect(config.signIn).toBeNull()
    const acme = config.issuers.get('https://login.acme.example')
    expect(acme).toMatchObject({
      name: 'acme',
      audience: 'https://edge.acme.example',
      typ: new Set(['at+jwt']),
      maxLifetimeSeconds: 900,
      clockToleranceSeconds: 5,
      use: new Set(['call']),
      scopes: { kind: 'claim', claim: 'scope' },
      team: { kind: 'claim', claim: 'team', teams: null },
    })
    const orders = config.upstreams.get('orders')
    expect(orders).toMatchObject({
      origin: 'https://orders.acme.example',
      host: 'orders.acme.example',
      basePath: '/v2',
      barePath: '/v2',
      timeoutMs: 30_000,
      uploadTimeoutMs: 300_000,
      maxBodyBytes: 104_857_600,
      maxBufferedBytes: 1_048_576,
      encodedPath: 'refuse',
      keyRefused: null,
      probe: null,
      disabled: false,
    })
    expect(orders?.keys.get('main')?.versions).toEqual(['ORDERS_KEY_2', 'ORDERS_KEY_1'])
    expect(orders?.routes.match('HEAD', '/orders')?.scope).toBe('order:read')
    const grant = config.teams.get('checkout')?.grants.get('orders')
    expect(grant?.upstream).toBe(orders)
    expect(grant?.defaultKey).toBeNull()
  })

  it('has our own token service as an issuer only when there are signing keys', () => {
    expect(parsed(sound()).issuers.has('https://edge.acme.example')).toBe(false)
    const own = parsed(sound(), { signingKeys: true }).issuers.get('https://edge.acme.example')
    expect(own).toMatchObject({
      name: 'countersign',
      keys: { kind: 'own' },
      audience: 'https://edge.acme.example',
    })
    expect(own?.maxLifetimeSeconds).toBeGreaterThanOrEqual(600)
  })

  it('makes the only granted key the default, and leaves the choice among several to the caller', () => {
    const grant = (grants: unknown) =>
      parsed(sound({ teams: { checkout: { grants: { orders: grants } } } }))
        .teams.get('checkout')
        ?.grants.get('orders')
    expect(grant({ keys: ['test'], scopes: [] })?.defaultKey?.name).toBe('test')
    expect(grant({ keys: ['main', 'test'], scopes: [] })?.defaultKey).toBeNull()
    expect(grant({ keys: ['main', 'test'], defaultKey: 'main', scopes: [] })?.defaultKey?.name).toBe('main')
  })

  it('reads limits, and counts HEAD where GET is limited', () => {
    const limits = [
      { name: 'all', requests: 100, per: '1s', burst: 200 },
      { name: 'reads', requests: 5, per: '10m', upstream: 'orders', methods: ['GET'], mode: 'observe' },
    ]
    expect(parsed(sound({ teams: { checkout: { limits } } })).teams.get('checkout')?.limits).toEqual([
      {
        name: 'all',
        requests: 100,
        perMillis: 1_000,
        per: '1s',
        burst: 200,
        upstream: null,
        methods: null,
        mode: 'enforce',
      },
      {
        name: 'reads',
        requests: 5,
        perMillis: 600_000,
        per: '10m',
        burst: 5,
        upstream: 'orders',
        methods: new Set(['GET', 'HEAD']),
        mode: 'observe',
      },
    ])
  })

  it('gathers the origins of all teams', () => {
    const teams = {
      a: { origins: ['https://a.acme.example', 'http://localhost:3000'] },
      b: { origins: ['https://b.acme.example', 'https://a.acme.example'] },
    }
    expect([...parsed(sound({ teams })).origins]).toEqual([
      'https://a.acme.example',
      'http://localhost:3000',
      'https://b.acme.example',
    ])
  })

  it('reads clients, sign-in and usage', () => {
    const config = parsed(
      sound({
        clients: { shop: { redirectUris: ['https://shop.acme.example/cb', 'http://127.0.0.1:5173/cb'] } },
        signIn: {
          issuer: 'https://login.acme.example',
          clientId: 'countersign',
          clientSecret: 'SIGN_IN_SECRET',
          team: { claim: 'team' },
          role: { claim: 'role', map: { ops: 'admin', lead: 'team-admin' } },
        },
        usage: { rollupMinutes: 5 },
      }),
    )
    expect(config.clients.get('shop')?.redirectUris).toHaveLength(2)
    expect(config.signIn).toEqual({
      issuer: 'https://login.acme.example',
      clientId: 'countersign',
      clientSecret: 'SIGN_IN_SECRET',
      team: { claim: 'team', map: null },
      role: {
        claim: 'role',
        map: new Map([
          ['ops', 'admin'],
          ['lead', 'team-admin'],
        ]),
      },
    })
    expect(config.usage.rollupMinutes).toBe(5)
  })

  it('makes each team ready at its first use, and refuses one that is no longer what was checked', () => {
    const checkout: Record<string, unknown> = { origins: ['https://shop.acme.example'] }
    const pay: Record<string, unknown> = {}
    const config = parsed(sound({ teams: { checkout, pay } }))
    const first = config.teams.get('checkout')
    expect(config.teams.get('checkout')).toBe(first)
    pay['limits'] = 'none'
    expect(() => config.teams.get('pay')).toThrow(
      'the configuration of team pay has changed since it was read',
    )
    expect(config.teams.get('checkout')).toBe(first)
  })

  it('P07: looks names up by themselves, also when they are those of Object.prototype', () => {
    const config = parsed(
      sound({
        upstreams: { constructor: upstream(), valueof: upstream() },
        teams: { constructor: { grants: { constructor: { keys: ['main'], scopes: ['*'] } } } },
      }),
    )
    expect(config.teams.get('constructor')?.grants.get('constructor')?.upstream.name).toBe('constructor')
    expect(config.teams.get('__proto__')).toBeUndefined()
    expect(config.upstreams.get('toString')).toBeUndefined()
  })
})

describe('faults', () => {
  it('are reported all at once, each with its path and the fix', () => {
    const lines = faultLines({
      url: 'https://edge.acme.example/',
      issuers: { acme: issuer({ algorithms: ['HS256'], jwks: 'http://login.acme.example/jwks' }) },
      upstreams: { api: upstream({ keys: { live: 'sk-live-1' }, timeoutMS: 5 }) },
      teams: {
        Checkout: { grants: { orders: { keys: [], scopes: 'all' } } },
        pay: { limits: [{ name: 'all', requests: 0, per: '1 s' }] },
      },
      logs: true,
    })
    expect(lines).toEqual([
      'logs: unknown field; known are url, issuers, upstreams, teams, clients, signIn, usage',
      'url: must be exactly an origin, without path or trailing slash: https://edge.acme.example',
      expect.stringMatching(/^upstreams\.api: is reserved/),
      'upstreams.api.timeoutMS: unknown field; write timeoutMs',
      expect.stringMatching(/^upstreams\.api\.keys\.live: must be the name of a secret binding/),
      expect.stringMatching(/^teams\.Checkout: is not a name/),
      'teams.Checkout.grants.orders: there is no upstream "orders"; known are api',
      'teams.pay.limits[0].requests: must be a whole number of requests from 1 to 1000000000',
      expect.stringMatching(/^teams\.pay\.limits\[0\]\.per: must be a number with s, m, h or d/),
      expect.stringMatching(/^issuers\.acme\.jwks: must begin with https/),
      expect.stringMatching(/^issuers\.acme\.algorithms\[0\]: must be one of ES256/),
    ])
  })

  it('never repeat a value that may be a secret written into the wrong place', () => {
    const lines = faultLines(
      sound({
        upstreams: {
          orders: upstream({ keys: { main: 'made-up-secret-4711', test: ['also made up 4711'] } }),
        },
      }),
    )
    expect(lines.length).toBeGreaterThan(0)
    expect(lines.join('\n')).not.toContain('4711')
  })

  it.each([undefined, null, 1, 'x', [], () => 1])('name the whole where it is not an object: %s', (input) => {
    expect(faultsOf(input)[0]?.path).toBe('')
  })

  it('P07: are given for names with a meaning elsewhere, whatever the object is made of', () => {
    for (const name of [
      '__proto__',
      'a:b',
      '../b',
      '%2e',
      'A',
      'a\u0000',
      'a'.repeat(600),
      '',
      '1a',
      'a_b',
      '-',
    ]) {
      const teams = JSON.parse(`{${JSON.stringify(name)}: {}}`) as unknown
      expect(faultPaths(sound({ teams })), name).toHaveLength(1)
      const upstreams = JSON.parse(`{${JSON.stringify(name)}: ${JSON.stringify(upstream())}}`) as unknown
      expect(faultPaths(sound({ teams: {}, upstreams })), name).toHaveLength(1)
    }
  })

  it('P07: are given for an object with a prototype of its own, which would hide fields from the check', () => {
    expect(faultPaths(sound({ teams: { checkout: { __proto__: { origins: ['*'] } } } }))).toEqual([
      'teams.checkout',
    ])
  })

  it('P05: are given for unknown fields at every level', () => {
    const extra = { surprise: 1 }
    const paths = faultPaths({
      ...sound(),
      ...extra,
      issuers: {
        acme: issuer({ ...extra, team: { claim: 'team', ...extra }, scopes: { claim: 'scope', ...extra } }),
      },
      upstreams: {
        orders: upstream({
          ...extra,
          sign: { scheme: 'bearer', ...extra },
          headers: { ...extra },
          keyRefused: { status: 401, ...extra },
        }),
      },
      teams: {
        checkout: {
          ...extra,
          grants: { orders: { keys: ['main'], scopes: [], ...extra } },
          limits: [{ name: 'all', requests: 1, per: '1s', ...extra }],
        },
      },
      clients: { shop: { redirectUris: ['https://shop.acme.example/cb'], ...extra } },
      signIn: {
        issuer: 'https://login.acme.example',
        clientId: 'x',
        team: { claim: 'team', ...extra },
        ...extra,
      },
      usage: { ...extra },
    })
    expect(paths.toSorted()).toEqual(
      [
        'surprise',
        'issuers.acme.surprise',
        'issuers.acme.team.surprise',
        'issuers.acme.scopes.surprise',
        'upstreams.orders.surprise',
        'upstreams.orders.sign.surprise',
        'upstreams.orders.headers.surprise',
        'upstreams.orders.keyRefused.surprise',
        'teams.checkout.surprise',
        'teams.checkout.grants.orders.surprise',
        'teams.checkout.limits[0].surprise',
        'clients.shop.surprise',
        'signIn.surprise',
        'signIn.team.surprise',
        'usage.surprise',
      ].toSorted(),
    )
  })
})

describe('anything at all', () => {
  it('is parsed or refused with paths and messages, and never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (input) => {
        const result = parseConfig(input, { signingKeys: true })
        expect('faults' in result && result.faults.length > 0).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it.each([{ toString: 1, valueOf: 1 }, Object.create(null), [{ toString: null }]])(
    'as the period of a limit is a fault of it, also when it has no text: %j',
    (per) => {
      const limits = [{ name: 'all', requests: 1, per }]
      const checkout = { grants: {}, limits }
      expect(faultPaths(sound({ teams: { checkout } }))).toEqual(['teams.checkout.limits[0].per'])
    },
  )

  it('in the place of any one field is parsed or refused, and a fault names a place at or near it', () => {
    const places = [
      ['url'],
      ...['issuer', 'jwks', 'algorithms', 'audience', 'team', 'scopes', 'where', 'typ', 'use', 'teams'].map(
        (field) => ['issuers', 'acme', field],
      ),
      ...[
        'url',
        'sign',
        'keys',
        'routes',
        'headers',
        'timeoutMs',
        'keyRefused',
        'refusedPrefixes',
        'probe',
      ].map((field) => ['upstreams', 'orders', field]),
      ...['grants', 'limits', 'origins'].map((field) => ['teams', 'checkout', field]),
      ['teams', 'checkout', 'grants', 'orders', 'keys'],
      ['teams', 'checkout', 'grants', 'orders', 'scopes'],
      ['clients'],
      ['signIn'],
      ['usage'],
    ]
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.jsonValue({ maxDepth: 4 }), (place, value) => {
        const input = structuredClone(sound())
        let at: Record<string, unknown> = input
        for (const name of place.slice(0, -1)) at = at[name] as Record<string, unknown>
        at[place.at(-1) ?? ''] = value
        const result = parseConfig(input, { signingKeys: false })
        if (!('faults' in result)) return
        expect(result.faults.length).toBeGreaterThan(0)
        for (const { path, message } of result.faults) {
          expect(path).not.toBe('')
          expect(message).not.toBe('')
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
