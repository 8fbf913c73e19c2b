/** Texts of bytes and bytes of texts, the same on Node and on workerd. */

/** What WebCrypto takes and gives: bytes over memory of their own. */
export type Bytes = Uint8Array<ArrayBuffer>

const encoder = new TextEncoder()

/** The encoder's type allows shared memory, which it never returns. */
export function utf8(text: string): Bytes {
  return encoder.encode(text) as Bytes
}

/** SHA-256 of the text, 32 bytes. */
export async function sha256OfText(text: string): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(text)))
}

/**
 * What ECMAScript 2026 gives a Uint8Array. workerd has it, and writes a signature in one step; Node has it from 25
 * on, and does what is written below until then.
 */
interface WritesText {
  toHex?(): string
  toBase64?(options?: { readonly alphabet?: 'base64url'; readonly omitPadding?: boolean }): string
}

/** Lower case, as every specification here wants it. */
export function hex(bytes: Uint8Array & WritesText): string {
  return bytes.toHex?.() ?? Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** RFC 4648 section 4, with padding. */
export function base64(bytes: Uint8Array & WritesText): string {
  return bytes.toBase64?.() ?? btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}

/** RFC 4648 section 5, without padding, as JOSE writes it. */
export function base64url(bytes: Uint8Array & WritesText): string {
  return (
    bytes.toBase64?.({ alphabet: 'base64url', omitPadding: true }) ??
    base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  )
}

/** null unless the text is what `hex` writes (either case). */
export function fromHex(text: string): Bytes | null {
  return /^(?:[0-9A-Fa-f]{2})*$/.test(text) ? bytesOfHex(text) : null
}

/** For text of which that is known. */
export function bytesOfHex(text: string): Bytes {
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16))
}

/** null unless the text is canonical base64; padding may be missing, white space may not be there. */
export function fromBase64(text: string): Bytes | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
    return base64(bytes).replaceAll('=', '') === text.replaceAll('=', '') ? bytes : null
  } catch {
    return null
  }
}

/** The same of base64url (RFC 4648 section 5). */
export function fromBase64url(text: string): Bytes | null {
  return /^[A-Za-z0-9_-]*={0,2}$/.test(text)
    ? fromBase64(text.replaceAll('-', '+').replaceAll('_', '/'))
    : null
}

/** A copy of all chunks, one behind the other. */
export function concatBytes(chunks: readonly Uint8Array[]): Bytes {
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}
