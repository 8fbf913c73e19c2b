/** As much of JSON Schema as the description of the admin API uses, to hold answers against it. */
import type { Schema } from '../../../src/http/admin/openapi-schemas.ts'

const typeOf = (value: unknown): string => {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}

/** What is wrong with the value, each with its path; empty when nothing is. */
export const faultsOf = (value: unknown, schema: Schema, root: Schema, path = '$'): readonly string[] => {
  const reference = schema['$ref']
  if (typeof reference === 'string') return faultsOf(value, resolve(reference, root), root, path)
  const types = [schema['type']].flat()
  const type = typeOf(value)
  if (!types.includes(type)) return [`${path} is ${type}, not ${types.join(' or ')}`]
  const values = schema['enum']
  if (Array.isArray(values) && !values.includes(value)) return [`${path} is not one of ${values.join(', ')}`]
  if (schema['format'] === 'date-time' && typeof value === 'string' && !/^\d{4}-\d\d-\d\dT.*Z$/.test(value)) {
    return [`${path} is no time`]
  }
  if (Array.isArray(value)) {
    const items = schema['items'] as Schema
    return value.flatMap((item, index) => faultsOf(item, items, root, `${path}[${index}]`))
  }
  return type === 'object' ? memberFaults(value as Schema, schema, { root, path }) : []
}

interface Place {
  readonly root: Schema
  readonly path: string
}

const memberFaults = (value: Schema, schema: Schema, { root, path }: Place): readonly string[] => {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, Schema>>
  const required = (schema['required'] ?? []) as readonly string[]
  const others = schema['additionalProperties']
  const missing = required.filter((name) => !(name in value)).map((name) => `${path}.${name} is missing`)
  const wrong = Object.entries(value).flatMap(([name, member]) => {
    const known = properties[name] ?? (typeof others === 'object' ? (others as Schema) : undefined)
    if (known !== undefined) return faultsOf(member, known, root, `${path}.${name}`)
    return others === false ? [`${path}.${name} is not described`] : []
  })
  return [...missing, ...wrong]
}

const resolve = (reference: string, root: Schema): Schema => {
  let at: unknown = root
  for (const name of reference.slice(2).split('/')) at = (at as Schema)[name]
  return at as Schema
}

/** The schema of a call's JSON answer. */
export const answerSchema = (root: Schema, call: string, status: number): Schema => {
  const [method = '', path = ''] = call.split(' ')
  const operation = (root['paths'] as Readonly<Record<string, Schema>>)[path]?.[
    method.toLowerCase()
  ] as Schema
  if (operation === undefined) throw new Error(`${call} is not described`)
  const answer = (operation['responses'] as Readonly<Record<string, Schema>>)[String(status)]
  const content = answer?.['content'] as Readonly<Record<string, { schema: Schema }>> | undefined
  const schema = content?.['application/json']?.schema
  if (schema === undefined) throw new Error(`${call} has no JSON answer with ${status}`)
  return schema
}
