/**
 * The configuration while it is read: each value with the place where it stands, so that every fault of
 * every section is collected, with its path, and nothing stops at the first one. A reader takes such a place
 * and gives what it read; where there is a fault it notes that, and gives null or a value that stands in. What
 * stands in is never used: a configuration with a fault is not returned.
 */
import { isJsonObject } from '../core/json.ts'
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

  /** Its own field or element, never an inherited one; `undefined` stands where there is none. */
  child(key: string | number): Input {
    const { value } = this
    return new Input(
      typeof value === 'object' && value !== null ? own(value, String(key)) : undefined,
      key,
      this,
    )
  }

  get path(): string {
    const key = this.#key
    const before = this.#parent?.path ?? ''
    if (typeof key === 'number') return `${before}[${key}]`
    if (this.#parent !== null && !/^[A-Za-z_$][\w$-]*$/.test(key))
      return `${before}[${JSON.stringify(shorten(key))}]`
    return before === '' ? key : `${before}.${key}`
  }

  /** Notes a fault of this value, or of something `below` it by its relative path; null, so that a reader can return it. */
  fault(message: string, below = ''): null {
    this.#faults.push({ path: below === '' ? this.path : `${this.path}.${below}`, message })
    return null
  }

  /** The same, of a value that is not what it must be, or is not there. */
  mistaken(kind: string, what: string): null {
    return this.fault(this.value === undefined ? `is missing: ${what}` : `must be ${kind}: ${what}`)
  }

  /** Whether a fault of that place was noted: what only follows from it is not told again. */
  isFaulty(path: string): boolean {
    return this.#faults.some((fault) => fault.path === path)
  }

  /** All faults of the configuration so far, in the order in which they were found. */
  get faults(): readonly ConfigFault[] {
    return this.#faults
  }
}

function shorten(text: string): string {
  return text.length > 64 ? `${text.slice(0, 64)}...` : text
}

export type Reader<Value> = (at: Input) => Value

/** For what can only be read when something else was. */
export function asItStands(at: Input): Input {
  return at
}

export function optional<Value, const Fallback>(
  fallback: Fallback,
  read: Reader<Value>,
): Reader<Value | Fallback> {
  return (at) => (at.value === undefined ? fallback : read(at))
}

type Data = Readonly<Record<string, unknown>>

/**
 * An object as `{...}` or JSON writes one. A prototype of its own, as `{ __proto__: ... }` gives, would hide fields
 * from the check of unknown names.
 */
export function readObject(at: Input, what: string): Data | null {
  const { value } = at
  if (isJsonObject(value)) {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === null || Object.getPrototypeOf(prototype) === null) return value as Data
  }
  return at.mistaken('an object', what)
}

type Readers = Readonly<Record<string, Reader<unknown>>>
type Values<Known extends Readers> = { readonly [Name in keyof Known]: ReturnType<Known[Name]> }

/** Begins alike and is about as long: `key` for `keys`, `timeoutMS` for `timeoutMs`. */
function isClose(name: string, field: string): boolean {
  return name.toLowerCase().startsWith(field.slice(0, 3)) && Math.abs(name.length - field.length) < 3
}

/** An object with known fields, read in their order; unknown ones are faults, and are read as the field that was meant. */
export function fields<Known extends Readers>(known: Known): Reader<Values<Known> | null> {
  const readers = Object.entries(known)
  const names = Object.keys(known)
  const listed = names.join(', ')
  return (at) => {
    const object = readObject(at, `its fields are ${listed}`)
    if (object === null) return null
    const written = new Map<string, string>()
    for (const name of Object.keys(object)) {
      if (Object.hasOwn(known, name)) continue
      const meant = names.find((field) => !Object.hasOwn(object, field) && isClose(name, field))
      at.child(name).fault(`unknown field; ${meant === undefined ? `known are ${listed}` : `write ${meant}`}`)
      if (meant !== undefined) written.set(meant, name)
    }
    const values: Record<string, unknown> = {}
    for (const [name, read] of readers) values[name] = read(at.child(written.get(name) ?? name))
    return values as Values<Known>
  }
}

/** An object with names that the operator chooses (upstreams, teams, keys, ...). What is read as null is left out. */
export function map<Value>(
  what: string,
  read: (at: Input, name: string) => Value | null,
): Reader<ReadonlyMap<string, Value>> {
  return (at) => {
    const values = new Map<string, Value>()
    for (const name of Object.keys(readObject(at, what) ?? {})) {
      const value = read(at.child(name), name)
      if (value !== null) values.set(name, value)
    }
    return values
  }
}

/** An array. What is read as null is left out. */
export function list<Value>(what: string, read: Reader<Value | null>): Reader<readonly Value[]> {
  return (at) => {
    const values: Value[] = []
    if (!Array.isArray(at.value)) at.mistaken('an array', what)
    else
      for (const index of at.value.keys()) {
        const value = read(at.child(index))
        if (value !== null) values.push(value)
      }
    return values
  }
}

/** An array or object that may not be empty. */
export function some<Value>(read: Reader<Value>): Reader<Value> {
  return (at) => {
    const before = at.faults.length
    const value = read(at)
    if (at.faults.length === before && Object.keys(at.value ?? {}).length === 0)
      at.fault('must name at least one')
    return value
  }
}

/** An array with at least one element, none twice. */
export function distinct<Value>(what: string, read: Reader<Value | null>): Reader<readonly Value[]> {
  return (at) => {
    const seen = new Set<Value>()
    const readNew = (element: Input): Value | null => {
      const before = element.faults.length
      const value = read(element)
      if (value !== null && element.faults.length === before && seen.size === seen.add(value).size)
        element.fault('stands here twice')
      return value
    }
    return some(list(what, readNew))(at)
  }
}

export function text(what: string): Reader<string> {
  return (at) => {
    if (typeof at.value === 'string' && at.value !== '') return at.value
    at.mistaken('text', what)
    return ''
  }
}

/** A text of that form; `what` says what it must be. */
export function textOf(form: RegExp, what: string): Reader<string | null> {
  return (at) =>
    typeof at.value === 'string' && form.test(at.value) ? at.value : at.fault(`must be ${what}`)
}

interface Range {
  readonly min: number
  readonly max: number
}

/** A whole number within its bounds. */
export function integer(unit: string, { min, max }: Range): Reader<number> {
  return (at) => {
    const { value } = at
    if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max)
      return value as number
    at.fault(`must be a whole number of ${unit} from ${min} to ${max}`)
    return min
  }
}

/** One of a few words; the first stands in. */
export function choice<const Word extends string>(words: readonly [Word, ...Word[]]): Reader<Word> {
  return (at) => {
    const word = words.find((word) => word === at.value)
    if (word === undefined) at.fault(`must be ${words.map((word) => `'${word}'`).join(' or ')}`)
    return word ?? words[0]
  }
}

/** False where it is absent. */
export function flag(at: Input): boolean {
  const { value = false } = at
  if (typeof value !== 'boolean') at.fault('must be true or false')
  return value !== false
}
