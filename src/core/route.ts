/**
 * Routes of an upstream: `METHOD[|METHOD...] /pattern` -> scope. `*` is one segment, `**` the rest; GET admits
 * HEAD. The most specific route that matches decides: the path first, segment by segment from the left (a
 * literal before `*` before `**`), then the method (itself, GET for HEAD, `*`).
 *
 * The shape of a pattern says where it has literals and wildcards; for one path and one shape only one pattern
 * can match, and its text follows from the path. So a match is one lookup for each shape, of which there are few,
 * however many routes there are. The lookup is in the routes as they were written: compiling checks each and keeps
 * little but its shape, so that ten thousand routes cost next to no time at the start, and no memory.
 */
import { scopeForm } from './scope.ts'
import { own } from './table.ts'

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
  /** Routes that are written in canonical form, with their scopes; others, too, which no lookup asks for. */
  readonly written: Readonly<Record<string, string>>
  /** The others by their canonical form: decoded, one for each of several methods. */
  readonly rewritten: Map<string, Route>
  /** A digit for each segment, 0 for a literal, 1 for `*`, 2 for `**`: sorted, the most specific comes first. */
  readonly shapes: Set<string>
}

/**
 * Compiles `written`, routes with their scopes, which is kept and must not change. Every fault of every route is
 * reported, that of a scope among them, and a table comes back in any case.
 */
export function compileRoutes(
  written: Readonly<Record<string, unknown>>,
  fault: (fault: RouteFault) => void,
): RouteTable {
  // Whatever is no text is a fault, and what has one is never asked.
  const routes = { written: written as Routes['written'], rewritten: new Map(), shapes: new Set<string>() }
  const scopes = new Set<unknown>()
  const plainShapes = new Set<number>()
  for (const text of Object.keys(written)) {
    const scope = written[text]
    if (!scopes.has(scope)) {
      if (isScope(scope)) scopes.add(scope)
      else fault({ route: text, message: 'must be a scope: visible ASCII without spaces, " and \\' })
    }
    if (plainForm.test(text)) plainShapes.add(plainShape(text))
    else addRoute(routes, text, (message) => fault({ route: text, message }))
  }
  for (const shape of plainShapes) routes.shapes.add(shape.toString(3).slice(1))
  const wild = [...routes.shapes].filter((shape) => !isLiteral(shape)).sort()
  return { match: (method, path) => matchFirst(routes, wild, { method, path }) }
}

function isScope(scope: unknown): boolean {
  return typeof scope === 'string' && scopeForm.test(scope)
}

/** Routes with nothing to look at closely, which are most: plain segments, and `*` as a whole one. */
const plainForm =
  /^(?:\*|GET|HEAD|POST|PUT|PATCH|DELETE) (?:\/(?:\*(?=\/|$)|[\w~!$&'()+,=:@-][\w.~!$&'()+,=:@-]*)){1,32}$/

/** The shape as digits to the base 3 behind a leading 1: a number, which 32 segments do not exceed, costs no text. */
function plainShape(text: string): number {
  let shape = 1
  for (let slash = text.indexOf('/'); slash !== -1; slash = text.indexOf('/', slash + 1)) {
    shape = shape * 3 + (text[slash + 1] === '*' ? 1 : 0)
  }
  return shape
}

function isLiteral(shape: string): boolean {
  return !/[12]/.test(shape)
}

const routeForm = /^(\*|[A-Z]+(?:\|[A-Z]+)*) (\/\S*)$/
/** What a path can hold after its form was checked (core/path.ts), encoded characters included. */
const literalForm = /^(?:[\w.~!$&'()*+,=:@-]|%[\dA-Fa-f]{2})*$/

function addRoute(routes: Routes, text: string, fault: (message: string) => void): void {
  const [, methods, pattern] = routeForm.exec(text) ?? []
  if (methods === undefined || pattern === undefined) {
    fault('must read "METHOD /path", "METHOD|METHOD /path" or "* /path" (any method)')
    return
  }
  const segments = pattern.split('/').slice(1)
  const wrong = patternFault(segments)
  if (wrong !== null) {
    fault(wrong)
    return
  }
  routes.shapes.add(segments.map(digitOf).join(''))
  const key = segments.map((segment) => `/${isWildcard(segment) ? segment : canonical(segment)}`).join('')
  for (const method of methods.split('|')) {
    if (method !== '*' && !(forwardedMethods as readonly string[]).includes(method)) {
      fault(`${method} is not forwarded; methods are ${forwardedMethods.join(', ')} and *`)
    } else if (!rewrite(routes, text, { key: `${method} ${key}`, fault })) {
      return
    }
  }
}

function rewrite(
  routes: Routes,
  text: string,
  { key, fault }: { readonly key: string; readonly fault: (message: string) => void },
): boolean {
  if (key === text) return true
  const other = find(routes, key)
  if (other !== null) fault(`is as specific as "${other.text}"; which one decides would be chance`)
  else routes.rewritten.set(key, { text, scope: routes.written[text] ?? '' })
  return other === null
}

function isWildcard(segment: string): boolean {
  return segment === '*' || segment === '**'
}

function digitOf(segment: string): string {
  return segment === '*' ? '1' : segment === '**' ? '2' : '0'
}

function patternFault(segments: readonly string[]): string | null {
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1
    if (segment === '**' && !last) return '** stands for the rest of the path, so it must come last'
    if (segment === '' && !last) return '// never matches, because such paths are refused'
    if (segment === '.' || segment === '..') return 'dot segments never match, because they are refused'
    if (!literalForm.test(segment)) return `"${segment}" holds a character that no path holds`
  }
  return null
}

function matchFirst(
  routes: Routes,
  wild: readonly string[],
  { method, path: sent }: { readonly method: string; readonly path: string },
): Route | null {
  const path = canonicalPath(sent)
  const literal = byMethod(routes, method, path)
  if (literal !== null || wild.length === 0) return literal
  const segments = path.slice(1).split('/')
  for (const shape of wild) {
    const pattern = patternFor(shape, segments)
    const route = pattern === null ? null : byMethod(routes, method, pattern)
    if (route !== null) return route
  }
  return null
}

/** The only pattern of that shape which matches these segments, or null where none can. */
function patternFor(shape: string, segments: readonly string[]): string | null {
  const rest = shape.endsWith('2')
  if (rest ? segments.length < shape.length : segments.length !== shape.length) return null
  let pattern = ''
  for (let index = 0; index < shape.length; index += 1) {
    const segment = segments[index] ?? ''
    const digit = shape.charAt(index)
    if (digit === '1' && segment === '') return null
    pattern += digit === '0' ? `/${segment}` : digit === '1' ? '/*' : '/**'
  }
  return pattern
}

function byMethod(routes: Routes, method: string, pattern: string): Route | null {
  return (
    find(routes, `${method} ${pattern}`) ??
    (method === 'HEAD' ? find(routes, `GET ${pattern}`) : null) ??
    find(routes, `* ${pattern}`)
  )
}

/** The route of that canonical form: one that is written so, or in another way that means the same. */
function find({ written, rewritten }: Routes, key: string): Route | null {
  const scope = own(written, key)
  return scope === undefined ? (rewritten.get(key) ?? null) : { text: key, scope }
}

function canonicalPath(path: string): string {
  if (path === '') return '/'
  return /[%*]/.test(path) ? path.split('/').map(canonical).join('/') : path
}

/**
 * A literal segment as it is compared: decoded, so that `%e9` and `%E9`, or `%2C` and `,`, which are one
 * resource to the upstream, cannot choose between two routes. What is decoded stays within its segment and
 * does not become a wildcard. Canonical text stays as it is.
 */
function canonical(segment: string): string {
  const text = segment.includes('%') ? decoded(segment) : segment
  return isWildcard(text) ? text.replaceAll('*', '%2A') : text
}

/**
 * To bytes, one character each, since not all that an upstream with `encodedPath: 'allow'` takes is UTF-8. A
 * slash stays encoded, because segments are joined again, and so does a percent sign, malformed escapes among them:
 * what is left of one never reads as an escape.
 */
function decoded(segment: string): string {
  return segment.replace(/%([\da-f]{2})?/gi, (_escape, hex: string | undefined) => {
    const char = hex === undefined ? '%' : String.fromCharCode(Number.parseInt(hex, 16))
    return char === '/' ? '%2F' : char === '%' ? '%25' : char
  })
}
