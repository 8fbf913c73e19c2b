import { describe, expect, it } from 'vitest'
import { compileRoutes } from '../../src/core/route.ts'
import { parseSign } from '../../src/signing/index.ts'
import { beginsWithRefused } from '../../src/signing/secret.ts'
import type { UpstreamDefinition } from '../../src/upstreams/definition.ts'
import { onepin, plexicus, pluggedin, plugipay } from '../../src/upstreams/index.ts'

const keys = { live: 'API_LIVE', test: 'API_TEST' }

const catalogue: Readonly<Record<string, UpstreamDefinition>> = {
  onepin: onepin({ keys }),
  plexicus: plexicus({ keys, url: 'https://plexicus.example' }),
  pluggedin: pluggedin({ keys }),
  plugipay: plugipay({ keys }),
}

describe.each(Object.entries(catalogue))('%s', (_name, definition) => {
  it('signs with a scheme that exists, with options that it takes', () => {
    const faults: string[] = []
    parseSign({ ...definition.sign }, (path, message) => faults.push(`${path}: ${message}`))
    expect(faults).toEqual([])
  })

  it('has routes that compile', () => {
    const faults: string[] = []
    compileRoutes(Object.entries(definition.routes), ({ route, message }) =>
      faults.push(`${route}: ${message}`),
    )
    expect(faults).toEqual([])
    expect(Object.keys(definition.routes).length).toBeGreaterThan(0)
  })

  it('has an https base URL without a trailing slash, and plain data all through', () => {
    expect(definition.url).toMatch(/^https:\/\/[^/]+(?:\/.*[^/])?$/)
    expect(JSON.parse(JSON.stringify(definition))).toEqual(definition)
  })

  it('probes with a call that a route opens', () => {
    if (definition.probe === undefined) return
    const [method = '', target = ''] = definition.probe.split(' ')
    const routes = compileRoutes(Object.entries(definition.routes), ({ message }) => {
      throw new Error(message)
    })
    expect(routes.match(method, target.split('?')[0] ?? '')).not.toBeNull()
  })

  it('lets every field be overridden', () => {
    expect(plugipay({ keys, url: 'http://127.0.0.1:9', routes: {}, maxBodyBytes: 1 })).toMatchObject({
      url: 'http://127.0.0.1:9',
      routes: {},
      maxBodyBytes: 1,
    })
  })
})

describe('a live key in a test slot', () => {
  const { refusedPrefixes } = plugipay({ keys: { live: 'A', test: 'B', 'ci-test': 'C', latest: 'D' } })

  it('is refused in slots that are named after testing, and in no other', () => {
    expect(Object.keys(refusedPrefixes ?? {})).toEqual(['test', 'ci-test'])
  })

  it.each(['pk_live_1:sk_test_1', 'pk_test_1:sk_live_1', 'ak_live_1:x', ' pk_live_1:x'])(
    'is found in %s',
    (secret) => {
      expect(beginsWithRefused(secret, refusedPrefixes?.test ?? [])).toBe(true)
    },
  )

  it('is not found in a test key', () => {
    expect(beginsWithRefused('pk_test_live_1:sk_test_pk_live_', refusedPrefixes?.test ?? [])).toBe(false)
  })
})

it('plugipay lets no caller send the selectors that its signature does not cover', () => {
  expect(plugipay({ keys }).headers?.allow ?? []).toEqual([])
})
