/**
 * The canonical request of AWS Signature Version 4, in the words of "Create a signed AWS API request" (IAM user
 * guide). What arrives at AWS is decoded and written anew there, so it is written here as AWS would write it.
 */
import { type Pair, percentEncode, rawPairs } from './query-string.ts'

/** Values trimmed, and runs of white space as one space. */
export function canonicalHeaders(headers: readonly Pair[]): string {
  return headers.map(([name, value]) => `${name}:${value.trim().replaceAll(/\s+/g, ' ')}\n`).join('')
}

/**
 * For most services: redundant slashes and dot segments resolved, and every segment of the path as sent encoded
 * once more (`%20` becomes `%2520`).
 */
export function doublyEncodedUri(path: string): string {
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
 * An `@` sent as such is `%40` to S3, and a `+` is a space, as its own error answers show. A `%2F` stays what it is, as
 * in AWS's own signers: signed as the slash that S3 reads, it would get past routes that saw one segment.
 */
export function singlyEncodedUri(path: string): string {
  return path === '' ? '/' : path.split('/').map(encodedOnce).join('/')
}

/** Pairs encoded once, ordered by encoded name and then value (code points): nothing sorts before NUL. */
export function canonicalQuery(query: string, added: readonly Pair[] = []): string {
  const pairs = rawPairs(query)
    .filter(([name, value]) => name !== '' || value !== null)
    .map(([name, value]): Pair => [encodedOnce(name), encodedOnce(value ?? '')])
  return [...added, ...pairs]
    .map((pair) => pair.join('\0'))
    .sort()
    .join('&')
    .replaceAll('\0', '=')
}

/**
 * Percent-encoded exactly once, whatever was encoded before: escapes are decoded and encoded anew byte by byte, so
 * that it cannot fail on those that are not UTF-8.
 */
function encodedOnce(text: string): string {
  return text.replaceAll(/%[0-9A-Fa-f]{2}|[^\w.~-]/gu, (piece) => {
    if (piece === '+') return '%20'
    if (piece.length < 3) return percentEncode(piece)
    const character = String.fromCharCode(Number.parseInt(piece.slice(1), 16))
    return percentEncode(character) === character ? character : piece.toUpperCase()
  })
}
