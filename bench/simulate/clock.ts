/** Simulated time in steps of one millisecond. What is due runs in order; promises settle before time goes on. */
export class Clock {
  now = Date.UTC(2026, 10, 22, 12)
  readonly #due = new Map<number, (() => void)[]>()

  readonly setTimer = (run: () => void, millis: number): (() => void) => {
    const at = this.now + Math.max(1, Math.ceil(millis))
    let cancelled = false
    const timer = () => {
      if (!cancelled) run()
    }
    const others = this.#due.get(at)
    if (others === undefined) this.#due.set(at, [timer])
    else others.push(timer)
    return () => {
      cancelled = true
    }
  }

  readonly sleep = (millis: number): Promise<void> =>
    new Promise((resolve) => {
      this.setTimer(resolve, millis)
    })

  /** To the next millisecond. */
  async step(): Promise<void> {
    this.now += 1
    const due = this.#due.get(this.now)
    if (due === undefined) return
    this.#due.delete(this.now)
    for (const run of due) run()
    await settled()
  }
}

/** When everything has run that waits only for promises. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
