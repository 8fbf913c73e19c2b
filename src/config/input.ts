/**
 * The configuration while it is read: each value with the place where it stands, so that every fault of
 * every section is collected, with its path, and nothing stops at the first one.
 */
import { own } from '../core/table.ts'

export interface ConfigFault {
  /** `teams.checkout.grants.plugipay.keys[0]`; `''` for the configuration as a whole. */
  readonly path: string
  readonly message: string
}

/** One value and where it stands. The path is only written out when there is a fault to tell. */
export class Input {
  readonly value: unknown
  readonly #key: string | number
  readonly #parent: Input | null
  readonly #faults: ConfigFault[]

  private constructor(value: unknown, key: string | number, parent: Input | null) {
    this.value = value
    this.#key = key
    this.#parent = parent
    this.#faults = parent === null ? [] : parent.#faults
  }

  static root(value: unknown): Input {
    return new Input(value, '', null)
  }

  child(key: string | number, value: unknown): Input {
    return new Input(value, key, this)
  }

  get path(): string {
    if (this.#parent === null) return ''
    const before = this.#parent.path
    if (typeof this.#key === 'number') return `${before}[${this.#key}]`
    if (!/^[A-Za-z_$][\w$-]*$/.test(this.#key)) return `${before}[${JSON.stringify(shorten(this.#key))}]`
    return before === '' ? this.#key : `${before}.${this.#key}`
  }

  /** Notes a fault of this value; null, so that a reader can `return input.fault(...)`. */
  fault(message: string): null {
    this.#faults.push({ path: this.path, message })
    return null
  }

  /** Notes a fault of something below, such as `sign.name`, by its relative path. */
  faultBelow(path: string, message: string): void {
    this.#faults.push({ path: path === '' ? this.path : `${this.path}.${path}`, message })
  }

  /** All faults of the configuration so far, in the order in which they were found. */
  get faults(): readonly ConfigFault[] {
    return this.#faults
  }
}

/** The fields of one object, read by name. What is asked for is its own, never inherited. */
export class Fields {
  readonly input: Input
  readonly record: Readonly<Record<string, unknown>>

  constructor(input: Input, record: Readonly<Record<string, unknown>>) {
    this.input = input
    this.record = record
  }

  has(name: string): boolean {
    return own(this.record, name) !== undefined
  }

  /** The field, with `undefined` where there is none. */
  get(name: string): Input {
    return this.input.child(name, own(this.record, name))
  }

  names(): readonly string[] {
    return Object.keys(this.record)
  }
}

function shorten(text: string): string {
  return text.length > 64 ? `${text.slice(0, 64)}...` : text
}

/**
 * Whether it is an object as `{...}` or JSON writes one. A prototype of its own, as `{ __proto__: ... }` gives,
 * would hide fields from the check of unknown names.
 */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** An object with names that the reader chooses (upstreams, teams, keys, ...). */
export function readRecord(input: Input, what: string): Fields | null {
  return isPlain(input.value) ? new Fields(input, input.value) : input.fault(`must be an object: ${what}`)
}

/** The entries of an object with names that the reader chooses; none, and a fault, where it is no object. */
export function readEntries(input: Input, what: string): readonly (readonly [name: string, at: Input])[] {
  const fields = readRecord(input, what)
  return fields === null ? [] : fields.names().map((name) => [name, fields.get(name)] as const)
}

/** An object with known fields; unknown ones are faults, with the likely name where one is close. */
export function readFields(input: Input, known: readonly string[]): Fields | null {
  if (!isPlain(input.value)) {
    return input.fault(
      input.value === undefined ? 'is missing' : `must be an object with ${known.join(', ')}`,
    )
  }
  const fields = new Fields(input, input.value)
  for (const name of Object.keys(input.value)) {
    if (known.includes(name)) continue
    const meant = known.find((field) => field.toLowerCase() === name.toLowerCase())
    fields
      .get(name)
      .fault(
        meant === undefined
          ? `unknown field; known are ${known.join(', ')}`
          : `unknown field; write ${meant}`,
      )
  }
  return fields
}

/** The elements of an array. */
export function readList(input: Input, what: string): readonly Input[] | null {
  return Array.isArray(input.value)
    ? input.value.map((value: unknown, index) => input.child(index, value))
    : input.fault(input.value === undefined ? `is missing: ${what}` : `must be an array: ${what}`)
}

/** An array with at least one element, none twice. */
export function readTexts(input: Input, what: string): readonly string[] | null {
  const list = readList(input, what)
  if (list === null) return null
  if (list.length === 0) return input.fault(`must not be empty: ${what}`)
  const texts = new Set<string>()
  for (const element of list) {
    if (typeof element.value !== 'string' || element.value === '') element.fault(`must be text: ${what}`)
    else if (texts.has(element.value)) element.fault('stands here twice')
    else texts.add(element.value)
  }
  return [...texts]
}

export function readText(input: Input, what: string): string | null {
  if (typeof input.value === 'string' && input.value !== '') return input.value
  return input.fault(input.value === undefined ? `is missing: ${what}` : `must be text: ${what}`)
}

export interface Range {
  readonly min: number
  readonly max: number
  readonly unit: string
}

/** A whole number within its bounds; `fallback` where the field is absent. */
export function readInteger(input: Input, fallback: number, { min, max, unit }: Range): number {
  const { value } = input
  if (value === undefined) return fallback
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value
  input.fault(`must be a whole number of ${unit} from ${min} to ${max}`)
  return fallback
}

export function readFlag(input: Input): boolean {
  if (input.value === undefined || typeof input.value === 'boolean') return input.value ?? false
  input.fault('must be true or false')
  return false
}

/** One of a few words. */
export function readChoice<Choice extends string>(
  input: Input,
  choices: readonly Choice[],
  fallback: Choice,
): Choice {
  if (input.value === undefined) return fallback
  const choice = choices.find((word) => word === input.value)
  if (choice !== undefined) return choice
  input.fault(`must be ${choices.map((word) => `'${word}'`).join(' or ')}`)
  return fallback
}
