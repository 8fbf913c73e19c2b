/** What administration asks an account, as plain data; the Durable Object implements it, tests hand in another one. */
import type { Account } from '../core/quota/books.ts'
import type { LimitOverride } from '../core/quota/overrides.ts'
import type { Revocation } from '../core/quota/revocation.ts'

export interface AccountRpc {
  /** `rowsMax`: the answer would have more rows than that. */
  usage(query: UsageQuery): Promise<UsageReport | { readonly rowsMax: number }>
  /** Answered when it is committed. null: the list is full; `before` always finds room. */
  revoke(revocation: Omit<Revocation, 'id'>): Promise<Revocation | null>
  revocations(): Promise<readonly Revocation[]>
  /**
   * `unknownLimit`: a name that the configuration does not have; null: the account is not as `expected` (any more).
   * Nothing was changed then.
   */
  patch(
    patch: AccountPatch,
    expected?: AccountDescription,
  ): Promise<AccountDescription | { readonly unknownLimit: string } | null>
  describe(): Promise<AccountDescription>
}

/** Name of a team's object. `key:<upstream>/<key>` is reserved for quotas that teams share. */
export function accountName(team: string): string {
  return `team:${team}`
}

export type UsageColumn = 'hour' | 'day' | 'upstream' | 'key' | 'subject' | 'outcome'

export interface UsageQuery {
  /** Milliseconds since 1970, on hours; [from, to). */
  readonly from: number
  readonly to: number
  readonly by: readonly UsageColumn[]
}

/** Values of the columns that were asked for, in that order; `hour` and `day` in milliseconds since 1970. */
export interface UsageGroup {
  readonly by: readonly (string | number)[]
  readonly requests: number
  /** null: known of none of these calls. */
  readonly bytesIn: number | null
  readonly bytesOut: number | null
  readonly millis: number
  /** Latest dispatch, milliseconds since 1970. */
  readonly lastAt: number
}

export interface UsageReport extends Readonly<Record<Account | 'granted', number>> {
  readonly rows: readonly UsageGroup[]
  readonly refused: readonly { readonly code: string; readonly requests: number }[]
  /** What limits in observe mode would have refused, as far as leases show it. */
  readonly observed: readonly { readonly limit: string; readonly requests: number }[]
}

export interface AccountDescription {
  readonly suspended: boolean
  readonly limits: readonly {
    readonly name: string
    readonly requests: number
    readonly per: string
    readonly burst: number
    readonly overridden: boolean
  }[]
}

export interface AccountPatch {
  readonly suspended?: boolean
  /** null takes an override back. */
  readonly limits?: Readonly<Record<string, LimitOverride | null>>
}
