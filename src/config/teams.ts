/** Teams: what each may do (grants), how much (limits), and from which browsers' origins. */
import type { Grant, Key, Limit, Team, Upstream } from '../core/configuration.ts'
import { limitPerMillisMax, limitRequestsMax } from '../core/limits.ts'
import { forwardedMethods } from '../core/route.ts'
import { compileScopes, scopeForm } from '../core/scope.ts'
import { FirstUseMap } from './first-use.ts'
import {
  type Fields,
  Input,
  readChoice,
  readEntries,
  readFields,
  readInteger,
  readList,
  readRecord,
  readText,
  readTexts,
} from './input.ts'
import { checkLabel, checkName } from './names.ts'
import { readOrigin } from './urls.ts'

const noOrigins: ReadonlySet<string> = new Set()

type Upstreams = ReadonlyMap<string, Upstream>

/** Teams have much in common: equal scopes and keys are compiled once and shared. */
interface TeamContext {
  readonly upstreams: Upstreams
  /** By the scopes, joined by spaces (which no scope holds). */
  readonly scopes: Map<string, Grant['scopes']>
  /** Of each upstream, by the names as JSON, since nothing is known of them yet. */
  readonly keys: Map<Upstream, Map<string, Grant['keys']>>
}

function contextOf(upstreams: Upstreams): TeamContext {
  return { upstreams, scopes: new Map(), keys: new Map() }
}

export interface Teams {
  /** Each is checked now, with all its faults, and made ready when it is first asked for. */
  readonly teams: ReadonlyMap<string, Team>
  /** The origins of all teams. */
  readonly origins: ReadonlySet<string>
}

export function readTeams(input: Input, upstreams: Upstreams): Teams {
  const origins = new Set<string>()
  const fields = readRecord(input, 'a name for each team, with its grants')
  if (fields === null) return { teams: new Map(), origins }
  const checking = contextOf(upstreams)
  for (const name of fields.names()) {
    const at = fields.get(name)
    checkName(at, name)
    for (const origin of readTeam(at, name, checking).origins) origins.add(origin)
  }
  const used = contextOf(upstreams)
  const teams = new FirstUseMap(fields.record, (name, written) => {
    const at = Input.root(written)
    const team = readTeam(at, name, used)
    if (at.faults.length > 0)
      throw new Error(`the configuration of team ${name} has changed since it was read`)
    return team
  })
  return { teams, origins }
}

function readTeam(input: Input, name: string, context: TeamContext): Team {
  const fields = readFields(input, ['grants', 'limits', 'origins'])
  if (fields === null) return { name, grants: new Map(), limits: [], origins: noOrigins }
  return {
    name,
    grants: readGrants(fields.get('grants'), context),
    limits: readLimits(fields.get('limits'), context.upstreams),
    origins: readOrigins(fields.get('origins')),
  }
}

function readGrants(input: Input, context: TeamContext): ReadonlyMap<string, Grant> {
  const grants = new Map<string, Grant>()
  if (input.value === undefined) return grants
  for (const [name, at] of readEntries(input, 'names of upstreams, with what the team may do there')) {
    const upstream = context.upstreams.get(name)
    if (upstream === undefined) {
      at.fault(unknownUpstream(name, context.upstreams))
      continue
    }
    const grant = readGrant(at, upstream, context)
    if (grant !== null) grants.set(name, grant)
  }
  return grants
}

function unknownUpstream(name: string, upstreams: Upstreams): string {
  return `there is no upstream ${JSON.stringify(name.slice(0, 64))}; known are ${listed(upstreams.keys())}`
}

function listed(names: Iterable<string>): string {
  const all = [...names]
  return all.length === 0 ? 'none' : `${all.slice(0, 12).join(', ')}${all.length > 12 ? ', ...' : ''}`
}

function readGrant(input: Input, upstream: Upstream, context: TeamContext): Grant | null {
  const fields = readFields(input, ['keys', 'defaultKey', 'scopes'])
  if (fields === null) return null
  const keys = readGrantedKeys(fields.get('keys'), upstream, context)
  const defaultKey = readDefaultKey(fields.get('defaultKey'), keys)
  return { upstream, keys, defaultKey, scopes: readScopes(fields, context) }
}

function readGrantedKeys(input: Input, upstream: Upstream, context: TeamContext): Grant['keys'] {
  const names = readTexts(input, 'names of keys of this upstream') ?? []
  const ofUpstream = context.keys.get(upstream) ?? new Map<string, Grant['keys']>()
  const list = JSON.stringify(names)
  const known = ofUpstream.get(list)
  if (known !== undefined) return known
  const keys = new Map<string, Key>()
  for (const [index, name] of names.entries()) {
    const key = upstream.keys.get(name)
    if (key !== undefined) keys.set(name, key)
    else
      input
        .child(index, name)
        .fault(`${upstream.name} has no such key; known are ${listed(upstream.keys.keys())}`)
  }
  if (keys.size === names.length) context.keys.set(upstream, ofUpstream.set(list, keys))
  return keys
}

/** Without one, the only key is the default; with several, the caller has to choose. */
function readDefaultKey(input: Input, keys: ReadonlyMap<string, Key>): Key | null {
  if (input.value === undefined) {
    const [only, ...others] = keys.values()
    return only !== undefined && others.length === 0 ? only : null
  }
  const name = readText(input, 'the name of a granted key')
  if (name === null) return null
  return keys.get(name) ?? input.fault(`is not among the granted keys ${listed(keys.keys())}`)
}

function readScopes(grant: Fields, context: TeamContext): Grant['scopes'] {
  const list = readList(grant.get('scopes'), "scopes of this upstream's routes, such as ['order:read']")
  const scopes: string[] = []
  for (const element of list ?? []) {
    if (typeof element.value === 'string' && scopeForm.test(element.value)) scopes.push(element.value)
    else element.fault('must be a scope: visible ASCII without spaces, " and \\')
  }
  const text = scopes.join(' ')
  const known = context.scopes.get(text)
  if (known !== undefined) return known
  const compiled = compileScopes(scopes)
  context.scopes.set(text, compiled)
  return compiled
}

const limitFields = ['name', 'requests', 'per', 'burst', 'upstream', 'methods', 'mode'] as const

function readLimits(input: Input, upstreams: Upstreams): readonly Limit[] {
  if (input.value === undefined) return []
  const limits: Limit[] = []
  const names = new Set<string>()
  for (const element of readList(input, 'limits, each with name, requests and per') ?? []) {
    const limit = readLimit(element, upstreams)
    if (limit === null) continue
    if (names.has(limit.name))
      element.child('name', limit.name).fault('names another limit of this team already')
    names.add(limit.name)
    limits.push(limit)
  }
  return limits
}

function readLimit(input: Input, upstreams: Upstreams): Limit | null {
  const fields = readFields(input, limitFields)
  if (fields === null) return null
  const nameAt = fields.get('name')
  const name = readText(nameAt, 'what 429 answers call this limit')
  if (name !== null) checkLabel(nameAt, name)
  const requests = readUnits(fields, 'requests', null)
  const period = readPeriod(fields.get('per'))
  const burst = readUnits(fields, 'burst', requests)
  const upstream = readLimitUpstream(fields.get('upstream'), upstreams)
  const methods = readMethods(fields.get('methods'))
  const mode = readChoice(fields.get('mode'), ['enforce', 'observe'], 'enforce')
  if (name === null || requests === null || period === null || burst === null) return null
  return { name, requests, perMillis: period.millis, per: period.text, burst, upstream, methods, mode }
}

function readUnits(fields: Fields, name: string, fallback: number | null): number | null {
  const input = fields.get(name)
  if (input.value === undefined && name === 'burst') return fallback
  if (input.value === undefined) return input.fault('is missing: how many requests pass in each `per`')
  return readInteger(input, 1, { min: 1, max: limitRequestsMax, unit: 'requests' })
}

const unitMillis: ReadonlyMap<string, number> = new Map([
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])

function readPeriod(input: Input): { readonly text: string; readonly millis: number } | null {
  const { value } = input
  const parts = typeof value === 'string' ? /^([1-9]\d{0,6})([smhd])$/.exec(value) : null
  const unit = unitMillis.get(parts?.[2] ?? '')
  if (typeof value !== 'string' || unit === undefined)
    return input.fault("must be a number with s, m, h or d, such as '1s', '10s', '1m', '1h' or '1d'")
  const millis = Number(parts?.[1]) * unit
  return millis <= limitPerMillisMax ? { text: value, millis } : input.fault('must be at most 31 days')
}

function readLimitUpstream(input: Input, upstreams: Upstreams): string | null {
  if (input.value === undefined) return null
  const name = readText(input, 'the upstream that it is for')
  if (name === null) return null
  return upstreams.has(name) ? name : input.fault(unknownUpstream(name, upstreams))
}

/** A limit of GET holds for HEAD too, as a route of GET does: else HEAD would be a way around it. */
function readMethods(input: Input): ReadonlySet<string> | null {
  if (input.value === undefined) return null
  const methods = new Set<string>()
  for (const [index, method] of (readTexts(input, "methods, such as ['POST']") ?? []).entries()) {
    if ((forwardedMethods as readonly string[]).includes(method)) methods.add(method)
    else input.child(index, method).fault(`must be one of ${forwardedMethods.join(', ')}`)
  }
  if (methods.has('GET')) methods.add('HEAD')
  return methods
}

function readOrigins(input: Input): ReadonlySet<string> {
  if (input.value === undefined) return noOrigins
  const list = readList(input, "exact origins of web pages, such as ['https://shop.acme.example']")
  return new Set(list?.flatMap((element) => readOrigin(element, 'an origin') ?? []))
}
