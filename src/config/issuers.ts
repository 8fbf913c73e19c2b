/**
 * Issuers (design section 3): algorithm, key and issuer are one bound triple, and an issuer that others use
 * too must say which of its tokens are meant.
 */
import type { Issuer, PublicJwk, TeamRule } from '../core/configuration.ts'
import { judgeJwk, tokenAlgorithms } from '../core/jwk.ts'
import {
  clockToleranceSecondsDefault,
  clockToleranceSecondsMax,
  jwksKeysMax,
  tokenLifetimeSecondsDefault,
  tokenLifetimeSecondsMax,
} from '../core/limits.ts'
import {
  type Fields,
  type Input,
  readChoice,
  readFields,
  readFlag,
  readInteger,
  readList,
  readRecord,
  readText,
  readTexts,
} from './input.ts'
import { checkLabel, ownIssuerName } from './names.ts'
import { readUrl } from './urls.ts'

/** What is asked of the teams here is whether there is one of that name. */
export type TeamNames = Pick<ReadonlySet<string>, 'has'>

interface IssuerContext {
  readonly url: string
  readonly teams: TeamNames
}

const issuerFields = [
  'issuer',
  'jwks',
  'algorithms',
  'audience',
  'team',
  'scopes',
  'where',
  'typ',
  'maxLifetimeSeconds',
  'clockToleranceSeconds',
  'use',
  'dedicated',
  'teams',
] as const

/** By `iss`; external issuers only. */
export function readIssuers(input: Input, context: IssuerContext): ReadonlyMap<string, Issuer> {
  const issuers = new Map<string, Issuer>()
  if (input.value === undefined) return issuers
  const fields = readRecord(input, 'a name for each issuer, with its settings')
  if (fields === null) return issuers
  const names = fields.names()
  for (const name of names) {
    const at = fields.get(name)
    checkLabel(at, name)
    if (name === ownIssuerName) at.fault(`is the name of our own token service; choose another`)
    const issuer = readIssuer(at, name, { ...context, several: names.length > 1 })
    if (issuer === null) continue
    const same = issuers.get(issuer.issuer)
    if (same !== undefined) {
      at.child('issuer', issuer.issuer).fault(
        `is already the issuer of ${same.name}; an iss has one set of rules`,
      )
    }
    issuers.set(issuer.issuer, issuer)
  }
  return issuers
}

function readIssuer(
  input: Input,
  name: string,
  context: IssuerContext & { readonly several: boolean },
): Issuer | null {
  const fields = readFields(input, issuerFields)
  if (fields === null) return null
  const issuer = readIss(fields.get('issuer'), context.url)
  const keys = readJwks(fields.get('jwks'))
  const algorithms = readAlgorithms(fields.get('algorithms'))
  const where = readWhere(fields.get('where'))
  const scopes = readScopes(fields.get('scopes'))
  const team = readTeam(fields, context)
  const dedicated = readFlag(fields.get('dedicated'))
  if (!dedicated && where.length === 0) {
    const need =
      'needs `where` (claims that must equal given values) or `dedicated: true`, because tokens of others may come from the same issuer'
    if (team?.kind === 'value') fields.get('team').fault(`a fixed team ${need}`)
    if (scopes?.kind === 'granted') fields.get('scopes').fault(`'granted' ${need}`)
  }
  const settings = {
    audience: readAudience(fields.get('audience'), context.url),
    typ: readTyp(fields.get('typ')),
    where,
    maxLifetimeSeconds: readInteger(fields.get('maxLifetimeSeconds'), tokenLifetimeSecondsDefault, {
      min: 1,
      max: tokenLifetimeSecondsMax,
      unit: 'seconds',
    }),
    clockToleranceSeconds: readInteger(fields.get('clockToleranceSeconds'), clockToleranceSecondsDefault, {
      min: 0,
      max: clockToleranceSecondsMax,
      unit: 'seconds',
    }),
    use: readUse(fields.get('use')),
  }
  if (issuer === null || keys === null || team === null || scopes === null) return null
  return { name, issuer, keys, algorithms, team, scopes, ...settings }
}

function readIss(input: Input, url: string): string | null {
  const text = readText(input, 'the exact iss of its tokens')
  if (text === null) return null
  if (text.length > 512 || !/^[\x21-\x7e]+$/.test(text))
    return input.fault('must be at most 512 visible ASCII characters, exactly as the iss claim has them')
  if (text === url) return input.fault('is our own url; tokens of our own service need no entry')
  return text
}

function readJwks(input: Input): Issuer['keys'] | null {
  const what = 'the URL of its JWKS, or { keys: [...] }'
  if (typeof input.value !== 'object' || input.value === null) {
    const url = readUrl(input, what)
    return url === null ? null : { kind: 'url', url: url.href }
  }
  const fields = readFields(input, ['keys'])
  const list = fields === null ? null : readList(fields.get('keys'), 'public keys as RFC 7517 writes them')
  if (list === null) return null
  if (list.length === 0 || list.length > jwksKeysMax) return input.fault(`must hold 1 to ${jwksKeysMax} keys`)
  const keys: PublicJwk[] = []
  for (const element of list) {
    const key = judgeJwk(element.value)
    if (typeof key === 'string') element.fault(key)
    else keys.push(element.value as PublicJwk)
  }
  return { kind: 'inline', keys }
}

function readAlgorithms(input: Input): ReadonlySet<string> {
  const names = readTexts(input, `such as ['ES256']`) ?? []
  const algorithms = new Set<string>()
  for (const [index, name] of names.entries()) {
    if (!(tokenAlgorithms as readonly string[]).includes(name)) {
      input
        .child(index, name)
        .fault(
          `must be one of ${tokenAlgorithms.join(', ')}; none and shared secrets (HS256, ...) are never accepted`,
        )
    } else if (name === 'EdDSA' || name === 'Ed25519') {
      algorithms.add('EdDSA').add('Ed25519')
    } else {
      algorithms.add(name)
    }
  }
  return algorithms
}

function readAudience(input: Input, url: string): string {
  if (input.value === undefined) return url
  const text = readText(input, `the aud of its tokens; default ${url}`)
  if (text !== null && text === `${url}/api`)
    input.fault('is the audience of administration, which only tokens of our own service have')
  return text ?? url
}

function readTyp(input: Input): ReadonlySet<string> {
  return input.value === undefined
    ? new Set(['at+jwt'])
    : new Set((readTexts(input, `such as ['at+jwt', 'JWT']`) ?? []).map(mediaType))
}

/** RFC 7515 section 4.1.9: compared without case, `application/` may be left out. */
function mediaType(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, '')
}

function readUse(input: Input): ReadonlySet<'call' | 'exchange'> {
  if (input.value === undefined) return new Set(['call'])
  const uses = new Set<'call' | 'exchange'>()
  for (const [index, use] of (readTexts(input, `'call', 'exchange' or both`) ?? []).entries())
    uses.add(readChoice(input.child(index, use), ['call', 'exchange'], 'call'))
  return uses
}

function readScopes(input: Input): Issuer['scopes'] | null {
  if (input.value === undefined) return { kind: 'claim', claim: 'scope' }
  if (input.value === 'granted') return { kind: 'granted' }
  if (typeof input.value === 'string')
    return input.fault("must be { claim: 'scope' }, or 'granted' for all that the team was granted")
  const fields = readFields(input, ['claim'])
  const claim = fields === null ? null : readText(fields.get('claim'), 'the claim that holds the scopes')
  return claim === null ? null : { kind: 'claim', claim }
}

/** Claims that are the same in every token of an issuer, so that they tell nobody apart. */
const commonClaims: readonly string[] = ['iss', 'aud', 'exp', 'iat', 'nbf']

function readWhere(input: Input): Issuer['where'] {
  if (input.value === undefined) return []
  const fields = readRecord(input, 'claims with the values that they must equal')
  if (fields === null) return []
  const names = fields.names()
  if (names.length === 0) input.fault('must name at least one claim')
  const where: (readonly [string, string | number | boolean])[] = []
  for (const name of names) {
    const at = fields.get(name)
    const { value } = at
    if (commonClaims.includes(name))
      at.fault('is the same in all tokens of an issuer; name a claim that tells yours')
    else if (typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value))
      where.push([name, value as string | number | boolean])
    else at.fault('must be text, a whole number, true or false: the value that the claim must equal')
  }
  return where
}

function readTeam(
  fields: Fields,
  { teams, several }: IssuerContext & { readonly several: boolean },
): TeamRule | null {
  const input = fields.get('team')
  const speaksFor = readTeams(fields.get('teams'), teams)
  const rule = readFields(input, ['claim', 'map', 'value'])
  if (rule === null) return null
  const known = (at: Input): string | null => readTeamName(at, teams, speaksFor)
  if (rule.has('value')) {
    if (rule.has('claim') || rule.has('map')) input.fault('must have either value or claim')
    const value = known(rule.get('value'))
    return value === null ? null : { kind: 'value', value }
  }
  const claim = readText(rule.get('claim'), 'the claim that names the team')
  if (claim === null) return null
  if (rule.has('map')) return readTeamMap(rule.get('map'), claim, known)
  if (several && speaksFor === null) {
    return input.fault(
      'needs `teams: [...]`, the teams that this issuer may speak for, because there are several issuers; or a `map`',
    )
  }
  return { kind: 'claim', claim, teams: speaksFor }
}

function readTeams(input: Input, teams: TeamNames): ReadonlySet<string> | null {
  if (input.value === undefined) return null
  const names = readTexts(input, 'the teams that this issuer may speak for') ?? []
  for (const [index, name] of names.entries()) readTeamName(input.child(index, name), teams, null)
  return new Set(names)
}

function readTeamMap(input: Input, claim: string, known: (at: Input) => string | null): TeamRule | null {
  const entries = readRecord(input, 'values of the claim with the team of each')
  if (entries === null) return null
  const map = new Map<string, string>()
  for (const name of entries.names()) {
    const team = known(entries.get(name))
    if (team !== null) map.set(name, team)
  }
  if (entries.names().length === 0) input.fault('must map at least one value')
  return { kind: 'map', claim, map }
}

/** The name of a team of this configuration; `among`: of those that the issuer may speak for. */
export function readTeamName(
  input: Input,
  teams: TeamNames,
  among: ReadonlySet<string> | null,
): string | null {
  const name = readText(input, 'the name of a team')
  if (name === null) return null
  if (!teams.has(name))
    return input.fault(`there is no team ${JSON.stringify(name.slice(0, 64))}; add it to teams`)
  if (among !== null && !among.has(name)) return input.fault(`${name} is not among the teams of this issuer`)
  return name
}

/** Our own token service (design section 7), which exists when there is a signing key. */
export function ownIssuer(url: string): Issuer {
  return {
    name: ownIssuerName,
    issuer: url,
    keys: { kind: 'own' },
    algorithms: new Set(['EdDSA', 'Ed25519', 'ES256']),
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
