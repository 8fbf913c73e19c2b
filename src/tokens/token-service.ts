/**
 * What the endpoints of the token service work with, put together by `worker.ts`; tests hand in fakes. All of it
 * is asked for as interfaces, because objects and accounts live elsewhere.
 */
import type { Configuration } from '../core/configuration.ts'
import { endedGrantsMax } from '../core/limits.ts'
import type { Caller } from '../core/permit.ts'
import { Refusal } from '../core/problems.ts'
import type { Secret } from '../core/redact.ts'
import type { SigningKey } from '../core/signing-key.ts'
import type { DirectoryRpc } from './directory-rpc.ts'
import type { Ended } from './records.ts'
import type { Signer } from './signing-keys.ts'

export interface TokenService {
  readonly config: Pick<Configuration, 'url' | 'teams' | 'clients'>
  /** null: COUNTERSIGN_SIGNING_KEY is not set, and the token service is off. */
  readonly signing: { readonly signer: Signer; readonly keys: readonly SigningKey[] } | null
  /** Opened anew for each request: the platform binds a stub to the request that opened it. */
  readonly directory: () => DirectoryRpc
  readonly accounts: AccountRevocations
  readonly verifier: TokenVerifier
  /** Keys the fingerprints of the audit log. */
  readonly fingerprintKey: Secret
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly randomBytes: (count: number) => Uint8Array
}

/** Tells the accounts what no call may use any more; answered when the account has committed it. */
export interface AccountRevocations {
  /** Ends tokens of our own, of that team. */
  revoke(team: string, what: EndedTokens): Promise<void>
  /** Whether the account of the caller's team has revoked this token, of whichever issuer. */
  revoked(caller: Caller): Promise<boolean>
}

/** By what they descend from, by their `jti`, or all that were issued until now. */
export type EndedTokens = { readonly by: 'gid' | 'jti'; readonly value: string } | 'all'

/** What `identity` verifies; `now` in milliseconds since 1970. Each throws or rejects with Refusal. */
export interface TokenVerifier {
  verify(token: string, now: number): Caller | Promise<Caller>
  verifyAdministration(token: string, now: number): Caller | Promise<Caller>
  verifySubjectToken(token: string, now: number): Promise<Caller>
}

/**
 * Waits for an object's answer. That it cannot be reached is a failure of the platform which the caller may try
 * again, and nothing is taken for granted meanwhile.
 */
export async function answered<Answer>(asked: Promise<Answer>): Promise<Answer> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal('account_unavailable', {
      detail: 'What has to be looked up cannot be reached right now. Try again shortly.',
      reason: `object unavailable: ${String(error)}`,
      headers: { 'retry-after': '1' },
    })
  }
}

/**
 * Ends, in their teams' accounts, the tokens that descend from what has ended. Beyond a few of one team, all that
 * the team was issued until now: one call instead of hundreds, and whoever is still good exchanges anew.
 */
export async function endInAccounts(accounts: AccountRevocations, ended: readonly Ended[]): Promise<void> {
  for (const [team, ofTeam] of Map.groupBy(ended, (one) => one.team)) {
    if (team === null) continue
    if (ofTeam.length > endedGrantsMax) await answered(accounts.revoke(team, 'all'))
    else
      for (const { grantId } of ofTeam) await answered(accounts.revoke(team, { by: 'gid', value: grantId }))
  }
}
