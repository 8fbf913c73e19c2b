/** Reads the options of a scheme, one by one, and reports every fault of them. */
import { isProtectedHeader } from '../core/headers.ts'
import { isJsonObject, type JsonObject } from '../core/json.ts'
import { own } from '../core/table.ts'
import type { ReportFault } from './scheme.ts'

interface NumberBounds {
  readonly min: number
  readonly max: number
}

export interface OptionReader {
  /** Non-empty text. */
  readonly text: (name: string) => string
  readonly optionalText: <Fallback>(name: string, fallback: Fallback) => string | Fallback
  /** What stands before a value in a header, its space included. */
  readonly prefix: (fallback: string) => string
  /** One of a closed list; without a fallback it is required. */
  readonly choice: <Choice extends string>(
    name: string,
    choices: readonly Choice[],
    fallback?: Choice,
  ) => Choice
  readonly integer: (name: string, fallback: number, bounds: NumberBounds) => number
  readonly flag: (name: string, fallback: boolean) => boolean
  /** Non-empty list of non-empty texts. */
  readonly texts: (name: string) => readonly string[]
  /** A header that the scheme may set, in lower case. */
  readonly headerName: (name: string) => string
  /** Names with values, still to be parsed; none when it is not there. */
  readonly entries: (name: string) => readonly (readonly [name: string, value: unknown])[]
  /** What stands there, still to be parsed; undefined when it is not there. */
  readonly raw: (name: string) => unknown
  /** Unknown means refuse: a misspelt option must not silently fall back to a default. */
  readonly done: () => void
}

export function readOptions(input: JsonObject, fault: ReportFault): OptionReader {
  const known = new Set<string>()
  const raw = (name: string): unknown => {
    known.add(name)
    return own(input, name)
  }
  const text = (name: string): string => {
    const value = raw(name)
    if (typeof value === 'string' && value !== '') return value
    fault(name, 'must be a text that is not empty')
    return ''
  }
  const optionalText = <Fallback>(name: string, fallback: Fallback): string | Fallback =>
    raw(name) === undefined ? fallback : text(name)
  return {
    raw,
    text,
    optionalText,
    prefix: (fallback) => {
      const value = optionalText('prefix', fallback)
      if (!/^(?:[\x21-\x7e][\x20-\x7e]*)?$/.test(value))
        fault('prefix', 'must be visible ASCII that does not begin with a space')
      return value
    },
    choice: (name, choices, fallback) => {
      const value = raw(name)
      const found = choices.find((choice) => choice === value)
      if (found !== undefined) return found
      if (value !== undefined || fallback === undefined) fault(name, `must be ${choices.join(' or ')}`)
      return fallback ?? (choices[0] as (typeof choices)[number])
    },
    integer: (name, fallback, { min, max }) => {
      const value = raw(name)
      if (value === undefined) return fallback
      if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
      fault(name, `must be a whole number from ${min} to ${max}`)
      return fallback
    },
    flag: (name, fallback) => {
      const value = raw(name)
      if (typeof value === 'boolean') return value
      if (value !== undefined) fault(name, 'must be true or false')
      return fallback
    },
    texts: (name) => {
      const value = raw(name)
      const ok =
        Array.isArray(value) &&
        value.length > 0 &&
        value.every((one) => typeof one === 'string' && one !== '')
      if (ok) return value as readonly string[]
      fault(name, 'must be a list of texts that are not empty')
      return []
    },
    entries: (name) => {
      const value = raw(name)
      if (isJsonObject(value)) return Object.entries(value)
      if (value !== undefined) fault(name, 'must be names with values')
      return []
    },
    headerName: (name) => {
      const value = text(name)
      const lower = value.toLowerCase()
      const problem = value === '' ? null : headerNameFault(lower)
      if (problem !== null) fault(name, problem)
      return lower
    },
    done: () => {
      for (const name of Object.keys(input)) {
        if (name === 'scheme' || known.has(name)) continue
        fault(
          name,
          known.size > 0
            ? `unknown option; known are ${[...known].join(', ')}`
            : 'this scheme has no options',
        )
      }
    },
  }
}

/** RFC 9110 section 5.1. */
const headerNameForm = /^[!#$%&'*+.^_`|~0-9a-z-]{1,64}$/

/**
 * Why a scheme may not set this header, or null. Credentials go where the operator says, but never into what
 * frames the message or what the edge and we ourselves speak in. `name` in lower case.
 */
export function headerNameFault(name: string): string | null {
  if (!headerNameForm.test(name)) return 'must be the name of a header'
  if (name === 'authorization' || name === 'cookie') return null
  if (isProtectedHeader(name.replaceAll('_', '-')))
    return `${name} belongs to the connection or to Countersign and cannot carry a credential`
  return null
}
