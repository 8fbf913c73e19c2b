/** Routes of REST collections, with `<scope>:read` and `<scope>:write`. */

type Routes = Readonly<Record<string, string>>

/** A collection whose members are made, read and changed. */
export function resource(path: string, scope: string): Routes {
  return {
    ...reading(path, scope),
    [`POST ${path}`]: `${scope}:write`,
    [`PUT|PATCH|DELETE ${path}/*`]: `${scope}:write`,
  }
}

export function reading(path: string, scope: string): Routes {
  return {
    [`GET ${path}`]: `${scope}:read`,
    [`GET ${path}/*`]: `${scope}:read`,
  }
}

/** What is done to one member, such as paying an invoice. */
export function actions(path: string, names: readonly string[], scope: string): Routes {
  return Object.fromEntries(names.map((name) => [`POST ${path}/*/${name}`, `${scope}:write`]))
}
