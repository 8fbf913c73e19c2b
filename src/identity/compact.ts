/**
 * The compact form of a JWS (RFC 7515 section 7.1), checked before any library sees it: exactly three parts in
 * canonical base64url, so that one token has one text, and a header that asks for nothing unusual.
 */
import { joseType } from '../core/jose-type.ts'
import { type JsonObject, parseJsonObject } from '../core/json.ts'
import { kidCharsMax, tokenBytesMax } from '../core/limits.ts'
import { own } from '../core/table.ts'

export interface CompactToken {
  readonly text: string
  readonly algorithm: string
  readonly kid: string | null
  /** As `joseType` writes it; null when there is none. */
  readonly typ: string | null
  /** As it stands there, not verified yet. */
  readonly payload: string
}

/** `malformed` says what is wrong, for the log; it repeats nothing of the token. */
export type ParsedCompact = CompactToken | { readonly malformed: string }

const compactForm = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/

/**
 * Parameters that would change what is verified, or with which key (RFC 7515 sections 4.1.2 to 4.1.6, 4.1.11;
 * RFC 7797). Keys come from the issuer's configuration and from nowhere else.
 */
const refusedParameters = ['crit', 'b64', 'jku', 'jwk', 'x5u', 'x5c'] as const

/** The parts of a token whose form and header are in order; its signature is not looked at. Never throws. */
export function parseCompact(text: string): ParsedCompact {
  if (text.length > tokenBytesMax) return { malformed: `longer than ${tokenBytesMax} bytes` }
  if (!compactForm.test(text)) return { malformed: 'not three parts of base64url' }
  const [first = '', payload = '', signature = ''] = text.split('.')
  if (![first, payload, signature].every(isCanonical)) return { malformed: 'not canonical base64url' }
  const header = parseObject(first)
  if (header === null) return { malformed: 'header is not a JSON object' }
  return readHeader(header, { text, payload })
}

/** The claims, or null when the payload is not a JSON object. Before the signature is verified they prove nothing. */
export function parseClaims({ payload }: CompactToken): JsonObject | null {
  return parseObject(payload)
}

function readHeader(header: JsonObject, token: Pick<CompactToken, 'text' | 'payload'>): ParsedCompact {
  const parameter = (name: string): unknown => own(header, name)
  for (const name of refusedParameters) {
    if (Object.hasOwn(header, name)) return { malformed: `header has ${name}` }
  }
  const algorithm = parameter('alg')
  if (typeof algorithm !== 'string') return { malformed: 'header has no alg' }
  const kid = parameter('kid')
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > kidCharsMax))
    return { malformed: 'header has a kid that is not a short text' }
  const typ = parameter('typ')
  if (typ !== undefined && typeof typ !== 'string') return { malformed: 'header has a typ that is not text' }
  const cty = parameter('cty')
  if (cty !== undefined && (typeof cty !== 'string' || joseType(cty) === 'jwt'))
    return { malformed: 'a token within a token' }
  return { ...token, algorithm, kid: kid ?? null, typ: typ === undefined ? null : joseType(typ) }
}

/** Whether the bits that encode nothing are zero (RFC 4648 section 3.5): otherwise many texts are one token. */
export function isCanonical(part: string): boolean {
  switch (part.length % 4) {
    case 0:
      return true
    case 2:
      return /[AQgw]$/.test(part)
    case 3:
      return /[AEIMQUYcgkosw048]$/.test(part)
    default:
      return false
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function parseObject(part: string): JsonObject | null {
  try {
    const binary = atob(part.replaceAll('-', '+').replaceAll('_', '/'))
    return parseJsonObject(utf8.decode(Uint8Array.from(binary, (char) => char.charCodeAt(0))))
  } catch {
    return null
  }
}
