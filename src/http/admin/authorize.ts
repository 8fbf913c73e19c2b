/**
 * Who may administer: every `/api` route begins here. Two kinds of credential are accepted, both as
 * `Authorization: Bearer`: the admin key, and an access token of our own for the audience `url + '/api'`.
 * A calling token has another audience and is refused like any other that is not meant for this place.
 */
import type { Role } from '../../core/configuration.ts'
import { adminKeyCharsMin } from '../../core/limits.ts'
import { personalTokenPrefix } from '../../core/personal-token.ts'
import { Refusal } from '../../core/problems.ts'
import { Secret } from '../../core/redact.ts'
import { digestOf, sameDigest } from '../../tokens/opaque.ts'
import { adminKeyOwner } from '../../tokens/records.ts'

export interface Administrator {
  /** `admin-key`, or the `sub` of the token. Stands in the audit log as the one who did it. */
  readonly subject: string
  readonly role: Role
  /** null: not bound to a team (the admin key, and people who are `admin` without one). */
  readonly team: string | null
  /** What tokens that this administrator makes may carry at most; empty for the admin key, whose role decides. */
  readonly scopes: readonly string[]
  /** Seconds since 1970; null: never (the admin key). */
  readonly expiresAt: number | null
  /** `gid` of the token, what it descends from; null for the admin key. */
  readonly grantId: string | null
}

export interface AuthorizeDeps {
  /** COUNTERSIGN_ADMIN_KEY; null when it is not set, and then it opens nothing. */
  readonly adminKey: Secret | null
  /**
   * Verifies an access token for the audience `url + '/api'`, its role and that nothing it descends from was
   * revoked; throws `Refusal`. null while the token service is off.
   */
  readonly verifyAdministrator: ((token: string) => Promise<Administrator>) | null
}

/** Finds out who administers; every route asks it first. */
export type Guard = (request: Request) => Promise<Administrator>

/** RFC 6750 section 2.1: one scheme, one b64token. The scheme's name is case-insensitive (RFC 9110). */
const bearerForm = /^bearer +([\x21-\x7e]+)$/i

/** The administrator whose credential the request carries. Throws `Refusal` (401) in every other case. */
export async function authorize(request: Request, deps: AuthorizeDeps): Promise<Administrator> {
  const header = request.headers.get('authorization')
  if (header === null) {
    throw new Refusal('token_missing', { detail: credentialWanted })
  }
  const token = bearerForm.exec(header)?.[1]
  if (token === undefined) throw notAdministering('Authorization is not a bearer credential')
  if (await isAdminKey(token, deps.adminKey))
    return { subject: adminKeyOwner, role: 'admin', team: null, scopes: [], expiresAt: null, grantId: null }
  if (token.startsWith(personalTokenPrefix)) {
    throw new Refusal('token_invalid', {
      detail: 'Exchange the personal token first: POST /oauth/token, with resource for the administration.',
      reason: 'personal token presented as it is',
    })
  }
  if (deps.verifyAdministrator === null)
    throw notAdministering('not the admin key, and the token service is off')
  return deps.verifyAdministrator(token)
}

/** May change what belongs to this team: every `admin`, and the team's own `team-admin`. */
export function mayAdminister(administrator: Administrator, team: string): boolean {
  return (
    administrator.role === 'admin' || (administrator.role === 'team-admin' && administrator.team === team)
  )
}

/** May read what belongs to this team: who administers it, and its members. */
export function maySee(administrator: Administrator, team: string): boolean {
  return administrator.role === 'admin' || administrator.team === team
}

/** A 403 that names the role which the call needs. */
export function roleInsufficient(role: Role): Refusal {
  return new Refusal('scope_insufficient', {
    detail: `This needs the role ${role}: ask someone who has it.`,
    reason: `role ${role} needed`,
    members: { scope: role },
  })
}

export function requireAdmin(administrator: Administrator): void {
  if (administrator.role !== 'admin') throw roleInsufficient('admin')
}

export function requireTeamAdmin(administrator: Administrator, team: string): void {
  if (!mayAdminister(administrator, team)) throw roleInsufficient('team-admin')
}

/**
 * Compares digests, so that neither the length nor the first differing byte shows in the time it takes.
 * A key that is too short opens nothing, whatever else says that the configuration is in order.
 */
export async function isAdminKey(presented: string, adminKey: Secret | null): Promise<boolean> {
  if (adminKey === null || adminKey.reveal().length < adminKeyCharsMin) return false
  return sameDigest(await digestOf(new Secret(presented)), await digestOf(adminKey))
}

const credentialWanted =
  'Send Authorization: Bearer with the admin key, or with a token for the administration.'

export function notAdministering(reason: string): Refusal {
  return new Refusal('token_invalid', { detail: credentialWanted, reason })
}
