/** docs/configuration.md, checked against the parser: fields, defaults, bounds, examples. */
import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import { reservedSegments } from '../../src/core/reserved.ts'
import * as catalogue from '../../src/upstreams/index.ts'
import { faultPaths, faultsOf, issuer, upstream } from './fixtures.ts'

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')

interface Row {
  readonly field: string
  readonly fallback: string
  readonly bounds: string
}

/** The rows of the first table below a heading; fields stand in backquotes. */
const tableBelow = (heading: string): readonly Row[] => {
  const section = page.split(/^#{2,3} /m).find((text) => text.startsWith(`${heading}\n`))
  if (section === undefined) throw new Error(`there is no section ${heading}`)
  const rows = section.split('\n').filter((line) => line.startsWith('| `'))
  return rows.map((line) => {
    const [field = '', , fallback = '', bounds = ''] = line
      .split('|')
      .slice(1)
      .map((cell) => cell.trim())
    return { field: field.replaceAll('`', ''), fallback, bounds }
  })
}

/** A configuration in which every object of the format is there once. */
const everything = (): Record<string, unknown> => ({
  url: 'https://edge.acme.example',
  issuers: { acme: issuer({ scopes: { claim: 'scope' } }) },
  upstreams: { orders: upstream({ headers: {}, keyRefused: {} }) },
  teams: {
    checkout: {
      grants: { orders: { keys: ['main'], scopes: [] } },
      limits: [{ name: 'all', requests: 1, per: '1s' }],
    },
  },
  clients: { shop: { redirectUris: ['https://shop.acme.example/cb'] } },
  signIn: {
    issuer: 'https://login.acme.example',
    clientId: 'x',
    team: { claim: 'team' },
    role: { claim: 'role', map: {} },
  },
  usage: {},
})

/** Headings with the place in `everything` that each is about. */
const places: Readonly<Record<string, readonly (string | number)[]>> = {
  'All of it': [],
  '`issuers.<name>`': ['issuers', 'acme'],
  '`issuers.<name>.team`': ['issuers', 'acme', 'team'],
  '`issuers.<name>.scopes`': ['issuers', 'acme', 'scopes'],
  '`upstreams.<name>`': ['upstreams', 'orders'],
  '`upstreams.<name>.headers`': ['upstreams', 'orders', 'headers'],
  '`upstreams.<name>.keyRefused`': ['upstreams', 'orders', 'keyRefused'],
  '`teams.<name>`': ['teams', 'checkout'],
  '`teams.<name>.grants.<upstream>`': ['teams', 'checkout', 'grants', 'orders'],
  '`teams.<name>.limits[]`': ['teams', 'checkout', 'limits', 0],
  '`clients.<id>`': ['clients', 'shop'],
  '`signIn`': ['signIn'],
  '`signIn.team`': ['signIn', 'team'],
  '`signIn.role`': ['signIn', 'role'],
  '`usage`': ['usage'],
}

type Settable = Record<string | number, unknown>

const at = (config: unknown, place: readonly (string | number)[]): Settable =>
  place.reduce<unknown>((value, name) => (value as Settable)[name], config) as Settable

const withField = (place: readonly (string | number)[], field: string, value: unknown): unknown => {
  const config = everything()
  at(config, place)[field] = value
  return config
}

const numberOf = (text: string): number => Number(text.replaceAll(',', ''))

describe('docs/configuration.md', () => {
  it('starts from a configuration without a fault', () => expect(faultsOf(everything())).toEqual([]))

  it.each(Object.entries(places))('names the fields of %s, all and no other', (heading, place) => {
    const known = faultsOf(withField(place, 'surprise', 1))
      .map(({ message }) => /^unknown field; known are (.*)$/.exec(message)?.[1])
      .find((list) => list !== undefined)
    const documented = tableBelow(heading).map(({ field }) => field)
    expect(documented.toSorted()).toEqual(known?.split(', ').toSorted())
  })

  it('has no section of fields that is not checked here', () => {
    const headings = [...page.matchAll(/^### (`.*`)$/gm)].map(([, heading]) => heading)
    expect(headings.toSorted()).toEqual(
      Object.keys(places)
        .filter((name) => name.startsWith('`'))
        .toSorted(),
    )
  })

  it.each(Object.entries(places))('says which fields of %s are required', (heading, place) => {
    for (const { field, fallback } of tableBelow(heading)) {
      const faults = faultPaths(withField(place, field, undefined))
      if (fallback.startsWith('required')) expect(faults, field).not.toEqual([])
      else expect(faults, field).toEqual([])
    }
  })

  it.each(Object.entries(places))('gives the bounds of %s, inclusive', (heading, place) => {
    for (const { field, bounds } of tableBelow(heading)) {
      const [, low, high] = /^([\d,]+) to ([\d,]+)$/.exec(bounds) ?? []
      if (low === undefined || high === undefined) continue
      const [min, max] = [numberOf(low), numberOf(high)]
      for (const value of [min, max])
        expect(faultPaths(withField(place, field, value)), `${field} ${value}`).toEqual([])
      for (const value of [min - 1, max + 1])
        expect(faultPaths(withField(place, field, value)), `${field} ${value}`).not.toEqual([])
    }
  })

  it('gives the defaults that are numbers', () => {
    const result = parseConfig(everything(), { signingKeys: false })
    if ('faults' in result) throw new Error('has faults')
    const { config } = result
    const parsedAt: Readonly<Record<string, unknown>> = {
      '`issuers.<name>`': config.issuers.get('https://login.acme.example'),
      '`upstreams.<name>`': config.upstreams.get('orders'),
      '`upstreams.<name>.keyRefused`': config.upstreams.get('orders')?.keyRefused,
      '`usage`': config.usage,
    }
    let checked = 0
    for (const heading of Object.keys(places)) {
      for (const { field, fallback } of tableBelow(heading)) {
        if (!/^[\d,]+$/.test(fallback)) continue
        expect((parsedAt[heading] as Settable)[field], `${heading} ${field}`).toBe(numberOf(fallback))
        checked += 1
      }
    }
    expect(checked).toBe(8)
  })

  it('lists the reserved first segments', () => {
    for (const segment of reservedSegments) expect(page).toContain(`\`${segment}\``)
  })

  it('has examples that are configurations without a fault', () => {
    const examples = [...page.matchAll(/```ts\nexport default (defineConfig\([\s\S]*?\n\}\))\n```/g)]
    expect(examples).toHaveLength(page.split('```ts').length - 1)
    for (const [, example = ''] of examples) {
      const config: unknown = runInNewContext(example, {
        ...catalogue,
        defineConfig: (value: unknown) => value,
      })
      expect(faultsOf(config)).toEqual([])
    }
  })
})
