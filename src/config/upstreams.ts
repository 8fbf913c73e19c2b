/** Upstreams: where requests go, how they are signed, with which keys, and which routes are open. */
import type { Key, Upstream } from '../core/configuration.ts'
import { folded, isProtectedHeader } from '../core/headers.ts'
import {
  bodyBytesDefault,
  bodyBytesMax,
  bufferedBytesDefault,
  bufferedBytesMax,
  timeoutMillisDefault,
  timeoutMillisMax,
  uploadTimeoutMillisDefault,
} from '../core/limits.ts'
import { compileRoutes, type RouteTable } from '../core/route.ts'
import { parseSign } from '../signing/index.ts'
import type { BoundScheme } from '../signing/scheme.ts'
import {
  asItStands,
  choice,
  distinct,
  fields,
  flag,
  type Input,
  integer,
  list,
  map,
  optional,
  type Reader,
  readObject,
  some,
  text,
} from './input.ts'
import { checkLabel, checkUpstreamName, readBinding } from './names.ts'
import { readBaseUrl } from './urls.ts'

export const readUpstreams: Reader<ReadonlyMap<string, Upstream>> = map(
  'a name for each upstream, with its settings',
  (at, name) => {
    checkUpstreamName(at, name)
    return readUpstream(at, name)
  },
)

const readMillis = integer('milliseconds', { min: 1, max: timeoutMillisMax })

const readFields = fields({
  url: readBaseUrl,
  sign: readSign,
  keys: asItStands,
  routes: readRoutes,
  headers: asItStands,
  timeoutMs: optional(timeoutMillisDefault, readMillis),
  uploadTimeoutMs: optional(uploadTimeoutMillisDefault, readMillis),
  maxBodyBytes: optional(bodyBytesDefault, integer('bytes', { min: 0, max: bodyBytesMax })),
  maxBufferedBytes: optional(bufferedBytesDefault, integer('bytes', { min: 0, max: bufferedBytesMax })),
  encodedPath: optional('refuse', choice(['refuse', 'allow'])),
  keyRefused: optional(
    null,
    fields({
      status: optional(401, integer('HTTP status', { min: 400, max: 499 })),
      codes: optional([], distinct('error codes that say the key is unknown or revoked', text('a code'))),
    }),
  ),
  refusedPrefixes: asItStands,
  probe: optional(null, readProbe),
  disabled: flag,
})

function readUpstream(at: Input, name: string): Upstream | null {
  const read = readFields(at)
  if (read === null) return null
  const { url, sign, keys, headers, refusedPrefixes, ...settings } = read
  return {
    ...settings,
    ...(url ?? { origin: '', host: '', basePath: '', barePath: '' }),
    name,
    scheme: sign ?? noScheme,
    keys: readKeys(keys, refusedPrefixes, name),
    headers: readHeaders(headers, sign ?? noScheme),
  }
}

/** Stands in for what could not be read, so that faults elsewhere (grants of this upstream) are found in the same run. */
const noScheme: BoundScheme = {
  name: 'none',
  owns: new Set(),
  selectors: new Set(),
  bodyNeed: () => 'none',
  open: () => Promise.reject(new Error('this scheme stands in for one that could not be read')),
}

function readSign(at: Input): BoundScheme | null {
  const definition = readObject(at, "how requests are signed, such as { scheme: 'bearer' }")
  return definition && parseSign(definition, (path, message) => at.fault(message, path))
}

function readKeys(at: Input, prefixesAt: Input, upstream: string): ReadonlyMap<string, Key> {
  const readKey = (one: Input, name: string): Key => {
    checkLabel(one, name)
    const [active = '', ...standby] = readVersions(one)
    return { upstream, name, versions: [active, ...standby], refusedPrefixes: [] }
  }
  const keys = some(map("a name for each key, with its secret binding: { live: 'ACME_LIVE' }", readKey))(at)
  const readPrefixes = map('for a key, what its secret must not begin with', (one, name): Key | null => {
    const key = keys.get(name)
    if (key === undefined) return keys.size === 0 ? null : one.fault('there is no such key')
    return { ...key, refusedPrefixes: distinct("such as ['sk_live_']", text('a prefix'))(one) }
  })
  return new Map([...keys, ...optional([], readPrefixes)(prefixesAt)])
}

function readVersions(at: Input): readonly string[] {
  if (!Array.isArray(at.value)) return [readBinding(at) ?? '']
  return distinct('names of secret bindings, the active one first', readBinding)(at)
}

function readRoutes(at: Input): RouteTable {
  const routes = readObject(
    at,
    "routes with the scope that each needs; what no route names is refused, '* /**' names all",
  )
  return compileRoutes(routes ?? {}, ({ route, message }) => at.child(route).fault(message))
}

/** RFC 9110 section 5.1. */
const headerNameForm = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/
/** RFC 9110 section 5.5, without obsolete bytes: nothing that could end the line or vanish at its ends. */
const headerValueForm = /^[\x21-\x7e](?:[\x20-\x7e\t]{0,1022}[\x21-\x7e])?$/
/** How well-known credentials begin: in `set` they would stand in the repository. */
const secretForm =
  /^(?:(?:bearer|basic) \S{8,}$|(?:sk|pk|ak|rk|op)_(?:live|test)_|whsec_|cst_|AKIA[A-Z0-9]{12})/i

function readHeaders(at: Input, scheme: BoundScheme): Upstream['headers'] {
  const set: (readonly [name: string, value: string])[] = []
  const readSet = map('header names with their values', (one, written) => {
    const name = readHeaderName(one, written, scheme)
    const value = readHeaderValue(one)
    if (name !== null && value !== null) set.push([name, value])
    return null
  })
  const readAllowed = (one: Input): string | null => {
    const name = readHeaderName(one, one.value, scheme)
    if (name === null || !scheme.selectors.has(folded(name))) return name
    return one.fault(`${name} chooses for whom the key acts and is not signed; only \`set\` may hold it`)
  }
  const readHeaderFields = fields({
    allow: optional([], list('header names', readAllowed)),
    set: optional(null, readSet),
  })
  return { allow: new Set(optional(null, readHeaderFields)(at)?.allow), set }
}

function readHeaderName(at: Input, name: unknown, scheme: BoundScheme): string | null {
  if (typeof name !== 'string' || !headerNameForm.test(name)) return at.fault('must be the name of a header')
  const lower = name.toLowerCase()
  if (isProtectedHeader(lower))
    return at.fault(
      `${lower} is never passed on or set: it carries credentials, names the caller, or belongs to the connection`,
    )
  if (scheme.owns.has(folded(lower))) return at.fault(`${lower} is what the ${scheme.name} scheme sets`)
  return lower
}

function readHeaderValue(at: Input): string | null {
  const { value } = at
  if (typeof value !== 'string' || !headerValueForm.test(value))
    return at.fault('must be 1 to 1,024 visible ASCII characters, spaces only inside')
  if (secretForm.test(value)) return at.fault('looks like a secret; secrets live in bindings (keys, sign)')
  return value
}

function readProbe(at: Input): string | null {
  const { value } = at
  if (typeof value === 'string' && /^(?:GET|HEAD) \/[\x21-\x7e]*$/.test(value)) return value
  return at.fault("must be a harmless call, such as 'GET /v1/whoami'")
}
