import { urlBytesMax } from './limits.ts'
import { Refusal } from './problems.ts'

/**
 * The form of a request URL, checked on its characters before anything parses it: `new URL` folds dot segments
 * and backslashes before one can look. What passes is the string that is matched, signed and sent.
 */
export interface RequestPath {
  /** First segment: the upstream's name, not yet looked up. */
  readonly upstream: string
  /** What follows it: `''` or `/...`, byte for byte. */
  readonly path: string
  /** With its `?`, byte for byte; `''` when there is none. */
  readonly query: string
  /** Holds what only an upstream with `encodedPath: 'allow'` takes; says what, for the refusal. */
  readonly ambiguity: string | null
}

/** RFC 3986 pchar without `%` and `;`, in segments that are neither empty (but for the last) nor dots. */
const plainForm = /^(?:\/(?!\.{1,2}(?:\/|$))[\w\-.~!$&'()*+,=:@]+)*\/?$/
/** The characters of RFC 3986 paths; all others must come percent-encoded. */
const pathCharacters = /^[\w\-.~!$&'()*+,;=:@/%]*$/
/** What the URL standard leaves alone in a query: visible ASCII but `"`, `#`, `<`, `>` and `'`. */
const queryForm = /^\?[\x21\x24-\x26\x28-\x3b\x3d\x3f-\x7e]*$/

/** Path and query (with its `?`) of a URL, cut out of its text. The authority is ignored: it names nobody. */
export function splitUrl(url: string): { readonly pathname: string; readonly query: string } {
  const authority = url.indexOf('://') + 3
  const mark = url.indexOf('?', authority)
  const end = mark === -1 ? url.length : mark
  const slash = url.indexOf('/', authority)
  return { pathname: slash === -1 || slash > end ? '' : url.slice(slash, end), query: url.slice(end) }
}

/** What stands between the first slash of a path and the second: an upstream's name, or one of our own paths. */
export function firstSegment(pathname: string): string {
  const end = pathname.indexOf('/', 1)
  return pathname.slice(1, end === -1 ? undefined : end)
}

/** Splits and checks `request.url`; throws Refusal `path_invalid`. */
export function parseRequestPath(url: string): RequestPath {
  if (url.length > urlBytesMax) throw pathInvalid(`The URL is longer than ${urlBytesMax} bytes.`)
  const { pathname, query } = splitUrl(url)
  if (query !== '' && !queryForm.test(query)) {
    throw pathInvalid(
      'The query holds a character that must be percent-encoded: a quote, <, >, # or one outside of ASCII.',
    )
  }
  const ambiguity = plainForm.test(pathname) ? null : examine(pathname)
  const upstream = firstSegment(pathname)
  return { upstream, path: pathname.slice(upstream.length + 1), query, ambiguity }
}

export function pathInvalid(detail: string): Refusal {
  return new Refusal('path_invalid', { detail })
}

/** Why a path is not plain: refuses what nobody may send, and names what an upstream may opt into. */
function examine(pathname: string): string | null {
  if (!pathCharacters.test(pathname)) {
    throw pathInvalid('The path holds a character that must be percent-encoded.')
  }
  if (/%(?:[01][\da-f]|7f)/i.test(pathname)) throw pathInvalid('The path holds an encoded control character.')
  if (holdsDotSegment(pathname))
    throw pathInvalid('The path holds a dot segment. Send the path that it leads to.')
  if (pathname.includes('//')) return 'an empty segment (//)'
  if (pathname.includes(';')) return 'a semicolon'
  if (/%(?![\da-f]{2})/i.test(pathname)) return 'a malformed escape'
  if (/%(?:2f|5c)/i.test(pathname)) return 'an encoded slash or backslash'
  if (/%(?:2[de]|3\d|4[1-9a-f]|5[\daf]|6[1-9a-f]|7[\dae])/i.test(pathname)) {
    return 'an encoded letter, digit or one of - . _ ~, which need no encoding'
  }
  return isUtf8(pathname) ? null : 'escapes that are not UTF-8'
}

/**
 * Whether any upstream could read a `.` or `..` segment: in encoded form (overlong UTF-8 among them), behind an
 * encoded slash or backslash, or before path parameters (`..;x`), however those are written.
 */
function holdsDotSegment(pathname: string): boolean {
  return pathname
    .replace(/%2e|%c0%ae/gi, '.')
    .split(/\/|%2f|%5c|%c0%af/i)
    .some((segment) => /^\.{1,2}(?:;|%3b|$)/i.test(segment))
}

function isUtf8(pathname: string): boolean {
  try {
    decodeURIComponent(pathname)
    return true
  } catch {
    return false
  }
}

/**
 * Joins a checked path with an upstream's origin and asserts that the URL standard reads it as it stands, on that
 * origin; returns exactly the text that goes to `fetch`. In plain forms there is nothing that it changes (a property
 * test says so), and they are not parsed again.
 */
export function joinUpstreamUrl(origin: string, path: string, query: string): string {
  const text = `${origin}${path === '' ? '/' : path}${query}`
  if (plainForm.test(path) && (query === '' || queryForm.test(query))) return text
  const parsed = URL.parse(text)
  if (parsed?.href !== text || parsed.origin !== origin)
    throw pathInvalid('The path or query is not in the form in which it would be sent.')
  return text
}
