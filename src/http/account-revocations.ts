import { accessTokenSeconds, clockToleranceSecondsMax } from '../core/limits.ts'
import { indexRevocations, isRevoked, type Revocation } from '../core/quota/revocation.ts'
import { ownIssuerName } from '../core/reserved.ts'
import type { AccountRevocations } from '../tokens/token-service.ts'

/** As much of an account as ending tokens needs. */
interface RevokingAccount {
  revoke(revocation: Omit<Revocation, 'id'>): Promise<Revocation | null>
  revocations(): Promise<readonly Revocation[]>
}

interface AccountRevocationsOptions {
  readonly now: () => number
}

/**
 * Ends tokens of our own in the account of their team, until the last of them has expired by itself. A team
 * whose list is full loses all of our tokens issued until now instead: ending too many is safe, too few is not.
 */
export function accountRevocations(
  openAccount: (team: string) => RevokingAccount,
  { now }: AccountRevocationsOptions,
): AccountRevocations {
  return {
    revoke: async (team, what) => {
      const account = openAccount(team)
      const until = now() + (accessTokenSeconds + clockToleranceSecondsMax) * 1000
      const issuer = ownIssuerName
      if (what !== 'all' && (await account.revoke({ issuer, ...what, until })) !== null) return
      const value = String(Math.floor(now() / 1000) + 1)
      await account.revoke({ issuer, by: 'before', value, until })
    },
    revoked: async (caller) =>
      isRevoked(indexRevocations(await openAccount(caller.team).revocations()), caller),
  }
}
