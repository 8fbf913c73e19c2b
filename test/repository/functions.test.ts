/**
 * V8 builds the whole syntax tree of an arrow function at the top of a module when it starts, and only skims the
 * body of a declaration until its first call: over the Worker's sources that is a quarter of the time to the first
 * answer. A constant with a type of its own (a row of a table, a wrapped function) is no concern of this.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => join('src', file))

/** `const name = (…`, `const name = async (…`, `const name = <T…` and `const name = name =>` at the margin. */
const arrowAtTop = /^(?:export )?const \w+ = (?:async )?(?:\([^;]*?\)(?:: [^=]+)? =>|<\w|\w+ =>)/

const arrowsIn = (file: string): readonly string[] =>
  readFileSync(file, 'utf8')
    .split(/^(?=[a-z/])/m)
    .filter((statement) => arrowAtTop.test(statement))
    .map((statement) => `${file}: ${statement.split('\n')[0]}`)

it('declares the functions at the top of a module, instead of assigning arrow functions', () => {
  expect(sources.flatMap(arrowsIn)).toEqual([])
})
