/**
 * The one message between an isolate and an account, and its answer (docs/leases.md): use to book, units to
 * give back and units wanted go there; leases, refusals, limits and rules come back. Plain data, structured
 * clone is all it needs.
 */
import type { ProblemCode } from '../problems.ts'
import type { Rules } from './revocation.ts'

/** How a dispatched call ended. `open`: dispatched, and not known yet. */
export type BookedOutcome = '2xx' | '3xx' | '4xx' | '5xx' | 'timeout' | 'unreachable' | 'aborted' | 'open'

export interface SyncRequest {
  readonly isolate: string
  /** Rises by one with each new request; the same number is the same request, sent again. */
  readonly sequence: number
  readonly leases: readonly LeaseReport[]
  readonly usage: readonly UsageDelta[]
  readonly refused: readonly RefusedDelta[]
  readonly wants: readonly Want[]
  /** Version of the rules that the isolate has; 0: none. */
  readonly rulesVersion: number
}

/** What became of units of one lease since the last report. */
export interface LeaseReport {
  /** The lease is named by the sync that brought it, and its limit set. */
  readonly sequence: number
  readonly set: string
  /** Hour of dispatch, milliseconds since 1970. */
  readonly hour: number
  readonly used: number
  readonly returned: number
}

/** A change of one row of the books. `requests` is negative when open calls got their outcome. */
export interface UsageDelta {
  /** Hour of dispatch, milliseconds since 1970. */
  readonly hour: number
  readonly upstream: string
  readonly key: string
  /** `<issuer>:<sub>`, or `~other`. */
  readonly subject: string
  readonly outcome: BookedOutcome
  readonly requests: number
  /** null: not known of any of these calls. */
  readonly bytesIn: number | null
  readonly bytesOut: number | null
  readonly millis: number
  /** Latest dispatch, milliseconds since 1970. */
  readonly lastAt: number
}

export interface RefusedDelta {
  readonly hour: number
  readonly code: ProblemCode
  readonly requests: number
}

export interface Want {
  /** Names of the limits in order, joined by `,`; `''` for the empty set. */
  readonly set: string
  /** Calls that wait. */
  readonly need: number
  /** With what is expected; at least `need`. */
  readonly want: number
}

export interface SyncReply {
  readonly sequence: number
  readonly leases: readonly LeaseGrant[]
  readonly refusals: readonly SetRefusal[]
  /** The state of each limit of the wanted sets, after the grants. */
  readonly limits: readonly LimitState[]
  /** null: the isolate's version is the current one. */
  readonly rules: Rules | null
  readonly rulesVersion: number
  /** For how long isolates refuse from memory what the rules forbid. */
  readonly holdMillis: number
  /** The account serves as many isolates as it can; reports were booked, nothing was granted. */
  readonly overloaded: boolean
}

export interface LeaseGrant {
  readonly set: string
  readonly units: number
}

export interface SetRefusal {
  readonly set: string
  /** The limit that refuses; null: the account's configuration does not know a limit of the set (yet). */
  readonly limit: string | null
  /** Until one more unit can be taken. */
  readonly waitMillis: number
  /** For how long the isolate refuses from memory. */
  readonly holdMillis: number
}

export interface LimitState {
  readonly name: string
  readonly requests: number
  readonly perMillis: number
  readonly burst: number
  /** Units taken and not yet refilled, lent ones included. */
  readonly debt: number
  readonly enforced: boolean
}

/** The limits of a set, by its id. */
export function limitNames(set: string): readonly string[] {
  return set === '' ? [] : set.split(',')
}
