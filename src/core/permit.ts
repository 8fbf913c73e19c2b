import type { Grant, Issuer, Key, Limit, Role, Team, Upstream } from './configuration.ts'
import type { Route } from './route.ts'
import type { Scopes } from './scope.ts'

/** A verified token. */
export interface Caller {
  /** The issuer's name in the configuration, and the rule set it was accepted by. */
  readonly issuer: Issuer
  /** `''` only for a platform admin without a team, who administers and never calls. */
  readonly team: string
  readonly subject: string
  /** `jti`; null when the issuer sends none. */
  readonly tokenId: string | null
  /** `gid`, what one of our own tokens descends from; null for other issuers. */
  readonly grantId: string | null
  /** `role` of one of our own tokens; null for other issuers and where there is none. */
  readonly role: Role | null
  /** Seconds since 1970. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** Scopes by `<upstream>` and `<upstream>@<key>`; `granted`: all that the team was granted. */
  readonly scopes: ReadonlyMap<string, Scopes> | 'granted'
}

/** Method and path of a call after they were checked; the one form that is matched, signed, sent and logged. */
export interface Target {
  readonly method: string
  readonly upstream: string
  /** What stands behind `/{upstream}`: `''` or `/...`. */
  readonly path: string
  /** With its `?`; `''` when there is none. */
  readonly query: string
}

declare const decided: unique symbol

/** That this caller may make this call with this key. Only `decide` (core/policy.ts) makes one. */
export interface Permit {
  readonly [decided]: true
  readonly caller: Caller
  readonly team: Team
  readonly upstream: Upstream
  readonly grant: Grant
  readonly key: Key
  readonly route: Route
  readonly target: Target
  readonly limitSet: LimitSet
}

/** The limits that apply to one request together. */
export interface LimitSet {
  /** Names in order, joined by `,`; `''` for the empty set. */
  readonly id: string
  readonly limits: readonly Limit[]
}
