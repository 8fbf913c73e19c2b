/** What people and browsers sign in with: `clients`, `signIn`; and `usage`. */
import type { Client, Configuration, Role, SignIn } from '../core/configuration.ts'
import { rollupMinutesDefault, rollupMinutesMax } from '../core/limits.ts'
import { type Input, readEntries, readFields, readInteger, readList, readText } from './input.ts'
import { readTeamName, type TeamNames } from './issuers.ts'
import { checkLabel, ownClientName, readBinding } from './names.ts'
import { readRedirectUri, readUrl } from './urls.ts'

export function readClients(input: Input): ReadonlyMap<string, Client> {
  const clients = new Map<string, Client>()
  if (input.value === undefined) return clients
  for (const [id, at] of readEntries(input, 'a client_id for each browser client, with its redirectUris')) {
    checkLabel(at, id)
    if (id === ownClientName) at.fault('is the built-in client of the CLI; choose another')
    const client = readFields(at, ['redirectUris'])
    if (client === null) continue
    const list = readList(client.get('redirectUris'), 'exact redirect URIs')
    if (list?.length === 0) client.get('redirectUris').fault('must name at least one')
    clients.set(id, { id, redirectUris: (list ?? []).flatMap((element) => readRedirectUri(element) ?? []) })
  }
  return clients
}

const roles: readonly Role[] = ['admin', 'team-admin', 'member']

export function readSignIn(input: Input, teams: TeamNames): SignIn | null {
  if (input.value === undefined) return null
  const fields = readFields(input, ['issuer', 'clientId', 'clientSecret', 'team', 'role'])
  if (fields === null) return null
  const issuer = readUrl(fields.get('issuer'), "the company's OpenID provider")
  const clientId = readText(fields.get('clientId'), 'our client_id at the provider')
  const clientSecret = fields.has('clientSecret') ? readBinding(fields.get('clientSecret')) : null
  const team = readSignInTeam(fields.get('team'), teams)
  const role = readSignInRole(fields.get('role'))
  if (issuer === null || clientId === null || team === null || role === null) return null
  return { issuer: String(fields.get('issuer').value), clientId, clientSecret, team, role }
}

function readSignInTeam(input: Input, teams: TeamNames): SignIn['team'] | null {
  const fields = readFields(input, ['claim', 'map'])
  const claim = fields === null ? null : readText(fields.get('claim'), 'the claim that names the team')
  if (fields === null || claim === null) return null
  if (!fields.has('map')) return { claim, map: null }
  return { claim, map: readMap(fields.get('map'), (at) => readTeamName(at, teams, null)) }
}

/** Without a rule everybody is a member. */
function readSignInRole(input: Input): SignIn['role'] | null {
  if (input.value === undefined) return { claim: 'role', map: new Map() }
  const fields = readFields(input, ['claim', 'map'])
  const claim = fields === null ? null : readText(fields.get('claim'), 'the claim that names the role')
  if (fields === null || claim === null) return null
  const map = readMap(
    fields.get('map'),
    (at) => roles.find((role) => role === at.value) ?? at.fault(`must be one of ${roles.join(', ')}`),
  )
  return { claim, map }
}

function readMap<Value>(input: Input, read: (at: Input) => Value | null): ReadonlyMap<string, Value> {
  const map = new Map<string, Value>()
  for (const [name, at] of readEntries(input, 'values of the claim, with what each stands for')) {
    const value = read(at)
    if (value !== null) map.set(name, value)
  }
  return map
}

export function readUsage(input: Input): Configuration['usage'] {
  const fields = input.value === undefined ? null : readFields(input, ['rollupMinutes'])
  if (fields === null) return { rollupMinutes: rollupMinutesDefault }
  return {
    rollupMinutes: readInteger(fields.get('rollupMinutes'), rollupMinutesDefault, {
      min: 1,
      max: rollupMinutesMax,
      unit: 'minutes',
    }),
  }
}
