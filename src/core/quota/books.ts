/**
 * The double entry. Every unit granted is used, returned, outstanding or unsettled, per limit set and hour:
 * `granted = used + returned + outstanding + unsettled`. A unit stands in the hour of its dispatch once it is
 * used, and in the hour of its grant otherwise; so the identity holds for every hour, day and month by itself.
 */
export interface LedgerEntry extends Record<Account | 'granted', number> {
  readonly set: string
  /** Milliseconds since 1970. */
  readonly hour: number
}

export const accounts = ['used', 'returned', 'outstanding', 'unsettled'] as const

export type Account = (typeof accounts)[number]

export const hourMillis = 3_600_000
export const dayMillis = 86_400_000

/** When the hour began, UTC; milliseconds since 1970, like `at`. */
export function hourOf(at: number): number {
  return at - (at % hourMillis)
}

/** The same of the day. */
export function dayOf(at: number): number {
  return at - (at % dayMillis)
}

/** `2026-11-22`, of a time in milliseconds since 1970, UTC. */
export function dayName(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}

/** Changes of the ledger, gathered per set and hour until they are written. */
export class LedgerChanges {
  readonly #entries = new Map<string, LedgerEntry>()

  /** Books units into accounts (out of them, where negative) of one set and hour; what they add up to was granted. */
  add(set: string, hour: number, changes: Readonly<Partial<Record<Account, number>>>): void {
    const key = `${hour}/${set}`
    const entry = this.#entries.get(key) ?? {
      set,
      hour,
      granted: 0,
      used: 0,
      returned: 0,
      outstanding: 0,
      unsettled: 0,
    }
    this.#entries.set(key, entry)
    for (const account of accounts) {
      const units = changes[account] ?? 0
      entry.granted += units
      entry[account] += units
    }
  }

  entries(): readonly LedgerEntry[] {
    return [...this.#entries.values()].filter((entry) => accounts.some((account) => entry[account] !== 0))
  }
}
