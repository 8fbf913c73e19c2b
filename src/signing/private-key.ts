/**
 * Private keys as APIs hand them out: JSON with a JWK or with PEM in it, or PEM alone. No message here has a
 * part of a key.
 */
import { type Bytes, bytesOfHex, fromBase64, hex } from '../core/bytes.ts'
import { type JsonObject, parseJsonObject } from '../core/json.ts'
import type { Sign } from '../core/jws.ts'
import { own } from '../core/table.ts'
import { importSigner, type PrivateAlgorithmName, parsePrivateJwk } from './jwk.ts'
import { SecretFault } from './scheme.ts'

/** Imports the key; a closure, because importing is all that can be done with it. */
export type ImportSigner = () => Promise<Sign>

/** The member of that name as text; undefined when it is anything else. */
export function textMember(fields: JsonObject, name: string): string | undefined {
  const value = own(fields, name)
  return typeof value === 'string' ? value : undefined
}

export interface KeySecret {
  readonly keyid: string
  readonly importSigner: ImportSigner
}

/** JSON `{ "keyid", "jwk" }` or `{ "keyid", "pem" }`, the keyid of this form. Throws SecretFault. */
export function parseKeySecret(text: string, algorithm: PrivateAlgorithmName, keyidForm: RegExp): KeySecret {
  const fields = parseJsonObject(text)
  const keyid = fields && textMember(fields, 'keyid')
  if (!fields || !keyid || !keyidForm.test(keyid))
    throw new SecretFault(
      'the secret must be JSON { "keyid", "jwk" } or { "keyid", "pem" }, the keyid in visible ASCII',
    )
  return { keyid, importSigner: parsePrivateKey(fields, algorithm) }
}

/** The key of `{ jwk }` or `{ [pemName] }`. Throws SecretFault. */
export function parsePrivateKey(
  fields: JsonObject,
  algorithm: PrivateAlgorithmName,
  { pemName = 'pem' }: { readonly pemName?: string } = {},
): ImportSigner {
  const pem = textMember(fields, pemName)
  const key = pem === undefined ? parsePrivateJwk(own(fields, 'jwk'), algorithm) : parsePem(pem, algorithm)
  return () => importSigner(key, algorithm)
}

/**
 * PKCS #8 in PEM (RFC 7468 section 10), or the older forms that are still handed out: an RSA key in PKCS #1
 * (GitHub) or an elliptic one in SEC 1 (Coinbase).
 */
function parsePem(text: string, algorithm: PrivateAlgorithmName): Bytes {
  const [, form, base64 = ''] =
    /^\s*-----BEGIN (RSA |EC |)PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END \1PRIVATE KEY-----\s*$/.exec(
      text,
    ) ?? []
  const key = fromBase64(base64.replaceAll(/\s/g, ''))
  if (key === null || key.length === 0)
    throw new SecretFault('the key must be PEM: -----BEGIN PRIVATE KEY----- (or RSA or EC PRIVATE KEY)')
  if (form === '') return key
  const curve = algorithm === 'ecdsa-p384-sha384' ? secp384r1 : secp256r1
  const identifier = form === 'RSA ' ? rsaEncryption : der('30', ecPublicKey + curve)
  // RFC 5208 section 5: version 0, the algorithm, and the key in an octet string.
  return bytesOfHex(der('30', `020100${identifier}${der('04', hex(key))}`))
}

/** Tag, length and value in DER (X.690 section 8.1), all in hexadecimal. */
function der(tag: string, value: string): string {
  const size = value.length / 2
  const length = size.toString(16).padStart(size < 0x100 ? 2 : 4, '0')
  return `${tag}${size < 0x80 ? '' : size < 0x100 ? '81' : '82'}${length}${value}`
}

/** 1.2.840.113549.1.1.1 with NULL. */
const rsaEncryption = '300d06092a864886f70d0101010500'
/** 1.2.840.10045.2.1. */
const ecPublicKey = '06072a8648ce3d0201'
/** 1.2.840.10045.3.1.7. */
const secp256r1 = '06082a8648ce3d030107'
/** 1.3.132.0.34. */
const secp384r1 = '06052b81040022'
