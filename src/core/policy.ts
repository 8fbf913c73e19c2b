import type { Configuration, Grant, Key, Limit, Team, Upstream } from './configuration.ts'
import type { Caller, LimitSet, Permit, Target } from './permit.ts'
import { Refusal } from './problems.ts'
import type { Route } from './route.ts'
import { admitsScope, tokenAdmits } from './scope.ts'

/** What a call says of itself in headers. */
export interface Wishes {
  /** `Origin`; null outside of browsers. */
  readonly origin: string | null
  /** `Countersign-Key`. */
  readonly key: string | null
}

/**
 * Whether this caller may make this call: origin, upstream, route, key, scope, in this order, because what is
 * checked first decides the answer. The only place that makes a `Permit`. Throws Refusal.
 */
export function decide(config: Configuration, caller: Caller, target: Target, wishes: Wishes): Permit {
  const team = config.teams.get(caller.team)
  if (team === undefined) throw new Refusal('token_invalid', { reason: 'team unknown' })
  if (wishes.origin !== null && !team.origins.has(wishes.origin)) throw new Refusal('origin_not_allowed')
  const grant = team.grants.get(target.upstream)
  if (grant === undefined || grant.upstream.disabled) throw new Refusal('upstream_unknown')
  const { upstream } = grant
  const route = upstream.routes.match(target.method, target.path)
  if (route === null) {
    throw new Refusal('route_not_allowed', {
      detail: `No route of ${upstream.name} matches ${target.method} and this path.`,
    })
  }
  const key = chooseKey(grant, wishes.key)
  if (!admitsScope(grant.scopes, route.scope)) throw insufficient(upstream, route, 'The grant of your team')
  if (caller.scopes !== 'granted' && !tokenAdmits(caller.scopes, upstream.name, key.name, route.scope))
    throw insufficient(upstream, route, `The token, with the key ${key.name},`)
  const limitSet = limitSetOf(team, grant, target.method)
  return { caller, team, upstream, grant, key, route, target, limitSet } as Permit
}

function insufficient(upstream: Upstream, route: Route, who: string): Refusal {
  const scope = `${upstream.name}:${route.scope}`
  return new Refusal('scope_insufficient', {
    detail: `${who} does not hold the scope ${scope}.`,
    members: { scope },
  })
}

function chooseKey({ keys, defaultKey }: Grant, wish: string | null): Key {
  const key = wish === null ? defaultKey : (keys.get(wish) ?? null)
  if (key !== null) return key
  throw new Refusal(wish === null ? 'key_required' : 'key_not_granted', {
    detail: `Send Countersign-Key with one of ${[...keys.keys()].join(', ')}.`,
  })
}

interface TeamSets {
  readonly byId: Map<string, LimitSet>
  /** Of its own grants: equal ones of several teams may be one object. */
  readonly byGrant: Map<Grant, Map<string, LimitSet>>
}

/** Limit sets are made at their first use and then shared within a team, so that the account can know one by its identity. */
const setsByTeam = new WeakMap<Team, TeamSets>()

function limitSetOf(team: Team, grant: Grant, method: string): LimitSet {
  const ofTeam = setsByTeam.get(team) ?? { byId: new Map(), byGrant: new Map() }
  const ofGrant = ofTeam.byGrant.get(grant) ?? new Map<string, LimitSet>()
  const known = ofGrant.get(method)
  if (known !== undefined) return known
  const limits = team.limits.filter((limit) => appliesTo(limit, grant.upstream.name, method))
  const id = limits.map((limit) => limit.name).join(',')
  const set = ofTeam.byId.get(id) ?? { id, limits }
  ofTeam.byId.set(id, set)
  ofTeam.byGrant.set(grant, ofGrant.set(method, set))
  setsByTeam.set(team, ofTeam)
  return set
}

function appliesTo(limit: Limit, upstream: string, method: string): boolean {
  return (
    (limit.upstream === null || limit.upstream === upstream) &&
    (limit.methods === null || limit.methods.has(method))
  )
}
