/**
 * A part of the configuration that was found sound at the start and is made ready only where it is used: of ten
 * thousand teams, an isolate serves few, and the garbage collector would carry all the others along with every
 * request. Holds at most one value for each name of the configuration, made from nothing but that name's own part.
 */
export class FirstUseMap<Value> implements Pick<ReadonlyMap<string, Value>, 'get' | 'has' | 'keys'> {
  readonly #written: Readonly<Record<string, unknown>>
  readonly #make: (name: string, written: unknown) => Value
  readonly #made = new Map<string, Value>()

  /** `make` may throw; then nothing is kept, and the next use makes it again. */
  constructor(written: Readonly<Record<string, unknown>>, make: (name: string, written: unknown) => Value) {
    this.#written = written
    this.#make = make
  }

  get(name: string): Value | undefined {
    const made = this.#made.get(name)
    if (made !== undefined || !this.has(name)) return made
    const value = this.#make(name, this.#written[name])
    this.#made.set(name, value)
    return value
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#written, name)
  }

  keys(): MapIterator<string> {
    return Object.keys(this.#written).values()
  }
}
