/** Teams: what each may do (grants), how much (limits), and from which browsers' origins. */
import type { Configuration, Grant, Key, Limit, Team, Upstream } from '../core/configuration.ts'
import { limitPerMillisMax, limitRequestsMax } from '../core/limits.ts'
import { forwardedMethods } from '../core/route.ts'
import { compileScopes, scopeForm } from '../core/scope.ts'
import { FirstUseMap } from './first-use.ts'
import {
  asItStands,
  choice,
  distinct,
  fields,
  Input,
  integer,
  list,
  map,
  optional,
  type Reader,
  readObject,
  text,
} from './input.ts'
import { checkLabel, checkName } from './names.ts'
import { remembering } from './same-data.ts'
import { readOrigin } from './urls.ts'

type Upstreams = ReadonlyMap<string, Upstream>

/** Each team is checked now, with all its faults, and made ready when it is first asked for. */
export function readTeams(at: Input, upstreams: Upstreams): Pick<Configuration, 'teams' | 'origins'> {
  const origins = new Set<string>()
  const teams = readObject(at, 'a name for each team, with its grants') ?? {}
  const check = readTeam(upstreams)
  for (const name of Object.keys(teams)) {
    const one = at.child(name)
    checkName(one, name)
    for (const origin of check(one)?.origins ?? []) origins.add(origin)
  }
  const make = readTeam(upstreams)
  return {
    origins,
    teams: new FirstUseMap(teams, (name, written) => {
      const one = Input.root(written)
      const team = make(one)
      if (team === null || one.faults.length > 0)
        throw new Error(`the configuration of team ${name} has changed since it was read`)
      return { name, ...team }
    }),
  }
}

const none: ReadonlySet<string> = new Set()

/** Teams have much in common: equal grants, and equal limits, are read once and shared. */
function readTeam(upstreams: Upstreams): Reader<Omit<Team, 'name'> | null> {
  const readGrants = map('names of upstreams, with what the team may do there', (at, name) => {
    const upstream = upstreams.get(name)
    return upstream === undefined ? unknownUpstream(at, name, upstreams) : readGrant(at, upstream)
  })
  return fields({
    grants: optional(new Map<string, Grant>(), remembering(readGrants)),
    limits: optional(
      [],
      remembering((at) => readLimits(at, upstreams)),
    ),
    origins: optional(none, readOrigins),
  })
}

function unknownUpstream(at: Input, name: string, upstreams: Upstreams): null {
  if (at.isFaulty('upstreams') || at.isFaulty(`upstreams.${name}`)) return null
  const quoted = JSON.stringify(name.slice(0, 64))
  return at.fault(`there is no upstream ${quoted}; known are ${listed(upstreams.keys())}`)
}

function listed(names: Iterable<string>): string {
  const all = [...names]
  return all.length === 0 ? 'none' : `${all.slice(0, 12).join(', ')}${all.length > 12 ? ', ...' : ''}`
}

const readGrantFields = fields({
  keys: asItStands,
  defaultKey: asItStands,
  scopes: list("scopes of this upstream's routes, such as ['order:read']", readScope),
})

function readScope(at: Input): string | null {
  if (typeof at.value === 'string' && scopeForm.test(at.value)) return at.value
  return at.fault('must be a scope: visible ASCII without spaces, " and \\')
}

function readGrant(at: Input, upstream: Upstream): Grant | null {
  const grant = readGrantFields(at)
  // An upstream has keys, or a fault that says so.
  if (grant === null || upstream.keys.size === 0) return null
  const readKey = (one: Input): Key | null =>
    (typeof one.value === 'string' && upstream.keys.get(one.value)) ||
    one.fault(`${upstream.name} has no such key; known are ${listed(upstream.keys.keys())}`)
  const before = at.faults.length
  const granted = distinct('names of keys of this upstream', readKey)(grant.keys)
  const keys = new Map(granted.map((key) => [key.name, key]))
  // Where one of the keys has a fault, that may be the one which is meant.
  const defaultKey = at.faults.length > before ? null : readDefaultKey(grant.defaultKey, granted)
  return { upstream, keys, defaultKey, scopes: compileScopes(grant.scopes) }
}

/** Without one, the only key is the default; with several, the caller has to choose. */
function readDefaultKey(at: Input, granted: readonly Key[]): Key | null {
  const [only = null, ...others] = granted
  if (at.value === undefined) return others.length === 0 ? only : null
  return (
    granted.find(({ name }) => name === at.value) ??
    at.fault(`is not among the granted keys ${listed(granted.map(({ name }) => name))}`)
  )
}

const readUnits = integer('requests', { min: 1, max: limitRequestsMax })

function readLimits(at: Input, upstreams: Upstreams): readonly Limit[] {
  const names = new Set<string>()
  const readLimitFields = fields({
    name: (name) => readLimitName(name, names),
    requests: readUnits,
    per: readPeriod,
    burst: optional(null, readUnits),
    upstream: optional(null, (one) => readLimitUpstream(one, upstreams)),
    methods: optional(null, readMethods),
    mode: optional('enforce', choice(['enforce', 'observe'])),
  })
  return list('limits, each with name, requests and per', (one): Limit | null => {
    const limit = readLimitFields(one)
    return limit && { ...limit, ...limit.per, burst: limit.burst ?? limit.requests }
  })(at)
}

function readLimitName(at: Input, others: Set<string>): string {
  const name = text('what 429 answers call this limit')(at)
  if (name === '') return name
  checkLabel(at, name)
  if (others.size === others.add(name).size) at.fault('names another limit of this team already')
  return name
}

const unitMillis: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function readPeriod(at: Input): Pick<Limit, 'per' | 'perMillis'> {
  const per = typeof at.value === 'string' ? at.value : ''
  const [, count, unit = ''] = /^([1-9]\d{0,6})([smhd])$/.exec(per) ?? []
  const perMillis = Number(count) * (unitMillis[unit] ?? 0)
  if (count === undefined)
    at.fault("must be a number with s, m, h or d, such as '1s', '10s', '1m', '1h' or '1d'")
  else if (perMillis > limitPerMillisMax) at.fault('must be at most 31 days')
  return { per, perMillis }
}

function readLimitUpstream(at: Input, upstreams: Upstreams): string | null {
  const name = text('the upstream that it is for')(at)
  return name === '' || upstreams.has(name) ? name : unknownUpstream(at, name, upstreams)
}

/** A limit of GET holds for HEAD too, as a route of GET does: else HEAD would be a way around it. */
function readMethods(at: Input): ReadonlySet<string> {
  const methods = distinct(
    "methods, such as ['POST']",
    (one): string | null =>
      forwardedMethods.find((method) => method === one.value) ??
      one.fault(`must be one of ${forwardedMethods.join(', ')}`),
  )(at)
  return new Set(methods.includes('GET') ? [...methods, 'HEAD'] : methods)
}

function readOrigins(at: Input): ReadonlySet<string> {
  const what = "exact origins of web pages, such as ['https://shop.acme.example']"
  return new Set(list(what, (one) => readOrigin(one, 'an origin'))(at))
}
