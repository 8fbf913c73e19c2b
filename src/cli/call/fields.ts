/** `-f` and `-F`: a JSON object, or a query, out of `key=value` pairs. */
import { readFileSync } from 'node:fs'
import { usageFailure } from '../failure.ts'
import { errorCode } from '../private-files.ts'

export type FieldValue = string | number | boolean | null | readonly FieldValue[] | FieldTree

/** Without a prototype, so that no key is special. */
export interface FieldTree {
  readonly [key: string]: FieldValue
}

export interface Field {
  /** `a[b][]` is `['a', 'b', '']`. */
  readonly path: readonly string[]
  readonly value: string | number | boolean | null
}

const keyForm = /^([^[\]=]+)((?:\[[^[\]]*\])*)=([\s\S]*)$/

/** `-f key=text`: the value is text, whatever it looks like. */
export function readTextField(field: string): Field {
  const [, key, brackets = '', value] = keyForm.exec(field) ?? []
  if (key === undefined || value === undefined) {
    throw usageFailure(`A field reads key=value, or key[inner]=value; "${field.split('=')[0]}" does not.`)
  }
  return { path: [key, ...[...brackets.matchAll(/\[([^[\]]*)\]/g)].map(([, inner = '']) => inner)], value }
}

/** `-F key=value`: numbers, true, false and null are themselves, `@file` is the file's text, `@-` stdin's. */
export function readTypedField(field: string): Field {
  const { path, value } = readTextField(field)
  const text = String(value)
  if (text.startsWith('@')) return { path, value: readText(text.slice(1)) }
  if (text === 'null') return { path, value: null }
  if (text === 'true' || text === 'false') return { path, value: text === 'true' }
  const number = /^-?(0|[1-9]\d{0,14})(\.\d{1,15})?$/.test(text) ? Number(text) : null
  return { path, value: number ?? text }
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw usageFailure(`${file} cannot be read: ${errorCode(error)}.`)
  }
}

type Growing = Map<string, Growing | Field['value']> | (Growing | Field['value'])[]

/** The fields as one JSON text. Throws Failure `usage` when two of them contradict each other. */
export function fieldsToJson(fields: readonly Field[]): string {
  const root: Growing = new Map()
  for (const field of fields) put(root, field.path, field)
  return JSON.stringify(toPlain(root))
}

function put(into: Growing, path: readonly string[], field: Field): void {
  const [key = '', ...rest] = path
  const contradiction = (): Error =>
    usageFailure(`The field ${field.path.join('.')} contradicts another one: it is given as two things.`)
  if (rest.length === 0) {
    if (Array.isArray(into)) into.push(field.value)
    else if (into.has(key)) throw contradiction()
    else into.set(key, field.value)
    return
  }
  const wanted: Growing = rest[0] === '' ? [] : new Map()
  if (Array.isArray(into)) {
    into.push(wanted)
    put(wanted, rest, field)
    return
  }
  const there = into.get(key) ?? wanted
  if (typeof there !== 'object' || Array.isArray(there) !== Array.isArray(wanted)) throw contradiction()
  into.set(key, there)
  put(there, rest, field)
}

function toPlain(value: Growing | Field['value']): FieldValue {
  if (Array.isArray(value)) return value.map(toPlain)
  if (!(value instanceof Map)) return value
  const tree: Record<string, FieldValue> = Object.create(null)
  for (const [key, inner] of value) tree[key] = toPlain(inner)
  return tree
}

/** The fields as a query, for methods without a body. */
export function fieldsToQuery(fields: readonly Field[]): string {
  const query = new URLSearchParams()
  for (const { path, value } of fields) {
    const [key = '', ...inner] = path
    query.append(key + inner.map((name) => `[${name}]`).join(''), String(value))
  }
  return query.toString()
}
