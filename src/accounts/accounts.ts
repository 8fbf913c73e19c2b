/**
 * What the pipeline sees of accounts (docs/leases.md): a unit is admitted, committed in the synchronous turn
 * of the `fetch`, and settled once. `wallet.ts` is the implementation; only it makes these objects.
 */
import type { Admitted } from '../core/admission.ts'
import type { Permit } from '../core/permit.ts'
import type { ProblemCode } from '../core/problems.ts'

/** How a dispatched call ended, fixed when the upstream's answer begins. A closed list. */
export type Outcome = '2xx' | '3xx' | '4xx' | '5xx' | 'timeout' | 'unreachable' | 'aborted'

/** The parts of a request's life that accounts need: its clock (milliseconds since 1970) and work after the answer. */
export interface CallContext {
  readonly now: () => number
  readonly waitUntil: (work: Promise<unknown>) => void
}

export interface Accounts {
  /**
   * Takes one unit of the permit's limit set: synchronously while a lease is at hand, after a sync otherwise.
   * Throws (or rejects with) a Refusal: `token_revoked`, `team_suspended`, `rate_limited` (with Retry-After,
   * RateLimit, RateLimit-Policy and the member `limit`), `account_unavailable`, `overloaded`.
   */
  admit(permit: Permit, context: CallContext): Admission | Promise<Admission>
  /**
   * Counts a call of a known team that ended without a call to an upstream, whoever refused it; the pipeline
   * reports each once, those that `admit` refused included. The next sync carries it; it never causes one.
   */
  refused(team: string, code: ProblemCode, now: number): void
}

/** A brand: only the wallet names it. */
export declare const dispatched: unique symbol

/** One unit, reserved but not used. */
export interface Admission extends Admitted {
  /**
   * Uses the unit; call it in the same synchronous turn as `fetch`. null: the lease, or what it vouches for
   * (revocations, the token's `exp`), no longer holds; await `renew()` and commit again.
   */
  commit(now: number): Dispatch | null
  /** Exchanges the unit for a fresh one. Rejects with a Refusal as `admit` does, and with `token_expired`. */
  renew(): Promise<void>
  /** Gives the unit back. Idempotent, and without effect after `commit`. */
  release(): void
  /** RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-11) of the tightest limit; null without limits. */
  rateLimit(now: number): RateLimitFields | null
}

export interface RateLimitFields {
  readonly policy: string
  readonly limit: string
}

/** A unit that was used. A second attempt at the upstream takes an admission of its own. */
export interface Dispatch {
  readonly [dispatched]: true
  /** Once, when the upstream's answer begins or is known not to come. Later calls change nothing. */
  settle(outcome: Outcome, facts: CallFacts): void
}

export interface CallFacts {
  /** From Content-Length; null where it is not known without touching the body. */
  readonly bytesIn: number | null
  readonly bytesOut: number | null
  /** From dispatch to the first byte of the answer. */
  readonly millis: number
}
