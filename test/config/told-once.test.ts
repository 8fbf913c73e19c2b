/** Each mistake is told once, where it was made, with what to write instead: what only follows from it is not told. */
import { describe, expect, it } from 'vitest'
import { faultLines, faultsOf, issuer, sound, upstream } from './fixtures.ts'

type Data = Readonly<Record<string, unknown>>

const without = (data: Data, name: string): Data =>
  Object.fromEntries(Object.entries(data).filter(([one]) => one !== name))

const withUpstream = (changes: Data): Data => sound({ upstreams: { orders: upstream(changes) } })
const withTeam = (team: unknown): Data => sound({ teams: { checkout: team } })
const withGrant = (changes: Data): Data =>
  withTeam({ grants: { orders: { keys: ['main'], scopes: ['order:*'], ...changes } } })
const withIssuer = (changes: Data): Data => sound({ issuers: { acme: issuer(changes) } })
const hmac = (changes: Data): Data => ({
  scheme: 'hmac',
  algorithm: 'sha256',
  string: [{ part: 'method' }],
  headers: { 'x-signature': [{ part: 'signature' }] },
  ...changes,
})

const asksForUpstreams = 'a name for each upstream, with its settings'
const upstreamFields =
  'url, sign, keys, routes, headers, timeoutMs, uploadTimeoutMs, maxBodyBytes, maxBufferedBytes, encodedPath, keyRefused, refusedPrefixes, probe, disabled'

describe('one mistake, one line', () => {
  const mistakes: readonly (readonly [what: string, input: unknown, line: string])[] = [
    ['no upstreams', without(sound(), 'upstreams'), `upstreams: is missing: ${asksForUpstreams}`],
    ['upstreams as a list', sound({ upstreams: [] }), `upstreams: must be an object: ${asksForUpstreams}`],
    [
      'an upstream that is text',
      sound({ upstreams: { orders: 'https://orders.acme.example' } }),
      `upstreams.orders: must be an object: its fields are ${upstreamFields}`,
    ],
    [
      'no teams, while an issuer names them',
      without(withIssuer({ team: { claim: 'org', map: { a: 'checkout', b: 'search' } } }), 'teams'),
      'teams: is missing: a name for each team, with its grants',
    ],
    [
      'a grant of an unknown upstream',
      withTeam({ grants: { ordres: { keys: ['main'], scopes: ['*'] } } }),
      'teams.checkout.grants.ordres: there is no upstream "ordres"; known are orders',
    ],
    [
      'keys that are missing, while teams were granted some',
      withUpstream({ keys: undefined }),
      "upstreams.orders.keys: is missing: a name for each key, with its secret binding: { live: 'ACME_LIVE' }",
    ],
    [
      'keys as a list',
      withUpstream({ keys: [] }),
      "upstreams.orders.keys: must be an object: a name for each key, with its secret binding: { live: 'ACME_LIVE' }",
    ],
    ['no key at all', withUpstream({ keys: {} }), 'upstreams.orders.keys: must name at least one'],
    [
      'an unknown key that is also the default',
      withGrant({ keys: ['mian'], defaultKey: 'mian' }),
      'teams.checkout.grants.orders.keys[0]: orders has no such key; known are main, test',
    ],
    [
      'granted keys as text, with a default',
      withGrant({ keys: 'main', defaultKey: 'main' }),
      'teams.checkout.grants.orders.keys: must be an array: names of keys of this upstream',
    ],
    [
      'granted keys as an object',
      withGrant({ keys: {} }),
      'teams.checkout.grants.orders.keys: must be an array: names of keys of this upstream',
    ],
    [
      'prefixes of an unknown key that are no list either',
      withUpstream({ refusedPrefixes: { mian: 'sk_live_' } }),
      'upstreams.orders.refusedPrefixes.mian: there is no such key',
    ],
    [
      'a bad URL',
      withUpstream({ url: 'orders.acme.example' }),
      'upstreams.orders.url: must be a URL, such as https://api.acme.example',
    ],
    [
      'a required field in other letters',
      { ...without(sound(), 'url'), URL: 'https://edge.acme.example' },
      'URL: unknown field; write url',
    ],
    [
      'a required field without its last letter',
      sound({ upstreams: { orders: { ...without(upstream(), 'keys'), key: { main: 'A', test: 'B' } } } }),
      'upstreams.orders.key: unknown field; write keys',
    ],
    [
      'a required field with a letter left out',
      sound({ upstreams: { orders: { ...without(upstream(), 'routes'), routs: { 'GET /a': 'x' } } } }),
      'upstreams.orders.routs: unknown field; write routes',
    ],
    [
      'two routes with the same two methods',
      withUpstream({ routes: { 'GET|POST /a': 'x', 'POST|GET /a': 'y' } }),
      'upstreams.orders.routes["POST|GET /a"]: is as specific as "GET|POST /a"; which one decides would be chance',
    ],
    [
      'algorithms as an object',
      withIssuer({ algorithms: {} }),
      "issuers.acme.algorithms: must be an array: such as ['ES256']",
    ],
    [
      'a map of teams as a list',
      withIssuer({ team: { claim: 'org', map: [] } }),
      'issuers.acme.team.map: must be an object: values of the claim with the team of each',
    ],
    [
      'an unknown team that the issuer may speak for',
      withIssuer({ team: { claim: 'org', map: { a: 'checkout' } }, teams: ['chekout'] }),
      'issuers.acme.teams[0]: there is no team "chekout"; add it to teams',
    ],
    [
      'one of several issuers without its claim',
      sound({
        issuers: {
          a: issuer({ teams: ['checkout'] }),
          b: issuer({ issuer: 'https://b.acme.example', team: {} }),
        },
      }),
      'issuers.b.team.claim: is missing: the claim that names the team',
    ],
    [
      'dedicated as text, which a fixed team asks for',
      withIssuer({ team: { value: 'checkout' }, dedicated: 'yes' }),
      'issuers.acme.dedicated: must be true or false',
    ],
    [
      'redirect URIs as an object',
      sound({ clients: { shop: { redirectUris: {} } } }),
      'clients.shop.redirectUris: must be an array: exact redirect URIs',
    ],
    [
      'an option of a scheme that is no text',
      withUpstream({
        sign: { scheme: 'http-signatures', algorithm: 'ed25519', components: ['@method'], label: 7 },
      }),
      'upstreams.orders.sign.label: must be a text that is not empty',
    ],
    [
      'headers of a recipe that cannot be read',
      withUpstream({ sign: hmac({ headers: 'x-signature' }) }),
      'upstreams.orders.sign.headers: must be names with lists of parts',
    ],
    [
      'the part that would be the signature',
      withUpstream({ sign: hmac({ headers: { 'x-signature': [{ part: 'sign' }] } }) }),
      'upstreams.orders.sign.headers.x-signature[0].part: must be one of signature, passphrase, key-id, nonce, timestamp, body-digest',
    ],
  ]

  it.each(mistakes)('%s', (_what, input, line) => {
    expect(faultLines(input)).toEqual([line])
  })
})

describe('a sound configuration in which one value is wrong', () => {
  const whole = (): Data =>
    sound({
      issuers: {
        acme: issuer({
          team: { claim: 'org', map: { a: 'checkout' } },
          teams: ['checkout'],
          scopes: { claim: 'scope' },
          where: { repository: 'acme/shop' },
          typ: ['JWT'],
          use: ['call'],
        }),
        fixed: issuer({
          issuer: 'https://ci.acme.example',
          team: { value: 'checkout' },
          dedicated: true,
        }),
      },
      upstreams: {
        orders: upstream({
          headers: { allow: ['x-a'], set: { 'x-b': 'c' } },
          keyRefused: { status: 401, codes: ['INVALID_KEY'] },
          refusedPrefixes: { main: ['sk_'] },
          probe: 'GET /whoami',
          timeoutMs: 5,
        }),
        mac: upstream({ sign: hmac({}) }),
        minted: upstream({
          sign: { scheme: 'oauth-client-credentials', tokenUrl: 'https://login.acme.example/t', scope: 'a' },
        }),
        signed: upstream({
          sign: { scheme: 'http-signatures', algorithm: 'ed25519', components: ['@method'], tag: 'a' },
        }),
      },
      teams: {
        checkout: {
          grants: { orders: { keys: ['main', 'test'], defaultKey: 'main', scopes: ['order:*'] } },
          limits: [{ name: 'all', requests: 1, per: '1s', upstream: 'orders', methods: ['POST'] }],
          origins: ['https://shop.acme.example'],
        },
      },
      clients: { shop: { redirectUris: ['https://shop.acme.example/cb'] } },
      signIn: {
        issuer: 'https://login.acme.example',
        clientId: 'a',
        clientSecret: 'SIGN_IN_SECRET',
        team: { claim: 'team', map: { a: 'checkout' } },
        role: { claim: 'role', map: { ops: 'admin' } },
      },
      usage: { rollupMinutes: 5 },
    })

  type Place = readonly (string | number)[]

  const placesIn = (value: unknown, place: Place = []): readonly Place[] => [
    ...(place.length === 0 ? [] : [place]),
    ...(typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([name, one]) =>
          placesIn(one, [...place, Array.isArray(value) ? Number(name) : name]),
        )
      : []),
  ]

  const replaced = (place: Place, value: unknown): unknown => {
    const copy = structuredClone(whole()) as Record<string | number, unknown>
    const parent = place
      .slice(0, -1)
      .reduce<Record<string | number, unknown>>(
        (at, name) => at[name] as Record<string | number, unknown>,
        copy,
      )
    parent[place.at(-1) ?? ''] = value
    return copy
  }

  const pathOf = (place: Place): string =>
    place
      .map((name) => {
        if (typeof name === 'number') return `[${name}]`
        return /^[A-Za-z_$][\w$-]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
      })
      .join('')
      .replace(/^\./, '')

  it('is sound as it stands', () => expect(faultsOf(whole())).toEqual([]))

  it('says so there, or where that stands, and nowhere else, and once', () => {
    let faulty = 0
    for (const place of placesIn(whole())) {
      // None of these can stand in for names that other places refer to.
      for (const value of [null, 7, '', [], [7], true]) {
        const faults = faultsOf(replaced(place, value))
        const told = faults.map(({ path }) => path)
        const here = pathOf(place)
        expect(
          told.filter((path) => !path.startsWith(here) && !here.startsWith(path)),
          `${here} = ${JSON.stringify(value)}`,
        ).toEqual([])
        expect(new Set(told).size, `${here} = ${JSON.stringify(value)}: ${told.join(', ')}`).toBe(told.length)
        faulty += faults.length
      }
    }
    expect(faulty).toBeGreaterThan(500)
  })
})
