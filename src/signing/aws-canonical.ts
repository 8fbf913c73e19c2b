/**
 * The canonical request of AWS Signature Version 4, in the words of "Create a signed AWS API request" (IAM user
 * guide). What arrives at AWS is decoded and written anew there, so it is written here as AWS would write it.
 */
import { utf8 } from '../core/bytes.ts'
import { joinedPairs, percentEncode, rawPairs } from './query-string.ts'

export type HeaderField = readonly [name: string, value: string]

export interface CanonicalParts {
  readonly method: string
  readonly uri: string
  readonly query: string
  /** Names in lower case, ordered. */
  readonly headers: readonly HeaderField[]
  /** `signedHeaders` of these. */
  readonly signedNames: string
  readonly payloadHash: string
}

export function canonicalRequest(parts: CanonicalParts): string {
  const { method, uri, query, headers, signedNames, payloadHash } = parts
  let fields = ''
  for (const [name, value] of headers) fields += `${name}:${canonicalValue(value)}\n`
  return `${method}\n${uri}\n${query}\n${fields}\n${signedNames}\n${payloadHash}`
}

export function signedHeaders(headers: readonly HeaderField[]): string {
  return headers.map(([name]) => name).join(';')
}

/** Trimmed, and runs of white space as one space. */
function canonicalValue(value: string): string {
  return /^\s|\s\s|[\t\r\n]|\s$/.test(value) ? value.trim().replaceAll(/\s+/g, ' ') : value
}

/**
 * For most services: redundant slashes and dot segments resolved, and every segment of the path as sent encoded
 * once more (`%20` becomes `%2520`).
 */
export function doublyEncodedUri(path: string): string {
  if (/^(?:\/[\w.~-]+)*\/?$/.test(path) && !/\/\.{1,2}(?:\/|$)/.test(path)) return path || '/'
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(percentEncode(segment))
  }
  const tail = segments.length > 0 && path.endsWith('/') ? '/' : ''
  return `/${segments.join('/')}${tail}`
}

/**
 * For S3, whose paths are object keys: nothing resolved, and each character that is not unreserved encoded once.
 * An `@` sent as such is `%40` to S3, and a `+` is a space, as its own error answers show.
 */
export function singlyEncodedUri(path: string): string {
  return path === '' ? '/' : path.split('/').map(encodedOnce).join('/')
}

/** Pairs encoded once, ordered by encoded name and then value (code points). */
export function canonicalQuery(query: string, added: readonly HeaderField[] = []): string {
  if (query.length < 2 && added.length === 0) return ''
  const pairs = [...added]
  for (const [name, value] of rawPairs(query)) {
    if (name !== '' || value !== null) pairs.push([encodedOnce(name), encodedOnce(value ?? '')])
  }
  pairs.sort(([name, value], [otherName, otherValue]) => order(name, otherName) || order(value, otherValue))
  return joinedPairs(pairs)
}

/** All texts here are ASCII, where the order of code units is that of bytes. */
function order(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

const plain = /^[\w.~-]*$/

/**
 * Percent-encoded exactly once, whatever was encoded before: decoded and encoded anew byte by byte, so that it
 * cannot fail on escapes that are not UTF-8.
 */
function encodedOnce(text: string): string {
  if (plain.test(text)) return text
  return text.replaceAll(/%[0-9A-Fa-f]{2}|[^\w.~-]/gu, (piece) => {
    if (piece === '+') return '%20'
    if (piece.length === 3 && piece.startsWith('%')) {
      const character = String.fromCharCode(Number.parseInt(piece.slice(1), 16))
      return plain.test(character) ? character : piece.toUpperCase()
    }
    return encodedBytes(piece)
  })
}

function encodedBytes(character: string): string {
  let text = ''
  for (const byte of utf8(character)) text += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  return text
}
