/**
 * Which header fields cross the proxy, in each direction. Requests go by an allow-list, so that a name nobody
 * thought of is dropped; answers by a deny-list, because they come from a host the operator chose.
 */
import { encodedTimesMax, nameListCharsMax, nameListsMax } from './limits.ts'

/** Besides these: every `accept` and `accept-*`, and what the upstream's `headers.allow` names. */
const requestAllowed: ReadonlySet<string> = new Set([
  'content-type',
  'content-encoding',
  'content-language',
  'content-disposition',
  'content-location',
  'content-range',
  'content-digest',
  'repr-digest',
  'want-content-digest',
  'want-repr-digest',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'range',
  'user-agent',
  'idempotency-key',
  'prefer',
  'tracestate',
  'baggage',
])

/** Hop-by-hop (RFC 9110 section 7.6.1), with the old names that are still seen. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'host',
  'content-length',
  'expect',
])

const protectedNames: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'cookie2',
  'set-cookie',
  'forwarded',
  'via',
  'cdn-loop',
  'traceparent',
  'x-real-ip',
  'true-client-ip',
  'x-original-url',
  'x-rewrite-url',
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
])

const protectedPrefixes = ['x-forwarded-', 'cf-', 'proxy-', 'countersign-'] as const

/**
 * Names that no `headers.allow` and no `headers.set` may bring in. `name` in lower case. Many servers fold `_` and
 * `.` into `-`, so a name that only folds into a protected one is protected too.
 */
export function isProtectedHeader(name: string): boolean {
  const plain = folded(name)
  return (
    plain.includes('_') ||
    hopByHop.has(plain) ||
    protectedNames.has(plain) ||
    protectedPrefixes.some((prefix) => plain.startsWith(prefix))
  )
}

/** As a server that takes dots for hyphens reads a name. */
export function folded(name: string): string {
  return name.includes('.') ? name.replaceAll('.', '-') : name
}

export interface HeaderRules {
  readonly allow: ReadonlySet<string>
  /** What the scheme sets, dots folded. */
  readonly owned: ReadonlySet<string>
}

/** Whether a caller's field goes on to the upstream. `name` in lower case, as `Headers` iterates. */
export function forwardsRequestHeader(name: string, { allow, owned }: HeaderRules): boolean {
  return (
    (requestAllowed.has(name) || name === 'accept' || acceptForm.test(name) || allow.has(name)) &&
    !owned.has(folded(name))
  )
}

/** Letters only: `accept-_x` would fold into another name. */
const acceptForm = /^accept-[a-z-]+$/

/** The request fields that a browser may be allowed to send: ours, and all that any upstream takes. */
export function corsRequestHeaders(
  upstreams: Iterable<{ readonly headers: Pick<HeaderRules, 'allow'> }>,
): readonly string[] {
  const names = new Set([
    'authorization',
    'countersign-authorization',
    'countersign-key',
    'traceparent',
    // A browser asks for these two when a value holds a quote or the like, as a media type with a profile does.
    'accept',
    'accept-language',
  ])
  for (const name of requestAllowed) names.add(name)
  for (const { headers } of upstreams) for (const name of headers.allow) names.add(name)
  return [...names].sort()
}

/** The fields that `Connection` names (RFC 9110 section 7.6.1), in lower case. */
export function connectionNamed(connection: string | null): readonly string[] {
  return connection === null
    ? []
    : connection
        .split(',')
        .map((name) => name.trim().toLowerCase())
        .filter((name) => fieldName.test(name))
}

/** Bytes that `Content-Length` announces (RFC 9110 section 8.6); null where it is missing or is not one number. */
export function contentLength(value: string | null): number | null {
  return value === null || !/^\d{1,15}$/.test(value) ? null : Number(value)
}

/** RFC 9110 section 5.1; `Headers` throws at anything else. */
const fieldName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/

/**
 * Answer fields that are not passed on: hop-by-hop, what would act on our own origin (cookies, CORS, HSTS,
 * reporting, workers, authentication), and what speaks to shared caches.
 */
const answerDropped: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'set-cookie',
  'set-cookie2',
  'clear-site-data',
  'service-worker-allowed',
  'alt-svc',
  'strict-transport-security',
  'report-to',
  'nel',
  'reporting-endpoints',
  'refresh',
  'www-authenticate',
  'cdn-cache-control',
  'cloudflare-cdn-cache-control',
  'surrogate-control',
])

/** Whether an answer's field is withheld; every `proxy-*` speaks of the hop to the upstream. `name` in lower case. */
export function dropsAnswerHeader(name: string): boolean {
  return (
    answerDropped.has(name) ||
    name.startsWith('access-control-') ||
    name.startsWith('countersign-') ||
    name.startsWith('proxy-')
  )
}

/**
 * Whether a field's value repeats one of the texts: as it is, or percent-encoded in whole or in part, once or again, in
 * either case of the digits, with spaces written as `+` or not; so do URLs and forms hold what a URL or a form brought.
 * Backslashes are passed over: JSON and quoted strings have them before quotes, slashes and each other, and JSON before
 * the number of a character, which some write for all but letters and digits.
 */
export function repeatsText(value: string, texts: readonly string[]): boolean {
  const holdsOne = (form: string): boolean =>
    texts.some((text) => form.includes(text)) ||
    (form.includes('\\') && texts.some((text) => withoutBackslashes(form).includes(withoutBackslashes(text))))
  let form = value
  for (let times = 0; !holdsOne(form); times += 1) {
    if (times === encodedTimesMax || !(form.includes('%') || form.includes('+'))) return false
    if (form.includes('+') && holdsOne(percentDecoded(form.replaceAll('+', ' ')))) return true
    form = percentDecoded(form)
  }
  return true
}

function withoutBackslashes(text: string): string {
  const numbered = /\\u([0-9A-Fa-f]{4})/g
  return text
    .replace(numbered, (_escape, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
    .replaceAll('\\', '')
}

const utf8 = new TextDecoder()

/** Nothing throws: what is no UTF-8 becomes a mark, and hides nothing beside it. */
function percentDecoded(value: string): string {
  return value.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) =>
    utf8.decode(Uint8Array.from(run.slice(1).split('%'), (digits) => Number.parseInt(digits, 16))),
  )
}

/** A directive of its own. Nothing in it looks further than the next comma, so the longest value costs little. */
const closedToSharedCaches = /(?:^|,)\s*(?:private|no-store)\s*(?:,|$)/i
const openToSharedCaches = /\b(?:public|s-maxage)\b/i

/**
 * `Cache-Control` of a proxied answer: never for shared caches, since the same URL answers differently to
 * each token. Without one, nothing is stored.
 */
export function privateCacheControl(value: string | null): string {
  if (value === null || value.trim() === '') return 'private, no-store'
  // Between quotes it would only look like a directive.
  if (!value.includes('"') && closedToSharedCaches.test(value) && !openToSharedCaches.test(value))
    return value
  const directives = value
    .split(',')
    .map((directive) => directive.trim())
    .filter((directive) => !/^(?:public|s-maxage|private)\b/i.test(directive) && directive !== '')
  return ['private', ...directives].join(', ')
}

const nameLists = new Map<string, readonly string[]>()

/**
 * One array for all lists of the same names. Clients and upstreams send the same fields again and again, so that what
 * follows from the names alone can be remembered with the list (`byNames`), and need not be found out name by name.
 */
export function sameNames(names: readonly string[]): readonly string[] {
  const text = names.join()
  const known = nameLists.get(text)
  if (known !== undefined) return known
  if (text.length > nameListCharsMax) return names
  if (nameLists.size >= nameListsMax) nameLists.clear()
  nameLists.set(text, names)
  return names
}

/** Remembers what `decide` says of a list of names for as long as the list is. */
export function byNames<Decided>(
  decide: (names: readonly string[]) => Decided,
): (names: readonly string[]) => Decided {
  const known = new WeakMap<readonly string[], Decided>()
  return (names) => {
    let decided = known.get(names)
    if (decided === undefined) {
      decided = decide(names)
      known.set(names, decided)
    }
    return decided
  }
}
