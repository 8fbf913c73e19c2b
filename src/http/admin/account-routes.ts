/** The administration of accounts: teams, revocations, usage. */
import type { AccountRpc } from '../../accounts/account-rpc.ts'
import type { Configuration } from '../../core/configuration.ts'
import type { TokenService } from '../../tokens/token-service.ts'
import type { OwnRoutes } from '../call.ts'
import type { Guard } from './authorize.ts'
import { revocationRoutes } from './revocations.ts'
import { teamRoutes } from './teams.ts'
import { usageRoutes } from './usage.ts'

export interface AccountAdministration {
  readonly config: Pick<Configuration, 'issuers' | 'teams'>
  readonly openAccount: (team: string) => AccountRpc
  /** For what a revocation ends besides calls, and for the audit log. */
  readonly service: Pick<TokenService, 'directory' | 'accounts'>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

export function accountRoutes(deps: AccountAdministration, guard: Guard): readonly OwnRoutes[] {
  return [teamRoutes(deps, guard), revocationRoutes(deps, guard), usageRoutes(deps, guard)]
}
