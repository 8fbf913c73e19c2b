/**
 * A string that cannot print itself: every way in which a value reaches a log, an error or JSON shows
 * `[redacted]`. Only `reveal()` gives the text, so a search for that word finds every place that uses a secret.
 */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  reveal(): string {
    return this.#text
  }

  toString(): string {
    return '[redacted]'
  }

  toJSON(): string {
    return '[redacted]'
  }

  [Symbol.toPrimitive](): string {
    return '[redacted]'
  }

  /** Node's `util.inspect` and, through it, `console.log`. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[redacted]'
  }
}
