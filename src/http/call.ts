import type { Hono } from 'hono/tiny'
import type { Outcome } from '../accounts/accounts.ts'
import type { Caller, Permit } from '../core/permit.ts'
import type { Fields } from './fields.ts'

/**
 * One request on its way. What is not there from the beginning, the pipeline notes for the log line and for answers
 * made outside of it; no step of the pipeline decides by that.
 */
export interface Call {
  readonly id: string
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly method: string
  /** As the runtime got it. */
  readonly url: string
  readonly fields: Fields
  readonly origin: string | null
  /** For one of our own paths, not for an upstream. */
  readonly own: boolean
  /** Of the client: aborted when it has left. */
  readonly signal: AbortSignal
  readonly waitUntil: (work: Promise<unknown>) => void
  caller: Caller | null
  permit: Permit | null
  outcome: Outcome | null
  /** Version of the key that signed: the name of its binding. */
  version: string | null
}

/** What our own routes (admin, OAuth, pages) get from `createApp`. */
export interface OwnEnv {
  Bindings: { readonly call: Call }
}

export type OwnRoutes = Hono<OwnEnv>
