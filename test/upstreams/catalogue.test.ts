import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { compileRoutes } from '../../src/core/route.ts'
import { parseSign } from '../../src/signing/index.ts'
import { beginsWithRefused } from '../../src/signing/secret.ts'
import { plugipay } from '../../src/upstreams/index.ts'
import { openKey } from '../signing/opened.ts'
import { signRequest, textBody } from '../signing/requests.ts'
import { definitions, recipeVectors } from './vectors.ts'

const keys = { live: 'API_LIVE', test: 'API_TEST' }

describe.each(Object.entries(definitions))('%s', (_name, definition) => {
  it('signs with a scheme that exists, with options that it takes', () => {
    const faults: string[] = []
    parseSign({ ...definition.sign }, (path, message) => faults.push(`${path}: ${message}`))
    expect(faults).toEqual([])
  })

  it('has routes that compile', () => {
    const faults: string[] = []
    compileRoutes(definition.routes, ({ route, message }) => faults.push(`${route}: ${message}`))
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
    const routes = compileRoutes(definition.routes, ({ message }) => {
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

describe('a recipe', () => {
  const cases = Object.entries(recipeVectors).flatMap(([name, vectors]) =>
    vectors.map((vector, index) => [`${name} ${index + 1} (${vector.from})`, name, vector] as const),
  )
  it.each(cases)('%s signs as the API expects', async (_title, name, vector) => {
    const definition = definitions[name as keyof typeof definitions]
    const key = await openKey(definition.sign, vector.secret)
    const request = signRequest({
      method: vector.method ?? 'GET',
      origin: definition.url,
      path: vector.path ?? '/',
      query: vector.query ?? '',
      headers: vector.headers ?? {},
      body: textBody(vector.body ?? ''),
    })
    const edits = await key.sign(request, { now: vector.now, nonce: () => vector.nonce ?? '' })
    expect(edits.set).toEqual(vector.set ?? [])
    expect(edits.query ?? []).toEqual(vector.added ?? [])
  })

  it('has a vector wherever it is an hmac recipe, and ten or more of them exist', () => {
    const recipes = Object.entries(definitions).filter(([, { sign }]) => sign.scheme === 'hmac')
    expect(Object.keys(recipeVectors).toSorted()).toEqual(recipes.map(([name]) => name).toSorted())
    expect(recipes.length).toBeGreaterThanOrEqual(10)
  })
})

describe('a catalogue file', () => {
  const folder = new URL('../../src/upstreams/', import.meta.url)
  const support = ['definition.ts', 'entry.ts', 'index.ts', 'rest.ts']
  const files = readdirSync(folder).filter((name) => !support.includes(name))
  const index = readFileSync(new URL('index.ts', folder), 'utf8')
  it.each(files)('%s says which keys it takes and where that is written, and stands in the index', (file) => {
    const text = readFileSync(new URL(file, folder), 'utf8')
    expect(text).toMatch(/\n \* Keys: \S/)
    expect(text).toMatch(/\n \* Source: \S/)
    expect(index).toContain(`'./${file}'`)
  })
})
