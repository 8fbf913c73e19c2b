import { readdirSync } from 'node:fs'
import {
  type BareItem,
  type Item,
  parseDictionary,
  parseItem,
  parseList,
  serializeDictionary,
  serializeItem,
  serializeList,
  Token,
} from 'structured-headers'
import { describe, expect, it } from 'vitest'
import { readVectors, vectorsAreThere, vectorUrl, withoutVectors } from './vectors.ts'

/** RFC 9421 writes components, parameters and signatures as structured fields; `structured-headers` does it for us. */
interface Vector {
  readonly name: string
  readonly raw?: readonly string[]
  readonly header_type: 'item' | 'list' | 'dictionary'
  readonly expected?: unknown
  readonly must_fail?: boolean
  readonly can_fail?: boolean
  readonly canonical?: readonly string[]
}

const folder = 'structured-field-tests'
/** Dates and display strings stand in none of our fields. */
const unused = new Set(['date.json', 'display-string.json'])

/**
 * JavaScript has one type for 1 and 1.0, so the library cannot keep decimals apart; we write none, and refuse to
 * sign a dictionary member that has one (signature-base.ts).
 */
const isDecimal = ({ canonical, raw = [] }: Vector): boolean =>
  /(?:^|[ =(,;])-?\d+\.\d/.test((canonical ?? raw).join())

/** Parses, and writes the canonical form. */
const rewritten = ({ header_type, raw = [] }: Vector): string => {
  const text = raw.join(', ')
  if (header_type === 'item') return serializeItem(parseItem(text))
  if (header_type === 'list') return serializeList(parseList(text))
  return serializeDictionary(parseDictionary(text))
}

describe.skipIf(!vectorsAreThere(folder))(`structured-field-tests${withoutVectors(folder)}`, () => {
  const files = vectorsAreThere(folder)
    ? readdirSync(vectorUrl(folder)).filter((name) => name.endsWith('.json') && !unused.has(name))
    : []
  it.each(files)('%s, decimals aside', (file) => {
    const vectors = readVectors(`${folder}/${file}`) as readonly Vector[]
    expect(vectors.length).toBeGreaterThan(0)
    const wrong = vectors.flatMap((vector) => {
      if (vector.must_fail !== true && isDecimal(vector)) return []
      let text: string | null
      try {
        text = rewritten(vector)
      } catch {
        text = null
      }
      const canonical = (vector.canonical ?? vector.raw ?? []).join(', ')
      if (vector.must_fail === true) return text === null ? [] : [`${vector.name}: was accepted`]
      if (text === canonical || (text === null && vector.can_fail === true)) return []
      return [`${vector.name}: ${text} is not ${canonical}`]
    })
    expect(wrong).toEqual([])
  })

  const serialisation = vectorsAreThere(folder)
    ? readdirSync(vectorUrl(`${folder}/serialisation-tests`)).filter((name) => name.endsWith('.json'))
    : []
  it.each(serialisation)('serialisation-tests/%s, decimals aside', (file) => {
    const vectors = readVectors(`${folder}/serialisation-tests/${file}`) as readonly Vector[]
    const wrong = vectors.flatMap((vector) => {
      if (vector.must_fail !== true && isDecimal(vector)) return []
      const text = written(vector)
      if (vector.must_fail === true) return text === null ? [] : [`${vector.name}: was written as ${text}`]
      const canonical = (vector.canonical ?? []).join(', ')
      return text === canonical ? [] : [`${vector.name}: ${text} is not ${canonical}`]
    })
    expect(wrong).toEqual([])
  })
})

type JsonItem = readonly [unknown, readonly (readonly [string, unknown])[]]

const written = ({ header_type, expected }: Vector): string | null => {
  try {
    if (header_type === 'item') return serializeItem(itemOf(expected as JsonItem))
    if (header_type === 'list') return serializeList((expected as readonly JsonItem[]).map(memberOf))
    return serializeDictionary(
      new Map((expected as readonly [string, JsonItem][]).map(([key, value]) => [key, memberOf(value)])),
    )
  } catch {
    return null
  }
}

const memberOf = (json: JsonItem): Item | [Item[], Map<string, BareItem>] =>
  Array.isArray(json[0])
    ? [(json[0] as readonly JsonItem[]).map(itemOf), parametersOf(json[1])]
    : itemOf(json)

const itemOf = ([value, parameters]: JsonItem): Item => [bareOf(value), parametersOf(parameters)]

const parametersOf = (parameters: JsonItem[1]): Map<string, BareItem> =>
  new Map(parameters.map(([key, value]) => [key, bareOf(value)]))

const bareOf = (value: unknown): BareItem => {
  if (typeof value !== 'object' || value === null) return value as BareItem
  const { __type, value: text } = value as { readonly __type: string; readonly value: string }
  if (__type === 'token') return new Token(text)
  throw new Error(`no ${__type} in these tests`)
}
