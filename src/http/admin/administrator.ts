/** From an access token for administration to who administers now. */
import type { Role } from '../../core/configuration.ts'
import { Refusal } from '../../core/problems.ts'
import { roles } from '../../core/roles.ts'
import { scopeTexts } from '../../tokens/scope-set.ts'
import { answered, type TokenService } from '../../tokens/token-service.ts'
import { type Administrator, notAdministering } from './authorize.ts'

function lesser(left: Role, right: Role): Role {
  return roles.indexOf(left) < roles.indexOf(right) ? left : right
}

/**
 * The directory is asked each time: administration is rare, and so a revocation counts at once. The role is the
 * lesser of what the token says and what its owner has now.
 */
export function administratorVerifier({
  verifier,
  directory,
  now,
}: Pick<TokenService, 'verifier' | 'directory' | 'now'>) {
  return async (token: string): Promise<Administrator> => {
    const caller = await verifier.verifyAdministration(token, now())
    const { subject, tokenId, grantId, role } = caller
    if (tokenId === null || grantId === null || role === null) {
      throw notAdministering('jti, gid or role missing')
    }
    const team = caller.team === '' ? null : caller.team
    const issuedAt = caller.issuedAt * 1000
    const standing = await answered(
      directory().standing({ grantId, tokenId, subject, team, issuedAt, now: now() }),
    )
    if (!standing.good) {
      throw new Refusal('token_revoked', { reason: standing.reason })
    }
    return {
      subject,
      role: lesser(role, standing.role),
      team,
      scopes: caller.scopes === 'granted' ? [] : scopeTexts(caller.scopes),
      expiresAt: caller.expiresAt,
      grantId,
    }
  }
}
