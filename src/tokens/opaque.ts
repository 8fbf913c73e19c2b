/**
 * Opaque credentials: personal tokens, and whatever else is random, handed out once and kept only as a digest
 * (refresh tokens, codes). A personal token reads
 *
 *     cst_<id>_<secret>_<crc>
 *
 * id: 14 characters (80 bits), public, names the token in lists; secret: 43 characters (256 bits); crc: the
 * CRC-32 of all that stands before its underscore, 6 characters. The checksum holds no secret: anyone can tell
 * with it that a token was not copied whole, and scanners that a find is one. All parts are base62.
 *
 * SHA-256 without salt or stretching is enough for what is kept: nobody guesses 256 random bits.
 */
import { hex, sha256OfText, utf8 } from '../core/bytes.ts'
import { personalTokenPrefix } from '../core/personal-token.ts'
import { Secret } from '../core/redact.ts'

export const opaqueSecretBytes = 32
export const tokenIdBytes = 10

const idChars = 14
const secretChars = 43
const checksumChars = 6

const form = new RegExp(
  `^(cst_([0-9A-Za-z]{${idChars}})_([0-9A-Za-z]{${secretChars}}))_([0-9A-Za-z]{${checksumChars}})$`,
)

export interface PersonalToken {
  readonly id: string
  /** The whole text, checksum included: what its holder keeps, and what is digested. */
  readonly text: Secret
}

/** `random`: `tokenIdBytes + opaqueSecretBytes` fresh random bytes, which become the id and the secret. */
export function makePersonalToken(random: Uint8Array): PersonalToken {
  if (random.length !== tokenIdBytes + opaqueSecretBytes) throw new RangeError('42 random bytes are needed')
  const id = base62(random.subarray(0, tokenIdBytes), idChars)
  const body = `${personalTokenPrefix}${id}_${base62(random.subarray(tokenIdBytes), secretChars)}`
  return { id, text: new Secret(`${body}_${checksum(body)}`) }
}

export type ParsedPersonalToken =
  | { readonly kind: 'token'; readonly token: PersonalToken }
  /** Looks like one, but was mistyped or cut: the form or the checksum is not right. */
  | { readonly kind: 'mistyped' }
  /** Something else altogether. */
  | { readonly kind: 'other' }

/** What a text is by its form and checksum; whether a token is good, only `Directory` knows. */
export function parsePersonalToken(text: string): ParsedPersonalToken {
  if (!text.startsWith(personalTokenPrefix)) return { kind: 'other' }
  const [, body, id, , crc] = form.exec(text) ?? []
  if (body === undefined || id === undefined || checksum(body) !== crc) return { kind: 'mistyped' }
  return { kind: 'token', token: { id, text: new Secret(text) } }
}

/** What is stored of an opaque credential: SHA-256 of its text, in hexadecimal. */
export async function digestOf(text: Secret): Promise<string> {
  return hex(await sha256OfText(text.reveal()))
}

/** 256 random bits as 43 base62 characters, for codes and refresh tokens. */
export function opaqueText(random: Uint8Array): string {
  return base62(random, secretChars)
}

/** Compares two digests of equal length without an early exit. */
export function sameDigest(left: string, right: string): boolean {
  let difference = left.length ^ right.length
  for (let index = 0; index < left.length; index += 1)
    difference |= left.charCodeAt(index) ^ right.charCodeAt(index)
  return difference === 0
}

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The bytes as one big-endian number to the base 62, padded with zeros to `chars`. */
function base62(bytes: Uint8Array, chars: number): string {
  let text = ''
  for (let number = BigInt(`0x${hex(bytes)}`); number > 0n; number /= 62n)
    text = digits.charAt(Number(number % 62n)) + text
  return text.padStart(chars, '0')
}

/** CRC-32 as zlib and PNG use it (polynomial 0xEDB88320, reflected), to the base 62. */
function checksum(text: string): string {
  let crc = 0xffffffff
  for (const byte of utf8(text)) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  const bytes = [24, 16, 8, 0].map((shift) => ~crc >>> shift)
  return base62(Uint8Array.from(bytes), checksumChars)
}
