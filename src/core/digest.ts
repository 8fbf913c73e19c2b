import { parseDictionary } from 'structured-headers'
import { headerInvalid, type Refusal } from './problems.ts'

/** How nearly everyone writes it: this member alone, without parameters. */
const alone = /^sha-256=:([A-Za-z0-9+/]{43}=):$/

/** ECMAScript 2026: workerd has it, Node from 25 on. */
const bytesOf: { fromBase64?(text: string): Uint8Array<ArrayBuffer> } & typeof Uint8Array = Uint8Array

/**
 * The `sha-256` member of Content-Digest (RFC 9530 section 2, an RFC 9651 dictionary of byte sequences); null when it
 * has none. Throws Refusal `header_invalid` when the field is not well-formed.
 */
export function contentDigestSha256(value: string): Uint8Array<ArrayBuffer> | null {
  // The parser of dictionaries goes letter by letter, and decodes byte by byte.
  const text = alone.exec(value)?.[1]
  if (text !== undefined && bytesOf.fromBase64 !== undefined) return bytesOf.fromBase64(text)
  const member = parsed(value).get('sha-256')
  if (member === undefined) return null
  const [digest] = member
  if (!(digest instanceof ArrayBuffer) || digest.byteLength !== 32) throw malformed()
  return new Uint8Array(digest)
}

function parsed(value: string): ReturnType<typeof parseDictionary> {
  try {
    return parseDictionary(value)
  } catch {
    throw malformed()
  }
}

function malformed(): Refusal {
  return headerInvalid('Content-Digest must read sha-256=:<base64 of 32 bytes>: (RFC 9530).')
}
