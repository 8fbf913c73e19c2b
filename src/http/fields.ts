/**
 * The header fields of a message. Asking the runtime for a field that is not there costs almost as much as one
 * that is (measured: 2,500 instructions), so the names are listed once and only what is there is asked for.
 */
import { sameNames } from '../core/headers.ts'

export class Fields {
  /** In lower case, each once; the same array for the same names. */
  readonly names: readonly string[]
  readonly #headers: Headers

  constructor(headers: Headers) {
    this.#headers = headers
    this.names = sameNames([...headers.keys()])
  }

  /** As `Headers.get`; `name` in lower case. */
  get(name: string): string | null {
    return this.names.includes(name) ? this.#headers.get(name) : null
  }

  /** A copy, to be changed. */
  toHeaders(): Headers {
    return new Headers(this.#headers)
  }
}
