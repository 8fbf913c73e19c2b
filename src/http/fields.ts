/**
 * The header fields of a message. Asking the runtime for a field that is not there costs almost as much as one
 * that is (measured: 2,500 instructions), so the names are listed once and only what is there is asked for.
 */
import { sameNames } from '../core/headers.ts'

export class Fields {
  /** In lower case; the same array for the same names. */
  readonly names: readonly string[]
  /** All values, a line each; null where only names were listed. */
  readonly lines: string | null
  readonly #headers: Headers

  /** `lines`: lists the values too, which costs half of asking for each. */
  constructor(headers: Headers, lists: 'names' | 'lines' = 'names') {
    this.#headers = headers
    if (lists === 'names') {
      this.names = sameNames([...headers.keys()])
      this.lines = null
      return
    }
    const names: string[] = []
    let lines = ''
    for (const [name, value] of headers) {
      names.push(name)
      lines += `${value}\n`
    }
    this.names = sameNames(names)
    this.lines = lines
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
