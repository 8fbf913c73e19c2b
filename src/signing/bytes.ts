/** Texts of bytes and bytes of texts, the same on Node and on workerd. */

/** What WebCrypto takes and gives: bytes over memory of their own. */
export type Bytes = Uint8Array<ArrayBuffer>

const encoder = new TextEncoder()

/** The encoder's type allows shared memory, which it never returns. */
export function utf8(text: string): Bytes {
  return encoder.encode(text) as Bytes
}

/**
 * What ECMAScript 2026 gives a Uint8Array. workerd has it, and writes a signature in one step; Node has it from 25
 * on, and does what is written below until then.
 */
interface WritesText {
  toHex?(): string
  toBase64?(options?: { readonly alphabet?: 'base64url'; readonly omitPadding?: boolean }): string
}

interface ReadsText {
  fromHex?(text: string): Bytes
}

const native: ReadsText & Uint8ArrayConstructor = Uint8Array

/** Lower case, as every specification here wants it. Digit by digit: a loop over text costs ten times this (measured). */
export function hex(bytes: Uint8Array & WritesText): string {
  if (bytes.toHex !== undefined) return bytes.toHex()
  const codes = new Array<number>(2 * bytes.length)
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] ?? 0
    codes[2 * index] = hexDigit(byte >> 4)
    codes[2 * index + 1] = hexDigit(byte & 15)
  }
  return String.fromCharCode(...codes)
}

function hexDigit(value: number): number {
  return (value < 10 ? 0x30 : 0x57) + value
}

/** RFC 4648 section 4, with padding. */
export function base64(bytes: Uint8Array & WritesText): string {
  if (bytes.toBase64 !== undefined) return bytes.toBase64()
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

/** RFC 4648 section 5, without padding, as JOSE writes it. */
export function base64url(bytes: Uint8Array & WritesText): string {
  return bytes.toBase64 === undefined
    ? base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
    : bytes.toBase64({ alphabet: 'base64url', omitPadding: true })
}

/** null unless the text is what `hex` writes (either case). */
export function fromHex(text: string): Bytes | null {
  if (!/^(?:[0-9A-Fa-f]{2})*$/.test(text)) return null
  if (native.fromHex !== undefined) return native.fromHex(text)
  return Uint8Array.from({ length: text.length / 2 }, (_, index) =>
    Number.parseInt(text.slice(2 * index, 2 * index + 2), 16),
  )
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

export function fromBase64url(text: string): Bytes | null {
  return /^[A-Za-z0-9_-]*={0,2}$/.test(text)
    ? fromBase64(text.replaceAll('-', '+').replaceAll('_', '/'))
    : null
}

export function concatBytes(chunks: readonly Uint8Array[]): Bytes {
  let length = 0
  for (const chunk of chunks) length += chunk.length
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}
