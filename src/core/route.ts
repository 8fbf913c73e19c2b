/**
 * Routes of an upstream: `METHOD[|METHOD...] /pattern` -> scope. `*` is one segment, `**` the rest; GET admits
 * HEAD. The most specific route that matches decides: the path first, segment by segment from the left (a
 * literal before `*` before `**`), then the method (itself, GET for HEAD, `*`). Compiled into a trie, so that
 * the cost of a match depends on the path and not on the number of routes.
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

interface Node {
  readonly literals: Map<string, Node>
  wildcard: Node | null
  /** Routes that end here, and routes whose `**` begins here, by method or `*`. */
  readonly here: Map<string, Route>
  readonly rest: Map<string, Route>
}

const newNode = (): Node => ({ literals: new Map(), wildcard: null, here: new Map(), rest: new Map() })

export interface RouteFault {
  /** The route as it was written. */
  readonly route: string
  readonly message: string
}

const routeForm = /^(\*|[A-Z]+(?:\|[A-Z]+)*) (\/\S*)$/
/** What a path can hold after its form was checked (core/path.ts), encoded characters included. */
const literalForm = /^(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})*$/

/** Compiles all routes; every fault of every route is reported, and a table comes back in any case. */
export const compileRoutes = (
  routes: Iterable<readonly [text: string, scope: string]>,
  fault: (fault: RouteFault) => void,
): RouteTable => {
  const root = newNode()
  for (const [text, scope] of routes)
    addRoute(root, { text, scope }, (message) => fault({ route: text, message }))
  return { match: (method, path) => matchFrom(root, segmentsOf(path), 0, method) }
}

const addRoute = (root: Node, route: Route, fault: (message: string) => void): void => {
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
  const rest = segments.at(-1) === '**'
  const node = (rest ? segments.slice(0, -1) : segments).reduce(child, root)
  const routes = rest ? node.rest : node.here
  for (const method of methods.split('|')) {
    const other = routes.get(method)
    if (method !== '*' && !(forwardedMethods as readonly string[]).includes(method)) {
      fault(`${method} is not forwarded; methods are ${forwardedMethods.join(', ')} and *`)
    } else if (other !== undefined) {
      fault(`is as specific as "${other.text}"; which one decides would be chance`)
    } else {
      routes.set(method, route)
    }
  }
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

const child = (node: Node, segment: string): Node => {
  if (segment === '*') {
    node.wildcard ??= newNode()
    return node.wildcard
  }
  const name = decoded(segment)
  const known = node.literals.get(name)
  if (known !== undefined) return known
  const made = newNode()
  node.literals.set(name, made)
  return made
}

/** Depth first in order of specificity, stepping back where a branch has the path but not the method. */
const matchFrom = (node: Node, segments: readonly string[], depth: number, method: string): Route | null => {
  const segment = segments[depth]
  if (segment === undefined) return byMethod(node.here, method)
  const literal = node.literals.get(segment)
  if (literal !== undefined) {
    const route = matchFrom(literal, segments, depth + 1, method)
    if (route !== null) return route
  }
  if (node.wildcard !== null && segment !== '') {
    const route = matchFrom(node.wildcard, segments, depth + 1, method)
    if (route !== null) return route
  }
  return byMethod(node.rest, method)
}

const byMethod = (routes: ReadonlyMap<string, Route>, method: string): Route | null =>
  routes.get(method) ?? (method === 'HEAD' ? routes.get('GET') : undefined) ?? routes.get('*') ?? null

/**
 * Segments are compared decoded, so that `%e9` and `%E9`, or `%2C` and `,`, which are one resource to the
 * upstream, cannot choose between two routes.
 */
const segmentsOf = (path: string): readonly string[] => {
  if (path === '') return ['']
  const segments = path.slice(1).split('/')
  return path.includes('%') ? segments.map(decoded) : segments
}

/** To bytes, one character each, since not all that an upstream with `encodedPath: 'allow'` takes is UTF-8. */
const decoded = (segment: string): string =>
  segment.replace(/%([0-9A-Fa-f]{2})/g, (_escape, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
