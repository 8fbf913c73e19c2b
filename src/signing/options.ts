/** Reads the options of a scheme, one by one, and reports every fault of them. */
import { isProtectedHeader } from '../core/headers.ts'
import { isJsonObject, type JsonObject } from '../core/json.ts'
import { own } from '../core/table.ts'
import type { ReportFault } from './scheme.ts'

interface NumberBounds {
  readonly min: number
  readonly max: number
}

/** Each method reads one option; what it returns after a fault is not used. */
export class OptionReader {
  readonly #input: JsonObject
  readonly #fault: ReportFault
  readonly #known = new Set<string>()

  constructor(input: JsonObject, fault: ReportFault) {
    this.#input = input
    this.#fault = fault
  }

  /** What stands there, still to be parsed; undefined when it is not there. */
  raw(name: string): unknown {
    this.#known.add(name)
    return own(this.#input, name)
  }

  /** Non-empty text. */
  text(name: string): string {
    const value = this.raw(name)
    if (typeof value === 'string' && value !== '') return value
    this.#fault(name, 'must be a text that is not empty')
    return ''
  }

  optionalText<Fallback>(name: string, fallback: Fallback): string | Fallback {
    return this.raw(name) === undefined ? fallback : this.text(name) || fallback
  }

  /** What stands before a value in a header, its space included. */
  prefix(fallback: string): string {
    const value = this.optionalText('prefix', fallback)
    if (!/^(?:[\x21-\x7e][\x20-\x7e]*)?$/.test(value))
      this.#fault('prefix', 'must be visible ASCII that does not begin with a space')
    return value
  }

  /** One of a closed list; without a fallback it is required. */
  choice<Choice extends string>(name: string, choices: readonly Choice[], fallback?: Choice): Choice {
    const value = this.raw(name)
    const found = choices.find((choice) => choice === value)
    if (found !== undefined) return found
    if (value !== undefined || fallback === undefined) this.#fault(name, `must be ${choices.join(' or ')}`)
    return fallback ?? (choices[0] as Choice)
  }

  integer(name: string, fallback: number, { min, max }: NumberBounds): number {
    const value = this.raw(name)
    if (value === undefined) return fallback
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    this.#fault(name, `must be a whole number from ${min} to ${max}`)
    return fallback
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.raw(name)
    if (typeof value === 'boolean') return value
    if (value !== undefined) this.#fault(name, 'must be true or false')
    return fallback
  }

  /** Non-empty list of non-empty texts. */
  texts(name: string): readonly string[] {
    const value = this.raw(name)
    const ok =
      Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string' && one !== '')
    if (ok) return value as readonly string[]
    this.#fault(name, 'must be a list of texts that are not empty')
    return []
  }

  /** Names with values, still to be parsed; none when it is not there. */
  entries(name: string): readonly (readonly [name: string, value: unknown])[] {
    const value = this.raw(name)
    if (isJsonObject(value)) return Object.entries(value)
    if (value !== undefined) this.#fault(name, 'must be names with values')
    return []
  }

  /** A header that the scheme may set, in lower case. */
  headerName(name: string): string {
    const lower = this.text(name).toLowerCase()
    const problem = lower === '' ? null : headerNameFault(lower)
    if (problem !== null) this.#fault(name, problem)
    return lower
  }

  /** Unknown means refuse: a misspelt option must not silently fall back to a default. */
  done(): void {
    const known = [...this.#known].join(', ')
    const message = known === '' ? 'this scheme has no options' : `unknown option; known are ${known}`
    for (const name of Object.keys(this.#input))
      if (name !== 'scheme' && !this.#known.has(name)) this.#fault(name, message)
  }
}

/** Of schemes that have none: whatever stands beside `scheme` is a fault. */
export function noOptions(input: JsonObject, fault: ReportFault): null {
  new OptionReader(input, fault).done()
  return null
}

/** RFC 9110 section 5.1. */
const headerNameForm = /^[!#$%&'*+.^_`|~0-9a-z-]{1,64}$/

/** Whether a header cannot be signed: it is not the caller's, or does not arrive as it was sent. `name` in lower case. */
export function isUnsignable(name: string): boolean {
  return headerNameFault(name) !== null || /^(?:accept-encoding|authorization|cookie)$/.test(name)
}

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
