/**
 * Routes of an upstream: `METHOD[|METHOD...] /pattern` -> scope. `*` is one segment, `**` the rest; GET admits
 * HEAD. The most specific route that matches decides: the path first, segment by segment from the left (a
 * literal before `*` before `**`), then the method (itself, GET for HEAD, `*`).
 *
 * All routes are in one Map, by method and pattern. The shape of a pattern says where it has literals and
 * wildcards; for one path and one shape only one pattern can match, and its text follows from the path. So a
 * match is one lookup for each shape, of which there are few, however many routes there are, and compiling is
 * little more than one entry for each route.
 */

export interface Route {
  /** As it was written, for logs and `explain`. */
  readonly text: string
  readonly scope: string
}

export interface RouteTable {
  /** The route that decides, or null. `path` is as sent: `''` (the base URL itself, matched as `/`) or `/...`. */
  match(method: string, path: string): Route | null
}

export const forwardedMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

export interface RouteFault {
  /** The route as it was written. */
  readonly route: string
  readonly message: string
}

interface Routes {
  /** By `METHOD /pattern`, in canonical form. */
  readonly byPattern: Map<string, Route>
  /** `!` for a literal segment, `/*` and `/**` for wildcards: `!!/*` is `/a/b/*`. */
  readonly shapes: Set<string>
}

/** Compiles all routes; every fault of every route is reported, and a table comes back in any case. */
export const compileRoutes = (
  routes: Iterable<readonly [text: string, scope: string]>,
  fault: (fault: RouteFault) => void,
): RouteTable => {
  const compiled: Routes = { byPattern: new Map(), shapes: new Set() }
  for (const [text, scope] of routes)
    addRoute(compiled, { text, scope }, (message) => fault({ route: text, message }))
  const shapes = [...compiled.shapes].map(lettersOf).sort()
  return { match: (method, path) => matchFirst(shapes, compiled.byPattern, { method, path }) }
}

/** `a` for a literal segment, `b` for `*`, `c` for `**`, so that sorting puts the most specific first. */
const lettersOf = (shape: string): string =>
  shape.replaceAll('/**', 'c').replaceAll('/*', 'b').replaceAll('!', 'a')

const routeForm = /^(\*|[A-Z]+(?:\|[A-Z]+)*) (\/\S*)$/
/** What a path can hold after its form was checked (core/path.ts), encoded characters included. */
const literalForm = /^(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})*$/
/** Routes with nothing to look at closely, which are most: plain segments, and `*` as a whole one. */
const plainForm =
  /^(?:\*|GET|HEAD|POST|PUT|PATCH|DELETE) (?:\/(?:\*(?=\/|$)|[A-Za-z0-9_~!$&'()+,=:@-][A-Za-z0-9._~!$&'()+,=:@-]*))+$/

const literalSegment = /\/[^/*][^/]*/g

const addRoute = (routes: Routes, route: Route, fault: (message: string) => void): void => {
  if (plainForm.test(route.text)) {
    routes.shapes.add(route.text.slice(route.text.indexOf('/')).replace(literalSegment, '!'))
    addKey(routes, route.text, { route, fault })
    return
  }
  const [, methods, pattern] = routeForm.exec(route.text) ?? []
  if (methods === undefined || pattern === undefined) {
    fault('must read "METHOD /path" or "METHOD|METHOD /path" (or "* /path" for any method)')
    return
  }
  const segments = pattern.split('/').slice(1)
  const wrong = patternFault(segments)
  if (wrong !== null) {
    fault(wrong)
    return
  }
  routes.shapes.add(segments.map((segment) => (isWildcard(segment) ? `/${segment}` : '!')).join(''))
  const key = segments.map((segment) => `/${isWildcard(segment) ? segment : canonical(segment)}`).join('')
  for (const method of methods.split('|')) {
    if (method !== '*' && !(forwardedMethods as readonly string[]).includes(method)) {
      fault(`${method} is not forwarded; methods are ${forwardedMethods.join(', ')} and *`)
    } else {
      addKey(routes, `${method} ${key}`, { route, fault })
    }
  }
}

const isWildcard = (segment: string): boolean => segment === '*' || segment === '**'

const addKey = (
  { byPattern }: Routes,
  key: string,
  { route, fault }: { readonly route: Route; readonly fault: (message: string) => void },
): void => {
  const other = byPattern.get(key)
  if (other === undefined) byPattern.set(key, route)
  else fault(`is as specific as "${other.text}"; which one decides would be chance`)
}

const patternFault = (segments: readonly string[]): string | null => {
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1
    if (segment === '**' && !last) return '** stands for the rest of the path, so it must come last'
    if (segment === '' && !last) return '// never matches, because such paths are refused'
    if (segment === '.' || segment === '..') return 'dot segments never match, because they are refused'
    if (!literalForm.test(segment)) return `"${segment}" holds a character that no path holds`
  }
  return null
}

type ByPattern = ReadonlyMap<string, Route>

const matchFirst = (
  shapes: readonly string[],
  byPattern: ByPattern,
  { method, path }: { readonly method: string; readonly path: string },
): Route | null => {
  const segments = path === '' ? [''] : path.slice(1).split('/')
  if (/[%*]/.test(path)) {
    for (const [index, segment] of segments.entries()) segments[index] = canonical(segment)
  }
  for (const shape of shapes) {
    const pattern = patternFor(shape, segments)
    const route = pattern === null ? null : byMethod(byPattern, method, pattern)
    if (route !== null) return route
  }
  return null
}

/** The only pattern of that shape which matches these segments, or null where none can. */
const patternFor = (shape: string, segments: readonly string[]): string | null => {
  const rest = shape.endsWith('c')
  if (rest ? segments.length < shape.length : segments.length !== shape.length) return null
  let pattern = ''
  for (let index = 0; index < shape.length; index += 1) {
    const segment = segments[index] ?? ''
    const kind = shape.charAt(index)
    if (kind === 'b' && segment === '') return null
    pattern += kind === 'a' ? `/${segment}` : kind === 'b' ? '/*' : '/**'
  }
  return pattern
}

const byMethod = (routes: ByPattern, method: string, pattern: string): Route | null =>
  routes.get(`${method} ${pattern}`) ??
  (method === 'HEAD' ? routes.get(`GET ${pattern}`) : undefined) ??
  routes.get(`* ${pattern}`) ??
  null

/**
 * A literal segment as it is compared: decoded, so that `%e9` and `%E9`, or `%2C` and `,`, which are one
 * resource to the upstream, cannot choose between two routes. What is decoded stays within its segment and
 * does not become a wildcard.
 */
const canonical = (segment: string): string => {
  const text = segment.includes('%') ? decoded(segment) : segment
  return isWildcard(text) ? text.replaceAll('*', '%2A') : text
}

/**
 * To bytes, one character each, since not all that an upstream with `encodedPath: 'allow'` takes is UTF-8. A
 * slash stays encoded, because segments are joined again, and so does what would read as an escape.
 */
const decoded = (segment: string): string =>
  segment.replace(/%([0-9A-Fa-f]{2})/g, (_escape, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16))
    return char === '/' ? '%2F' : char === '%' ? '%25' : char
  })
