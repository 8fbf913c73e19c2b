/** Limits as they hold now: the configuration's numbers with the account's overrides. */
import type { Limit } from '../configuration.ts'
import { own } from '../table.ts'

export interface LimitOverride {
  readonly requests?: number
  readonly burst?: number
}

/** By name of the limit; null in a change takes an override back. */
export type LimitOverrides = Readonly<Record<string, LimitOverride>>

/** A burst that equals `requests` (the default) follows an override of `requests`; one of its own stays. */
export function applyOverrides(limits: readonly Limit[], overrides: LimitOverrides): readonly Limit[] {
  return limits.map((limit) => {
    const override = own(overrides, limit.name)
    if (override === undefined) return limit
    const requests = override.requests ?? limit.requests
    const burst = override.burst ?? (limit.burst === limit.requests ? requests : limit.burst)
    return { ...limit, requests, burst }
  })
}

/** The overrides after a change; what it leaves out of a limit stays as it was overridden before. */
export function changeOverrides(
  overrides: LimitOverrides,
  changes: Readonly<Record<string, LimitOverride | null>>,
): LimitOverrides {
  const kept = new Map(Object.entries(overrides))
  for (const [name, change] of Object.entries(changes)) {
    if (change === null) kept.delete(name)
    else kept.set(name, { ...kept.get(name), ...change })
  }
  return Object.fromEntries(kept)
}
