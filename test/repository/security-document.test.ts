import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const tests = join(import.meta.dirname, '..')
const text = readFileSync(join(tests, '../docs/security.md'), 'utf8')
const promises = text.slice(text.indexOf('## Promises'), text.indexOf('## What local tests cannot show'))

const identifier = /\b[A-Z]\d{2}\b/g

/** Identifiers of abuse cases in the names of tests, wherever they stand. */
const tested = new Set(
  readdirSync(tests, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .flatMap((name) => readFileSync(join(tests, name), 'utf8').match(identifier) ?? []),
)

describe('docs/security.md', () => {
  it('names test files and folders that exist', () => {
    const named = [...promises.matchAll(/`((?:raw|core|http|identity|accounts|repository)\/[^`]*)`/g)]
    const paths = named.map(([, path]) => path ?? '')
    expect(paths.length).toBeGreaterThan(10)
    expect(paths.filter((path) => !existsSync(join(tests, path)))).toEqual([])
  })

  it('claims no abuse case that stands in no test', () => {
    const claimed = [...new Set(promises.match(identifier))]
    expect(claimed.length).toBeGreaterThan(30)
    expect(claimed.filter((id) => !tested.has(id))).toEqual([])
  })
})
