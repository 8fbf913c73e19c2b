/**
 * The memory of tokens that were verified already, by their text: a Map, bounded by count and by bytes, the
 * oldest going first. An entry ends with the token, with the freshness of the keys that verified it, and
 * when its issuer's keys change.
 */
import { verifiedTokenBytesMax, verifiedTokensMax } from '../core/limits.ts'
import type { Caller } from '../core/permit.ts'

/** Grows whenever an issuer's keys change. */
export interface KeyGeneration {
  number: number
}

interface Entry {
  readonly caller: Caller
  /** Milliseconds since 1970. */
  readonly until: number
  readonly generation: KeyGeneration
  readonly number: number
}

export class VerifiedTokens {
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  get(token: string, now: number): Caller | undefined {
    const entry = this.#entries.get(token)
    if (entry === undefined) return undefined
    if (now < entry.until && entry.number === entry.generation.number) return entry.caller
    this.#forget(token)
    return undefined
  }

  set(
    token: string,
    caller: Caller,
    rules: { until: number; generation: KeyGeneration; number: number },
  ): void {
    this.#forget(token)
    this.#entries.set(token, { caller, ...rules })
    this.#bytes += token.length
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= verifiedTokensMax && this.#bytes <= verifiedTokenBytesMax) break
      this.#forget(oldest)
    }
  }

  get size(): number {
    return this.#entries.size
  }

  #forget(token: string): void {
    if (this.#entries.delete(token)) this.#bytes -= token.length
  }
}
