/** Routes of REST collections, with `<scope>:read` and `<scope>:write`. */

type Routes = Readonly<Record<string, string>>

/** A collection whose members are made, read and changed. */
export const resource = (path: string, scope: string): Routes => ({
  ...reading(path, scope),
  [`POST ${path}`]: `${scope}:write`,
  [`PUT|PATCH|DELETE ${path}/*`]: `${scope}:write`,
})

export const reading = (path: string, scope: string): Routes => ({
  [`GET ${path}`]: `${scope}:read`,
  [`GET ${path}/*`]: `${scope}:read`,
})

/** What is done to one member, such as paying an invoice. */
export const actions = (path: string, names: readonly string[], scope: string): Routes =>
  Object.fromEntries(names.map((name) => [`POST ${path}/*/${name}`, `${scope}:write`]))
