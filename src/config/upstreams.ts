/** Upstreams: where requests go, how they are signed, with which keys, and which routes are open. */
import type { Key, Upstream } from '../core/configuration.ts'
import { isProtectedHeader } from '../core/headers.ts'
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
  type Fields,
  type Input,
  readChoice,
  readEntries,
  readFields,
  readFlag,
  readInteger,
  readList,
  readRecord,
  readTexts,
} from './input.ts'
import { checkLabel, checkUpstreamName, readBinding } from './names.ts'
import { readBaseUrl } from './urls.ts'

const upstreamFields = [
  'url',
  'sign',
  'keys',
  'routes',
  'headers',
  'timeoutMs',
  'uploadTimeoutMs',
  'maxBodyBytes',
  'maxBufferedBytes',
  'encodedPath',
  'keyRefused',
  'refusedPrefixes',
  'probe',
  'disabled',
] as const

export function readUpstreams(input: Input): ReadonlyMap<string, Upstream> {
  const upstreams = new Map<string, Upstream>()
  for (const [name, at] of readEntries(input, 'a name for each upstream, with its settings')) {
    checkUpstreamName(at, name)
    const upstream = readUpstream(at, name)
    if (upstream !== null) upstreams.set(name, upstream)
  }
  return upstreams
}

function readUpstream(input: Input, name: string): Upstream | null {
  const fields = readFields(input, upstreamFields)
  if (fields === null) return null
  const base = readBaseUrl(fields.get('url')) ?? { origin: '', host: '', basePath: '', barePath: '' }
  const scheme = readSign(fields.get('sign'))
  return {
    name,
    ...base,
    scheme: scheme ?? noScheme,
    keys: readKeys(fields, name),
    routes: readRoutes(fields.get('routes')),
    headers: readHeaders(fields.get('headers'), scheme),
    ...readBounds(fields),
    encodedPath: readChoice(fields.get('encodedPath'), ['refuse', 'allow'], 'refuse'),
    keyRefused: readKeyRefused(fields.get('keyRefused')),
    probe: readProbe(fields.get('probe')),
    disabled: readFlag(fields.get('disabled')),
  }
}

/**
 * Stands in for what could not be read, so that faults elsewhere (grants of this upstream) are found in the
 * same run. It is never used: a configuration with a fault is not returned.
 */
const noScheme: BoundScheme = {
  name: 'none',
  owns: new Set(),
  selectors: new Set(),
  bodyNeed: () => 'none',
  open: () => Promise.reject(new Error('this scheme stands in for one that could not be read')),
}

function readBounds(
  fields: Fields,
): Pick<Upstream, 'timeoutMs' | 'uploadTimeoutMs' | 'maxBodyBytes' | 'maxBufferedBytes'> {
  const millis = { min: 1, max: timeoutMillisMax, unit: 'milliseconds' }
  return {
    timeoutMs: readInteger(fields.get('timeoutMs'), timeoutMillisDefault, millis),
    uploadTimeoutMs: readInteger(fields.get('uploadTimeoutMs'), uploadTimeoutMillisDefault, millis),
    maxBodyBytes: readInteger(fields.get('maxBodyBytes'), bodyBytesDefault, {
      min: 0,
      max: bodyBytesMax,
      unit: 'bytes',
    }),
    maxBufferedBytes: readInteger(fields.get('maxBufferedBytes'), bufferedBytesDefault, {
      min: 0,
      max: bufferedBytesMax,
      unit: 'bytes',
    }),
  }
}

function readSign(input: Input): BoundScheme | null {
  const fields = readRecord(input, "how requests are signed, such as { scheme: 'bearer' }")
  return fields === null
    ? null
    : parseSign(input.value as Readonly<Record<string, unknown>>, (path, message) =>
        input.faultBelow(path, message),
      )
}

function readKeys(upstream: Fields, upstreamName: string): ReadonlyMap<string, Key> {
  const keys = new Map<string, Key>()
  const input = upstream.get('keys')
  const before = input.faults.length
  const entries = readEntries(input, "a name for each key, with its secret binding: { live: 'ACME_LIVE' }")
  if (entries.length === 0 && input.faults.length === before) input.fault('must name at least one key')
  for (const [name, at] of entries) {
    checkLabel(at, name)
    const [active = '', ...standby] = readVersions(at)
    keys.set(name, { upstream: upstreamName, name, versions: [active, ...standby], refusedPrefixes: [] })
  }
  return withRefusedPrefixes(upstream.get('refusedPrefixes'), keys)
}

function readVersions(input: Input): readonly string[] {
  if (!Array.isArray(input.value)) {
    const binding = readBinding(input)
    return binding === null ? [] : [binding]
  }
  const names = readTexts(input, 'names of secret bindings, the active one first') ?? []
  return names.filter((name, index) => readBinding(input.child(index, name)) !== null)
}

function withRefusedPrefixes(input: Input, keys: ReadonlyMap<string, Key>): ReadonlyMap<string, Key> {
  if (input.value === undefined) return keys
  const guarded = new Map(keys)
  for (const [name, at] of readEntries(input, 'for a key, what its secret must not begin with')) {
    const key = keys.get(name)
    const prefixes = readTexts(at, `such as ['sk_live_']`) ?? []
    if (key === undefined) at.fault('there is no such key')
    else guarded.set(name, { ...key, refusedPrefixes: prefixes })
  }
  return guarded
}

function readRoutes(input: Input): RouteTable {
  const routes = readRecord(
    input,
    "routes with the scope that each needs; what no route names is refused, '* /**' names all",
  )
  return compileRoutes(routes?.record ?? {}, ({ route, message }) => input.child(route, null).fault(message))
}

/** RFC 9110 section 5.1. */
const headerNameForm = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/
/** RFC 9110 section 5.5, without obsolete bytes: nothing that could end the line or vanish at its ends. */
const headerValueForm = /^[\x21-\x7e](?:[\x20-\x7e\t]{0,1022}[\x21-\x7e])?$/
/** How well-known credentials begin: in `set` they would stand in the repository. */
const secretForm =
  /^(?:(?:bearer|basic) \S{8,}$|(?:sk|pk|ak|rk|op)_(?:live|test)_|whsec_|cst_|AKIA[A-Z0-9]{12})/i

function readHeaders(input: Input, scheme: BoundScheme | null): Upstream['headers'] {
  const none = { allow: new Set<string>(), set: [] }
  if (input.value === undefined) return none
  const fields = readFields(input, ['allow', 'set'])
  if (fields === null) return none
  const allow = fields.has('allow') ? (readList(fields.get('allow'), 'header names') ?? []) : []
  const set = fields.has('set') ? readEntries(fields.get('set'), 'header names with their values') : []
  return {
    allow: new Set(allow.flatMap((at) => readAllowedName(at, scheme) ?? [])),
    set: set.flatMap(([name, at]) => {
      const header = readHeaderName(at, name, scheme)
      const value = readHeaderValue(at)
      return header === null || value === null ? [] : [[header, value] as const]
    }),
  }
}

function readAllowedName(input: Input, scheme: BoundScheme | null): string | null {
  const name = readHeaderName(input, input.value, scheme)
  // Dots fold into hyphens on many servers.
  if (name === null || scheme?.selectors.has(name.replaceAll('.', '-')) !== true) return name
  return input.fault(`${name} chooses for whom the key acts and is not signed; only \`set\` may hold it`)
}

function readHeaderName(input: Input, name: unknown, scheme: BoundScheme | null): string | null {
  if (typeof name !== 'string' || !headerNameForm.test(name))
    return input.fault('must be the name of a header')
  const lower = name.toLowerCase()
  if (isProtectedHeader(lower))
    return input.fault(
      `${lower} is never passed on or set: it carries credentials, names the caller, or belongs to the connection`,
    )
  if (scheme?.owns.has(lower)) return input.fault(`${lower} is what the ${scheme.name} scheme sets`)
  return lower
}

function readHeaderValue(input: Input): string | null {
  const { value } = input
  if (typeof value !== 'string' || !headerValueForm.test(value))
    return input.fault('must be 1 to 1,024 visible ASCII characters, spaces only inside')
  if (secretForm.test(value)) return input.fault('looks like a secret; secrets live in bindings (keys, sign)')
  return value
}

function readKeyRefused(input: Input): Upstream['keyRefused'] {
  if (input.value === undefined) return null
  const fields = readFields(input, ['status', 'codes'])
  if (fields === null) return null
  return {
    status: readInteger(fields.get('status'), 401, { min: 400, max: 499, unit: 'HTTP status' }),
    codes: fields.has('codes')
      ? (readTexts(fields.get('codes'), 'error codes that say the key is unknown or revoked') ?? [])
      : [],
  }
}

function readProbe(input: Input): string | null {
  const { value } = input
  if (value === undefined) return null
  if (typeof value === 'string' && /^(?:GET|HEAD) \/[\x21-\x7e]*$/.test(value)) return value
  return input.fault("must be a harmless call, such as 'GET /v1/whoami'")
}
