/** Random numbers that are the same in every run of a seed. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** In [0, 1). mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low)
  }

  /** Events of a Poisson process with this mean; by the normal approximation when there are many. */
  poisson(mean: number): number {
    if (mean > 60) {
      const normal = Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
      return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal))
    }
    const floor = Math.exp(-mean)
    let product = this.next()
    let events = 0
    while (product > floor) {
      product *= this.next()
      events += 1
    }
    return events
  }
}
