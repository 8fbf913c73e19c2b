/** People: who the company's provider says somebody is, and what they may have in a token now. */

import type { Configuration, Role, SignIn } from '../core/configuration.ts'
import { claimCharsMax } from '../core/limits.ts'
import { isPrintable } from '../core/printable.ts'
import { roles } from '../core/roles.ts'
import { own } from '../core/table.ts'
import type { Proven } from './exchange.ts'
import type { Person, StandingGrant } from './records.ts'
import { allGranted, withinGrants } from './scope-set.ts'

/** `sub` of a person; the slash keeps it apart from the subjects of issuers. */
function personSubject(sub: string): string {
  return `signin/${sub}`
}

/**
 * The person behind the claims of a verified ID token. null when they belong to no team of ours and do not
 * administer the platform: then there is nothing that they may do. A list of teams is none, since it is not for us
 * to choose who pays; of a list of roles (groups) the highest counts.
 */
export function readPerson(
  claims: Readonly<Record<string, unknown>>,
  { team: teamRule, role: roleRule }: Pick<SignIn, 'team' | 'role'>,
  teams: Configuration['teams'],
): Person | null {
  const sub = own(claims, 'sub')
  if (typeof sub !== 'string' || sub === '' || !isPrintable(sub)) return null
  const subject = personSubject(sub)
  if (subject.length > claimCharsMax) return null
  const claimed = own(claims, teamRule.claim)
  const named =
    typeof claimed !== 'string' ? undefined : teamRule.map === null ? claimed : teamRule.map.get(claimed)
  const team = named !== undefined && teams.has(named) ? named : null
  const role = highestRole(own(claims, roleRule.claim), roleRule.map)
  return team === null && role !== 'admin' ? null : { subject, role, team }
}

function highestRole(claim: unknown, map: ReadonlyMap<string, Role>): Role {
  const values: readonly unknown[] = Array.isArray(claim) ? claim : [claim]
  const rank = Math.max(
    0,
    ...values.map((value) => (typeof value === 'string' ? roles.indexOf(map.get(value) ?? 'member') : 0)),
  )
  return roles[rank] ?? 'member'
}

/** Everything that a person may call with now; of what was asked for, where that is not null. */
export function scopesOf(
  { team }: Person,
  teams: Configuration['teams'],
  { asked = null }: { readonly asked?: readonly string[] | null } = {},
): readonly string[] {
  const known = team === null ? undefined : teams.get(team)
  if (known === undefined) return []
  return asked === null ? allGranted(known) : withinGrants(asked, known)
}

/**
 * What a login proves at this moment: what was approved, within what its owner may now. null when they may nothing
 * any more, or moved to another team: then it is that team's account that would have to hear of revocations.
 */
export function provenByGrant(
  { id, person, team, subject, expiresAt }: StandingGrant,
  approved: readonly string[] | null,
  teams: Configuration['teams'],
): Proven | null {
  if (person === null || person.team !== team) return null
  return {
    subject,
    team,
    role: person.role,
    scopes: approved ?? scopesOf(person, teams),
    grantId: id,
    notAfter: Math.floor(expiresAt / 1000),
  }
}
