/**
 * Whether the client still waits for its answer. The runtime tells `request.signal` that it has left, and drops the
 * call in mid-air unless it is asked in that very moment to let it come to its end: nothing would be settled or given
 * back. (To ask at the beginning of every call costs each 1.5 % of its instructions.)
 */
export class Presence {
  /** What to do when the client leaves, besides coming to the end. */
  onLeave: (() => void) | null = null
  readonly #signal: AbortSignal
  readonly #leave: () => void
  #left = false

  /** `outlive` asks the runtime to wait for the call. */
  constructor(signal: AbortSignal, outlive: () => void) {
    this.#signal = signal
    this.#leave = () => {
      this.#left = true
      outlive()
      this.onLeave?.()
    }
    signal.addEventListener('abort', this.#leave)
  }

  get left(): boolean {
    return this.#left
  }

  /** Once there is an answer. A listener that stays keeps all of its request in memory until the next full collection (measured: 30 MB). */
  end(): void {
    this.#signal.removeEventListener('abort', this.#leave)
  }
}
