/**
 * Covered components and the signature base of RFC 9421 (sections 2 and 2.5). A component is resolved from the
 * request as it will be sent; one that is not there, or not there once, is refused (section 2.5 step 7).
 */
import {
  type BareItem,
  type Item,
  type Parameters,
  parseDictionary,
  parseItem,
  serializeInnerList,
  serializeItem,
} from 'structured-headers'
import { base64, utf8 } from '../core/bytes.ts'
import { headerInvalid, requestInvalid } from '../core/problems.ts'
import { own } from '../core/table.ts'
import { isUnsignable } from './options.ts'
import { percentDecode, percentEncode, rawPairs } from './query-string.ts'
import type { SignRequest } from './scheme.ts'
import { signedField } from './signed-field.ts'

export interface Component {
  readonly name: string
  readonly item: Item
  /** With its parameters, as it stands in the base: `"@query-param";name="id"`. */
  readonly identifier: string
  /** Throws Refusal when the request does not have it. */
  readonly value: (request: SignRequest) => string
}

/** Section 2.5: a line for each component, and the signature parameters last. */
export function signatureBase<Covered extends { readonly identifier: string }>(
  components: readonly Covered[],
  signatureParams: string,
  read: (component: Covered) => string,
): string {
  let base = ''
  for (const component of components) base += `${component.identifier}: ${read(component)}\n`
  return `${base}"@signature-params": ${signatureParams}`
}

/** Section 2.3: the inner list of components, before its parameters. */
export function componentList(components: readonly Component[]): string {
  return serializeInnerList([components.map(({ item }) => item), new Map()])
}

/** A parameter of the list, or several. */
export function serializeParameters(parameters: Readonly<Record<string, BareItem>>): string {
  return serializeInnerList([[], new Map(Object.entries(parameters))]).slice('()'.length)
}

/** `date`, `@path`, `@query-param;name="id"`, or with the name in quotes as RFC 9421 writes it. A text is a fault. */
export function parseComponent(text: string): Component | string {
  const item = readItem(text)
  if (item === null) return `${JSON.stringify(text)} is not a component, such as @method or content-type`
  const [name, parameters] = item as [string, Parameters]
  const value = name.startsWith('@') ? derivedValue(name, parameters) : fieldValue(name, parameters)
  return typeof value === 'string' ? value : { name, item, identifier: serializeItem(item), value }
}

function readItem(text: string): Item | null {
  const semicolon = text.indexOf(';')
  const quoted = text.startsWith('"')
  const name = semicolon === -1 ? text : text.slice(0, semicolon)
  try {
    const item = parseItem(quoted ? text : `"${name}"${semicolon === -1 ? '' : text.slice(semicolon)}`)
    return typeof item[0] === 'string' ? item : null
  } catch {
    return null
  }
}

type ValueOf = Component['value']

const simple: Readonly<Record<string, ValueOf>> = {
  '@method': ({ method }) => method,
  '@authority': ({ host }) => host.toLowerCase(),
  '@scheme': ({ origin }) => origin.slice(0, origin.indexOf(':')).toLowerCase(),
  '@target-uri': ({ origin, path, query }) => `${origin}${path || '/'}${query}`,
  '@request-target': ({ path, query }) => `${path || '/'}${query}`,
  '@path': ({ path }) => path || '/',
  '@query': ({ query }) => query || '?',
}

/** Section 2.2. A text is a fault. */
function derivedValue(name: string, parameters: Parameters): ValueOf | string {
  if (name === '@query-param') {
    const parameter = parameters.get('name')
    return typeof parameter === 'string' && parameters.size === 1
      ? (request) => queryParameter(request.query, parameter)
      : '@query-param needs a name and nothing else: @query-param;name="id"'
  }
  const value = own(simple, name)
  if (value === undefined) return `${name} is not a component of a request`
  return parameters.size === 0 ? value : `${name} has no parameters in a request`
}

/** Section 2.2.8: names and values decoded and encoded anew; a name that comes twice cannot be covered. */
function queryParameter(query: string, name: string): string {
  const values = rawPairs(query)
    .filter(([raw]) => formEncoded(raw) === name)
    .map(([, value]) => formEncoded(value ?? ''))
  const [value] = values
  if (value === undefined || values.length > 1)
    throw requestInvalid(`Send the query parameter ${name} exactly once: this upstream signs it.`)
  return value
}

/** The application/x-www-form-urlencoded percent-encode set of the URL standard, with a space as %20. */
function formEncoded(raw: string): string {
  const decoded = percentDecode(raw.replaceAll('+', ' '))
  return percentEncode(decoded).replaceAll('%2A', '*').replaceAll('~', '%7E')
}

/** Section 2.1. A text is a fault. */
function fieldValue(name: string, parameters: Parameters): ValueOf | string {
  if (name === 'content-length') return 'content-length cannot be signed here; cover content-digest'
  if (name !== name.toLowerCase()) return `${name} must be in lower case`
  if (isUnsignable(name) || name === 'signature' || name === 'signature-input')
    return `${name} cannot be signed: it does not arrive as it was sent`
  const key = parameters.get('key')
  const names = [...parameters.keys()].join()
  if (names === '') return (request) => sentField(request, name)
  if (names === 'bs') return (request) => `:${base64(utf8(sentField(request, name)))}:`
  if (names === 'key' && typeof key === 'string')
    return (request) => member(sentField(request, name), name, key)
  return `${name} takes ;key="..." or ;bs here; ;sf would need to know the type of the field`
}

function sentField(request: SignRequest, name: string): string {
  return signedField(name, request.header(name), /^[\t\x20-\x7e]*$/).trim()
}

/**
 * Section 2.1.2: one member of a dictionary, in its canonical form. A field with a decimal is refused: 1.0 and 1
 * are one number here, and two texts to the verifier.
 */
function member(field: string, name: string, key: string): string {
  let found: Item | [Item[], Parameters] | undefined
  try {
    found = /\d\.\d/.test(field) ? undefined : parseDictionary(field).get(key)
  } catch {
    found = undefined
  }
  if (found === undefined)
    throw headerInvalid(
      `The header ${name} needs the dictionary member ${key}, without decimals: this upstream signs it.`,
    )
  return Array.isArray(found[0])
    ? serializeInnerList(found as [Item[], Parameters])
    : serializeItem(found as [BareItem, Parameters])
}
