/**
 * Scopes of tokens as text: which lists are well formed, which is no wider than which, and what of a token's
 * scopes a team holds now. What the token service issues is computed here: issued, within the token, within
 * what the team was granted at this moment.
 */
import type { Team } from '../core/configuration.ts'
import { tokenScopeCharsMax, tokenScopesMax } from '../core/limits.ts'
import { type Scopes, writtenScopes } from '../core/scope.ts'

interface TokenScope {
  readonly upstream: string
  /** null: any key that the team was granted. */
  readonly key: string | null
  readonly pattern: string
}

const form = /^([a-z][a-z0-9-]{0,31})(?:@([!#-9;-?A-[\]-~]+))?:([\x21\x23-\x5b\x5d-\x7e]+)$/

function parse(text: string): TokenScope | null {
  const [, upstream, key, pattern] = form.exec(text) ?? []
  if (upstream === undefined || pattern === undefined) return null
  return { upstream, key: key ?? null, pattern }
}

function print({ upstream, key, pattern }: TokenScope): string {
  return `${upstream}${key === null ? '' : `@${key}`}:${pattern}`
}

/** `<upstream>:<scope>` or `<upstream>@<key>:<scope>`, within the bounds of one scope. */
export function isTokenScope(text: string): boolean {
  return text.length <= tokenScopeCharsMax && parse(text) !== null
}

/**
 * A `scope` parameter (RFC 6749 section 3.3): scopes separated by single spaces, repetitions removed. null when
 * one of them is not ours in form or there are too many.
 */
export function parseScopeParameter(text: string): readonly string[] | null {
  const scopes = [...new Set(text.split(' '))]
  return scopes.length <= tokenScopesMax && scopes.every(isTokenScope) ? scopes : null
}

/** Whether everything that `narrow` admits is admitted by one of `wide`. */
export function coversScope(wide: readonly string[], narrow: string): boolean {
  const inner = parse(narrow)
  if (inner === null) return false
  return wide.some((text) => {
    const outer = parse(text)
    return (
      outer !== null &&
      outer.upstream === inner.upstream &&
      (outer.key === null || outer.key === inner.key) &&
      coversPattern(outer.pattern, inner.pattern)
    )
  })
}

/**
 * What of these scopes the team was granted: each scope cut down to the grant, so `plugipay:*` of a team that
 * was granted `customer:*` becomes `plugipay:customer:*`. Sorted, without repetitions.
 */
export function withinGrants(scopes: readonly string[], team: Team): readonly string[] {
  const kept = new Set<string>()
  for (const text of scopes) {
    const scope = parse(text)
    if (scope === null) continue
    const grant = team.grants.get(scope.upstream)
    if (grant === undefined || (scope.key !== null && !grant.keys.has(scope.key))) continue
    for (const pattern of meet(scope.pattern, grant.scopes)) kept.add(print({ ...scope, pattern }))
  }
  return minimal([...kept])
}

/** All that the team was granted, as scopes of a token. */
export function allGranted(team: Team): readonly string[] {
  return withinGrants(
    [...team.grants.keys()].map((upstream) => `${upstream}:*`),
    team,
  )
}

/** Compiled scopes of a token, as they were written. */
export function scopeTexts(scopes: ReadonlyMap<string, Scopes>): readonly string[] {
  return [...scopes].flatMap(([target, ofTarget]) =>
    writtenScopes(ofTarget).map((scope) => `${target}:${scope}`),
  )
}

/** The wildcard's prefix (`customer:` of `customer:*`, `''` of `*`); null for an exact scope. */
function prefixOf(pattern: string): string | null {
  if (pattern === '*') return ''
  return pattern.endsWith(':*') ? pattern.slice(0, -1) : null
}

function coversPattern(outer: string, inner: string): boolean {
  const prefix = prefixOf(outer)
  if (prefix === null) return outer === inner
  return (prefixOf(inner) ?? inner).startsWith(prefix)
}

/** What a pattern and a grant have in common, as patterns. */
function meet(pattern: string, granted: Scopes): readonly string[] {
  return writtenScopes(granted).flatMap((other) => {
    if (coversPattern(other, pattern)) return [pattern]
    return coversPattern(pattern, other) ? [other] : []
  })
}

/** Without those that another one covers. */
function minimal(scopes: readonly string[]): readonly string[] {
  return scopes
    .filter((scope) =>
      scopes.every((other) => other === scope || !coversScope([other], scope) || coversScope([scope], other)),
    )
    .sort()
}
