/**
 * Private keys as APIs hand them out: JSON with a JWK or with PEM in it, or PEM alone. No message here has a
 * part of a key.
 */
import { type Bytes, concatBytes, fromBase64 } from '../core/bytes.ts'
import { own } from '../core/table.ts'
import {
  importPkcs8Signer,
  importSigner,
  type PrivateAlgorithmName,
  parsePrivateJwk,
  type Signer,
} from './jwk.ts'
import { SecretFault } from './scheme.ts'

/** Imports the key; a closure, because importing is all that can be done with it. */
export type ImportSigner = () => Promise<Signer>

/** A JSON object, or null. JSON.parse repeats what it cannot read in its message: here it does not. */
export function parseJsonObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Readonly<Record<string, unknown>>)
      : null
  } catch {
    return null
  }
}

/** The member of that name as text; undefined when it is anything else. */
export function textMember(fields: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = own(fields, name)
  return typeof value === 'string' ? value : undefined
}

/** The key of `{ jwk }` or `{ [pemName] }`. Throws SecretFault. */
export function parsePrivateKey(
  fields: Readonly<Record<string, unknown>>,
  algorithm: PrivateAlgorithmName,
  { pemName = 'pem' }: { readonly pemName?: string } = {},
): ImportSigner {
  const pem = textMember(fields, pemName)
  if (pem !== undefined) {
    const der = parsePem(pem, algorithm)
    return () => importPkcs8Signer(der, algorithm)
  }
  const jwk = parsePrivateJwk(own(fields, 'jwk'), algorithm)
  return () => importSigner(jwk, algorithm)
}

/**
 * PKCS #8 in PEM (RFC 7468 section 10), or the older forms that are still handed out: an RSA key in PKCS #1
 * (GitHub) or an elliptic one in SEC 1 (Coinbase).
 */
export function parsePem(text: string, algorithm: PrivateAlgorithmName): Bytes {
  const match =
    /^\s*-----BEGIN ((?:RSA |EC )?)PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END \1PRIVATE KEY-----\s*$/.exec(
      text,
    )
  const der = match === null ? null : fromBase64((match[2] ?? '').replaceAll(/\s/g, ''))
  if (der === null || der.length === 0)
    throw new SecretFault('the key must be PEM: -----BEGIN PRIVATE KEY----- (or RSA or EC PRIVATE KEY)')
  if (match?.[1] === 'RSA ') return pkcs8Of(rsaEncryption, der)
  if (match?.[1] !== 'EC ') return der
  const curve = algorithm === 'ecdsa-p384-sha384' ? secp384r1 : secp256r1
  return pkcs8Of(tlv(0x30, concatBytes([ecPublicKey, curve])), der)
}

/** RFC 5208 section 5: version 0, the algorithm, and the key in an octet string. */
function pkcs8Of(algorithm: Bytes, key: Bytes): Bytes {
  return tlv(0x30, concatBytes([Uint8Array.of(0x02, 0x01, 0x00), algorithm, tlv(0x04, key)]))
}

/** Tag, length and value in DER (X.690 section 8.1). */
function tlv(tag: number, value: Bytes): Bytes {
  const size = value.length
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return concatBytes([Uint8Array.from([tag, ...length]), value])
}

/** Object identifiers in DER: 1.2.840.113549.1.1.1 with NULL; 1.2.840.10045.2.1; 1.2.840.10045.3.1.7; 1.3.132.0.34. */
const rsaEncryption = Uint8Array.of(
  ...[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00],
)
const ecPublicKey = Uint8Array.of(0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01)
const secp256r1 = Uint8Array.of(0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07)
const secp384r1 = Uint8Array.of(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22)
