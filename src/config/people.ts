/** What people and browsers sign in with: `clients`, `signIn`; and `usage`. */
import type { Client, Configuration, Role, SignIn } from '../core/configuration.ts'
import { rollupMinutesDefault, rollupMinutesMax } from '../core/limits.ts'
import { cliClientId, unnamedClientId } from '../core/reserved.ts'
import { roles } from '../core/roles.ts'
import { fields, type Input, integer, list, map, optional, type Reader, some, text } from './input.ts'
import { readTeamName, type TeamNames } from './issuers.ts'
import { checkLabel, readBinding } from './names.ts'
import { readRedirectUri, readUrlText } from './urls.ts'

const readClient = fields({ redirectUris: some(list('exact redirect URIs', readRedirectUri)) })

export const readClients: Reader<ReadonlyMap<string, Client>> = optional(
  new Map(),
  map('a client_id for each browser client, with its redirectUris', (at, id) => {
    checkLabel(at, id)
    if (id === cliClientId || id === unnamedClientId)
      at.fault("is one of Countersign's own client ids; choose another")
    const client = readClient(at)
    return client && { id, ...client }
  }),
)

function readRole(at: Input): Role | null {
  return roles.find((role) => role === at.value) ?? at.fault(`must be one of ${roles.join(', ')}`)
}

const meanings = 'values of the claim, with what each stands for'

/** Without a rule everybody is a member. */
const readRoleRule = optional(
  { claim: 'role', map: new Map<string, Role>() },
  fields({ claim: text('the claim that names the role'), map: map(meanings, readRole) }),
)

export function readSignIn(at: Input, teams: TeamNames): SignIn | null {
  if (at.value === undefined) return null
  const signIn = fields({
    issuer: readUrlText("the company's OpenID provider"),
    clientId: text('our client_id at the provider'),
    clientSecret: optional(null, readBinding),
    team: fields({
      claim: text('the claim that names the team'),
      map: optional(null, map(meanings, readTeamName(teams))),
    }),
    role: readRoleRule,
  })(at)
  const { team = null, role = null } = signIn ?? {}
  return signIn && team && role && { ...signIn, team, role }
}

export const readUsage: Reader<Configuration['usage'] | null> = optional(
  { rollupMinutes: rollupMinutesDefault },
  fields({
    rollupMinutes: optional(rollupMinutesDefault, integer('minutes', { min: 1, max: rollupMinutesMax })),
  }),
)
