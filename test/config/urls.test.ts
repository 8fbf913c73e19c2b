import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parsed } from '../identity/fixtures.ts'
import { faultPaths, issuer, sound, upstream } from './fixtures.ts'

interface Row {
  readonly id: string
  readonly raw: string
  readonly allow_as_upstream: boolean
}

const file = new URL('../../../shared/vectors/path-and-ssrf/upstream-urls.json', import.meta.url)
const rows = existsSync(file)
  ? (JSON.parse(readFileSync(file, 'utf8')) as { cases: readonly Row[] }).cases
  : null

const acceptsUpstream = (url: string): boolean =>
  faultPaths(sound({ upstreams: { orders: upstream({ url }) } })).length === 0
const acceptsJwks = (jwks: string): boolean =>
  faultPaths(sound({ issuers: { acme: issuer({ jwks }) } })).length === 0

/** We allow http on a loopback host; the vectors' rule does not. */
const loopback = new Set(['http://127.0.0.1/'])

describe.skipIf(rows === null)(
  `upstream-urls${rows === null ? ' (skipped: ../shared/vectors/path-and-ssrf is not here)' : ''}`,
  () => {
    for (const { id, raw, allow_as_upstream } of rows ?? []) {
      const allowed = allow_as_upstream || loopback.has(raw)
      it(`S04: ${id}: ${raw} is ${allowed ? 'accepted' : 'refused'} as an upstream and as a JWKS URL`, () => {
        expect(acceptsUpstream(raw)).toBe(allowed)
        expect(acceptsJwks(raw)).toBe(allowed)
      })
    }
  },
)

describe('upstream URLs', () => {
  it.each([
    'https://api.acme.example',
    'https://api.acme.example/',
    'https://api.acme.example:8443/v2/',
    'http://localhost:9001',
    'http://127.0.0.1:9001/base',
    'http://[::1]:9001',
    'https://127.0.0.1:9001',
  ])('S04: accepts %s', (url) => expect(acceptsUpstream(url)).toBe(true))

  it.each([
    ['https://api.acme.example', '', '/'],
    ['https://api.acme.example/', '', '/'],
    ['https://api.acme.example/v2', '/v2', '/v2'],
    ['https://api.acme.example/v2/', '/v2', '/v2/'],
  ])('%s puts paths behind %j, and leads by itself to %j', (url, basePath, barePath) => {
    const { upstreams } = parsed(sound({ upstreams: { orders: upstream({ url }) } }))
    expect(upstreams.get('orders')).toMatchObject({ basePath, barePath })
  })

  it.each([
    'https://169.254.169.254/latest',
    'https://[fd00:ec2::254]/',
    'https://0x7f.1/',
    'http://api.acme.example',
    'http://localhost.evil.example/',
    'http://127.0.0.1.evil.example/',
    'http://127.0.0.1@evil.example/',
    'https://@api.acme.example/',
    'https:/@api.acme.example/',
    'https:///@api.acme.example/',
    'https://api.acme.example/?',
    'https://api.acme.example/?a=1',
    'https://api.acme.example/#',
    'https://api.acme.example\\@evil.example/',
    ' https://api.acme.example',
    'https://api.acme.example/a b',
    'https://api.acme.example/a/../b',
    'https://api.acme.example//b',
    'https://api.acme.example/%2e%2e/b',
    'https://\u24db.example/',
    'javascript:alert(1)',
    '//api.acme.example',
    'api.acme.example',
    '',
  ])('S04: refuses %j', (url) => expect(acceptsUpstream(url)).toBe(false))
})

describe('origins', () => {
  const acceptsOrigin = (origin: string): boolean =>
    faultPaths(sound({ teams: { checkout: { origins: [origin] } } })).length === 0

  it.each(['https://shop.acme.example', 'https://shop.acme.example:8443', 'http://localhost:5173'])(
    'accepts %s',
    (origin) => expect(acceptsOrigin(origin)).toBe(true),
  )

  it.each([
    '*',
    'null',
    'https://*.acme.example',
    'https://shop.acme.example/',
    'https://shop.acme.example:443',
    'https://SHOP.acme.example',
    'http://shop.acme.example',
    'shop.acme.example',
  ])('refuses %s, which no browser sends or which names more than one', (origin) =>
    expect(acceptsOrigin(origin)).toBe(false),
  )
})
