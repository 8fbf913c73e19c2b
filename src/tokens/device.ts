/**
 * The device grant (RFC 8628): user codes, and what `Directory` keeps of a login that waits for approval. Times in
 * milliseconds since 1970.
 */
import type { Audience } from './access-token.ts'

/** Consonants alone spell no words and are not taken for digits (section 6.1); eight of twenty are 34.5 bits. */
const letters = 'BCDFGHJKLMNPQRSTVWXZ'
const userCodeChars = 8

/** `WDJB-MJHT`. `randomBytes` gives that many fresh random bytes. */
export function makeUserCode(randomBytes: (count: number) => Uint8Array): string {
  let code = ''
  while (code.length < userCodeChars) {
    for (const byte of randomBytes(userCodeChars)) {
      // 240 is the largest multiple of 20 that a byte holds: beyond it some letters would be likelier.
      if (byte < 240 && code.length < userCodeChars) code += letters.charAt(byte % letters.length)
    }
  }
  return grouped(code)
}

function grouped(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4)}`
}

/** The code as people type it (case, hyphens and blanks do not matter), in its one form; null when it is none. */
export function readUserCode(text: string): string | null {
  const code = text.toUpperCase().replace(/[\s.\-_]/g, '')
  return code.length === userCodeChars && [...code].every((letter) => letters.includes(letter))
    ? grouped(code)
    : null
}

/** A login that waits: both codes only as digests. */
export interface DeviceRequest {
  readonly digest: string
  readonly userCodeDigest: string
  readonly clientId: string
  /** null: all that the person may. */
  readonly scopes: readonly string[] | null
  /** What its tokens are for where their requests do not say. */
  readonly audience: Audience
  /** The address that asked, as the platform saw it. */
  readonly from: string | null
  readonly createdAt: number
  readonly expiresAt: number
}

/** What the approval page shows. */
export type ListedDevice = Omit<DeviceRequest, 'digest' | 'userCodeDigest'>

/** Section 3.5, and `unknown`: there is no such code, of this client. Terminal states stay as they are. */
export type DevicePoll = 'pending' | 'slow_down' | 'denied' | 'expired' | 'approved' | 'unknown'
