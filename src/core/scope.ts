/**
 * Scopes. In a grant: `<scope>`. In a token: `<upstream>:<scope>` or `<upstream>@<key>:<scope>` (confined to
 * one key). A last part `*` matches the rest; elsewhere `*` is a letter like any other.
 */

/** Scopes of a grant, or of a token for one upstream (and key), ready for lookups by exact text and by prefix. */
export interface Scopes {
  readonly exact: ReadonlySet<string>
  /** What stands before the `*`, with its colon: `customer:` for `customer:*`; `''` for `*` alone. */
  readonly prefixes: readonly string[]
}

/** RFC 6749 section 3.3 scope-token: visible ASCII without `"` and `\`. */
export const scopeForm = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** `scopes` as a grant writes them: without an upstream before them. */
export function compileScopes(scopes: Iterable<string>): Scopes {
  const exact = new Set<string>()
  const prefixes: string[] = []
  for (const scope of scopes) {
    if (scope === '*') prefixes.push('')
    else if (scope.endsWith(':*')) prefixes.push(scope.slice(0, -1))
    else exact.add(scope)
  }
  return { exact, prefixes }
}

/** The scopes as they were written: what `compileScopes` was given, in another order. */
export function writtenScopes({ exact, prefixes }: Scopes): string[] {
  return [...exact, ...prefixes.map((prefix) => `${prefix}*`)]
}

/** Whether a needed scope (of a route: taken literally, also when it ends in `*`) is among them. */
export function admitsScope(scopes: Scopes, needed: string): boolean {
  return scopes.exact.has(needed) || scopes.prefixes.some((prefix) => needed.startsWith(prefix))
}

const tokenScopeForm = /^([a-z][a-z0-9-]{0,31}(?:@[^:@]+)?):(.+)$/

/**
 * The `scope` claim (RFC 9068 section 2.2.3: one string, separated by spaces), by `<upstream>` and
 * `<upstream>@<key>`. What has not our form grants nothing here and is left to whom it is for.
 */
export function parseTokenScopes(claim: string): ReadonlyMap<string, Scopes> {
  const lists = new Map<string, string[]>()
  for (const token of claim.split(' ')) {
    const parts = scopeForm.test(token) ? tokenScopeForm.exec(token) : null
    const [, target, scope] = parts ?? []
    if (target === undefined || scope === undefined) continue
    const list = lists.get(target) ?? []
    list.push(scope)
    lists.set(target, list)
  }
  return new Map([...lists].map(([target, scopes]) => [target, compileScopes(scopes)]))
}

/** Whether a token's scopes admit a call: those for the upstream as a whole, or those for this key of it. */
export function tokenAdmits(
  scopes: ReadonlyMap<string, Scopes>,
  upstream: string,
  key: string,
  needed: string,
): boolean {
  const anyKey = scopes.get(upstream)
  if (anyKey !== undefined && admitsScope(anyKey, needed)) return true
  const thisKey = scopes.get(`${upstream}@${key}`)
  return thisKey !== undefined && admitsScope(thisKey, needed)
}
