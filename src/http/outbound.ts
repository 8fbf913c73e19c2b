/**
 * The request as the upstream gets it: our headers, the caller's by allow-list, the operator's, and last the
 * scheme's edits, so that nothing of the caller's can stand where a signature or a trusted value goes.
 */
import type { Upstream } from '../core/configuration.ts'
import { byNames, connectionNamed, forwardsRequestHeader } from '../core/headers.ts'
import { joinUpstreamUrl } from '../core/path.ts'
import type { Permit } from '../core/permit.ts'
import { appendQuery } from '../signing/query-string.ts'
import type { Edits, SignableBody, SignRequest } from '../signing/scheme.ts'
import type { Fields } from './fields.ts'

export interface Outbound {
  readonly request: SignRequest
  readonly headers: Headers
  /** Before the scheme's edits. */
  readonly url: string
}

export interface OutboundOptions {
  /** What this deployment calls itself in `CDN-Loop`. */
  readonly loopName: string
  /** 32 hexadecimal digits. */
  readonly nonce: () => string
}

/** Set on every request that is sent. */
const addedNames = ['traceparent', 'cdn-loop', 'via'] as const

/** Ids of zeros alone are invalid; versions to come may end in more, and are read as ours begins. */
const traceparentForm =
  /^(?:00(?=.{53}$)|(?!00|ff)[0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-|$)/
/** Sampled, and the trace id is random; all others must go on as 0. */
const knownTraceFlags = 0b11

/** Builds the request of a permit. Throws Refusal `path_invalid` when the URL would not be sent as it stands. */
export function buildOutbound(
  permit: Pick<Permit, 'upstream' | 'target'>,
  incoming: Fields,
  body: SignableBody,
  { loopName, nonce }: OutboundOptions,
): Outbound {
  const { upstream, target } = permit
  const path = target.path === '' ? upstream.barePath : upstream.basePath + target.path
  const url = joinUpstreamUrl(upstream.origin, path, target.query)
  const passage = passageOf(upstream)(incoming.names)
  const { trace, continued } = traceparent(passage.traced ? incoming.get('traceparent') : null, nonce())
  const { headers, forwarded } = forwardedHeaders(incoming, passage, continued)
  headers.set('traceparent', trace)
  const loop = passage.looped ? incoming.get('cdn-loop') : null
  headers.set('cdn-loop', loop === null ? loopName : `${loop}, ${loopName}`)
  // Ours alone, although RFC 9110 section 7.6.3 appends: a caller's would be a claim about the way here that nobody can
  // check. CDN-Loop, which RFC 8586 forbids to drop, goes on, since loops are found by it.
  headers.set('via', '1.1 countersign')
  for (const [name, value] of upstream.headers.set) headers.set(name, value)
  return {
    url,
    headers,
    request: {
      method: target.method,
      origin: upstream.origin,
      host: upstream.host,
      path,
      query: target.query,
      header: (name) => asOneLine(headers, name),
      headerNames: () => [
        ...new Set([...forwarded, ...addedNames, ...upstream.headers.set.map(([name]) => name)]),
      ],
      body,
    },
  }
}

/**
 * The value of a field that is signed. Several lines of one name are sent as the one that was read: an upstream puts
 * them together in a way of its own (AWS without a space, `;bs` of RFC 9421 one by one).
 * Here, and not where the headers are made: only the signer knows which it signs, and to ask for the value of every
 * field of every call has its price (fields.ts).
 */
function asOneLine(headers: Headers, name: string): string | null {
  const value = headers.get(name)
  if (value === null || !value.includes(', ')) return value
  headers.set(name, value)
  return headers.get(name)
}

/**
 * By allow-list, although it is written as a copy from which all else is deleted: the runtime copies a whole set of
 * headers for the price of one, and every name is looked at (measured: half of what copying one by one costs).
 */
function forwardedHeaders(
  incoming: Fields,
  { dropped, passed, connected }: Passage,
  continuesTrace: boolean,
): { readonly headers: Headers; readonly forwarded: readonly string[] } {
  const headers = incoming.toHeaders()
  for (const name of dropped) headers.delete(name)
  const named = connected ? connectionNamed(incoming.get('connection')) : []
  const unwanted = passed.filter((name) => named.includes(name) || (name === 'tracestate' && !continuesTrace))
  if (unwanted.length === 0) return { headers, forwarded: passed }
  for (const name of unwanted) headers.delete(name)
  return { headers, forwarded: passed.filter((name) => !unwanted.includes(name)) }
}

/** What one list of names says of a request by an upstream's rules. */
interface Passage {
  readonly dropped: readonly string[]
  readonly passed: readonly string[]
  /** Whether `traceparent`, `cdn-loop` and `connection` are there at all. */
  readonly traced: boolean
  readonly looped: boolean
  readonly connected: boolean
}

const passages = new WeakMap<Upstream, (names: readonly string[]) => Passage>()

function passageOf(upstream: Upstream): (names: readonly string[]) => Passage {
  const known = passages.get(upstream)
  if (known !== undefined) return known
  const rules = { allow: upstream.headers.allow, owned: upstream.scheme.owns }
  const made = byNames((names) => {
    const passed = names.filter((name) => forwardsRequestHeader(name, rules))
    return {
      passed,
      dropped: names.filter((name) => !passed.includes(name)),
      traced: names.includes('traceparent'),
      looped: names.includes('cdn-loop'),
      connected: names.includes('connection'),
    }
  })
  passages.set(upstream, made)
  return made
}

/** W3C Trace Context: the caller's trace goes on under a span of our own; without a valid one, ours begins. */
function traceparent(value: string | null, random: string): { trace: string; continued: boolean } {
  const [, trace, flags] = (value !== null && traceparentForm.exec(value)) || []
  const span = random.slice(0, 16)
  if (trace === undefined) return { trace: `00-${random}-${span}-01`, continued: false }
  const known = Number.parseInt(flags ?? '', 16) & knownTraceFlags
  return { trace: `00-${trace}-${span}-0${known}`, continued: true }
}

/** Applies a scheme's edits: the only place where a signature enters a request. Returns the URL to send. */
export function applyEdits({ url, headers, request }: Outbound, { set, query }: Edits): string {
  for (const [name, value] of set) headers.set(name, value)
  if (query === undefined || query.length === 0) return url
  return url.slice(0, url.length - request.query.length) + appendQuery(request.query, query)
}
