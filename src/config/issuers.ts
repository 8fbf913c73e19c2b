/**
 * Issuers: algorithm, key and issuer are one bound triple, and an issuer that others use
 * too must say which of its tokens are meant.
 */
import type { Issuer, PublicJwk, TeamRule } from '../core/configuration.ts'
import { joseType } from '../core/jose-type.ts'
import { edwardsAlgorithms, judgeJwk, tokenAlgorithms } from '../core/jwk.ts'
import {
  clockToleranceSecondsDefault,
  clockToleranceSecondsMax,
  jwksKeysMax,
  tokenLifetimeSecondsDefault,
  tokenLifetimeSecondsMax,
} from '../core/limits.ts'
import { ownIssuerName } from '../core/reserved.ts'
import {
  asItStands,
  choice,
  distinct,
  fields,
  flag,
  type Input,
  integer,
  list,
  map,
  optional,
  type Reader,
  some,
  text,
} from './input.ts'
import { checkLabel } from './names.ts'
import { readUrl } from './urls.ts'

/** What is asked of the teams here is whether there is one of that name. */
export type TeamNames = Pick<ReadonlySet<string>, 'has'>

interface IssuerContext {
  readonly url: string
  readonly teams: TeamNames
  /** Whether there are other external issuers. */
  readonly several: boolean
}

/** By `iss`; external issuers only. */
export function readIssuers(at: Input, url: string, teams: TeamNames): ReadonlyMap<string, Issuer> {
  const issuers = new Map<string, Issuer>()
  const context = { url, teams, several: Object.keys(at.value ?? {}).length > 1 }
  const readOne = (one: Input, name: string): null => {
    checkLabel(one, name)
    if (name === ownIssuerName) one.fault('is the name of our own token service; choose another')
    const issuer = readIssuer(one, name, context)
    if (issuer === null) return null
    const same = issuers.get(issuer.issuer)
    if (same !== undefined)
      one.child('issuer').fault(`is already the issuer of ${same.name}; an iss has one set of rules`)
    issuers.set(issuer.issuer, issuer)
    return null
  }
  optional(null, map('a name for each issuer, with its settings', readOne))(at)
  return issuers
}

function readIssuer(at: Input, name: string, context: IssuerContext): Issuer | null {
  const { url } = context
  const read = fields({
    issuer: (issuer) => readIss(issuer, url),
    jwks: readJwks,
    algorithms: readAlgorithms,
    audience: optional(url, (audience) => readAudience(audience, url)),
    team: asItStands,
    scopes: readScopes,
    where: optional([], readWhere),
    typ: optional(new Set(['at+jwt']), readTyp),
    maxLifetimeSeconds: optional(
      tokenLifetimeSecondsDefault,
      integer('seconds', { min: 1, max: tokenLifetimeSecondsMax }),
    ),
    clockToleranceSeconds: optional(
      clockToleranceSecondsDefault,
      integer('seconds', { min: 0, max: clockToleranceSecondsMax }),
    ),
    use: optional(new Set<Use>(['call']), readUse),
    dedicated: flag,
    teams: asItStands,
  })(at)
  if (read === null) return null
  const { jwks: keys, dedicated, teams, scopes, ...settings } = read
  const team = readTeam(read.team, teams, context)
  if (!dedicated && settings.where.length === 0) {
    const need =
      'needs `where` (claims that must equal given values) or `dedicated: true`, because tokens of others may come from the same issuer'
    if (team?.kind === 'value') read.team.fault(`a fixed team ${need}`)
    if (scopes?.kind === 'granted') at.child('scopes').fault(`'granted' ${need}`)
  }
  if (settings.issuer === '' || keys === null || team === null || scopes === null) return null
  return { ...settings, name, keys, team, scopes }
}

function readIss(at: Input, url: string): string {
  const iss = text('the exact iss of its tokens')(at)
  if (iss !== '' && !/^[\x21-\x7e]{1,512}$/.test(iss))
    at.fault('must be at most 512 visible ASCII characters, exactly as the iss claim has them')
  if (iss !== '' && iss === url) at.fault('is our own url; tokens of our own service need no entry')
  return iss
}

function readJwks(at: Input): Issuer['keys'] | null {
  if (typeof at.value !== 'object' || at.value === null) {
    const url = readUrl(at, 'the URL of its JWKS, or { keys: [...] }')
    return url && { kind: 'url', url: url.href }
  }
  const keys = fields({ keys: list('public keys as RFC 7517 writes them', readKey) })(at)?.keys ?? []
  const written = at.child('keys').value
  if (Array.isArray(written) && (written.length === 0 || written.length > jwksKeysMax))
    at.fault(`must hold 1 to ${jwksKeysMax} keys`)
  return { kind: 'inline', keys }
}

function readKey(at: Input): PublicJwk | null {
  const key = judgeJwk(at.value)
  return typeof key === 'string' ? at.fault(key) : (at.value as PublicJwk)
}

function readAlgorithms(at: Input): ReadonlySet<string> {
  const names = distinct(
    "such as ['ES256']",
    (one) =>
      tokenAlgorithms.find((name) => name === one.value) ??
      one.fault(
        `must be one of ${tokenAlgorithms.join(', ')}; none and shared secrets (HS256, ...) are never accepted`,
      ),
  )(at)
  const edwards: readonly string[] = edwardsAlgorithms
  return new Set(names.flatMap((name) => (edwards.includes(name) ? edwards : name)))
}

function readAudience(at: Input, url: string): string {
  const audience = text(`the aud of its tokens; default ${url}`)(at)
  if (audience === `${url}/api`)
    at.fault('is the audience of administration, which only tokens of our own service have')
  return audience
}

function readTyp(at: Input): ReadonlySet<string> {
  const names = distinct("such as ['at+jwt', 'JWT']", text('a typ'))(at)
  return new Set(names.map(joseType))
}

type Use = 'call' | 'exchange'

function readUse(at: Input): ReadonlySet<Use> {
  return new Set(distinct("'call', 'exchange' or both", choice<Use>(['call', 'exchange']))(at))
}

function readScopes(at: Input): Issuer['scopes'] | null {
  if (at.value === undefined) return { kind: 'claim', claim: 'scope' }
  if (at.value === 'granted') return { kind: 'granted' }
  if (typeof at.value === 'string')
    return at.fault("must be { claim: 'scope' }, or 'granted' for all that the team was granted")
  const read = fields({ claim: text('the claim that holds the scopes') })(at)
  return read && { kind: 'claim', ...read }
}

/** Claims that are the same in every token of an issuer, so that they tell nobody apart. */
const commonClaims: readonly string[] = ['iss', 'aud', 'exp', 'iat', 'nbf']

function readWhere(at: Input): Issuer['where'] {
  const read = map('claims with the values that they must equal', (one, name) => {
    const { value } = one
    if (commonClaims.includes(name))
      return one.fault('is the same in all tokens of an issuer; name a claim that tells yours')
    if (typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value))
      return value as string | number | boolean
    return one.fault('must be text, a whole number, true or false: the value that the claim must equal')
  })
  return [...some(read)(at)]
}

function readTeam(at: Input, among: Input, { teams, several }: IssuerContext): TeamRule | null {
  const readNames = distinct('the teams that this issuer may speak for', readTeamName(teams))
  const before = at.faults.length
  const speaksFor = among.value === undefined ? null : new Set(readNames(among))
  const readName = readTeamName(teams, at.faults.length === before ? speaksFor : null)
  const has = (name: string): boolean => at.child(name).value !== undefined
  const rule = fields({
    claim: has('value') ? asItStands : text('the claim that names the team'),
    map: optional(null, some(map('values of the claim with the team of each', readName))),
    value: optional(null, readName),
  })(at)
  if (rule === null) return null
  const { claim, map: teamOf, value } = rule
  if (typeof claim !== 'string') {
    if (has('claim') || has('map')) return at.fault('must have either value or claim')
    return value === null ? null : { kind: 'value', value }
  }
  if (teamOf !== null) return { kind: 'map', claim, map: teamOf }
  if (several && speaksFor === null && claim !== '') {
    return at.fault(
      'needs `teams: [...]`, the teams that this issuer may speak for, because there are several issuers; or a `map`',
    )
  }
  return { kind: 'claim', claim, teams: speaksFor }
}

/** The name of a team of this configuration; `among`: of those that the issuer may speak for. */
export function readTeamName(
  teams: TeamNames,
  among: ReadonlySet<string> | null = null,
): Reader<string | null> {
  return (at) => {
    const name = text('the name of a team')(at)
    if (name === '') return null
    if (!teams.has(name) && at.isFaulty('teams')) return null
    if (!teams.has(name))
      return at.fault(`there is no team ${JSON.stringify(name.slice(0, 64))}; add it to teams`)
    if (among?.has(name) === false) return at.fault(`${name} is not among the teams of this issuer`)
    return name
  }
}

/** Our own token service, which exists when there is a signing key. */
export function ownIssuer(url: string): Issuer {
  return {
    name: ownIssuerName,
    issuer: url,
    keys: { kind: 'own' },
    algorithms: new Set([...edwardsAlgorithms, 'ES256']),
    audience: url,
    typ: new Set(['at+jwt']),
    team: { kind: 'claim', claim: 'team', teams: null },
    scopes: { kind: 'claim', claim: 'scope' },
    where: [],
    maxLifetimeSeconds: tokenLifetimeSecondsDefault,
    clockToleranceSeconds: clockToleranceSecondsDefault,
    use: new Set(['call']),
  }
}
