/** SHA-256 of bodies and HMAC keys: what most schemes share. */
import { type Bytes, bytesOfHex, hex, utf8 } from '../core/bytes.ts'
import type { SignableBody } from './scheme.ts'

/** Each `crypto.subtle` asks the runtime twice. */
const { subtle } = crypto

/** SHA-256 of nothing: most requests have no body, and this saves them a hash. */
export const emptySha256Hex = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
export const emptySha256 = bytesOfHex(emptySha256Hex)

/** SHA-256 of the body, 32 bytes. Throws when the pipeline gave the scheme no body to look at. */
export function bodySha256(body: SignableBody): Bytes | Promise<Bytes> {
  if (body.kind === 'empty') return emptySha256
  if (body.kind === 'sha256') return body.sha256
  return sha256(bodyBytes(body)).then((digest) => new Uint8Array(digest))
}

const noBytes = utf8('')

/** The body itself. Throws when the pipeline did not read it. */
export function bodyBytes(body: SignableBody): Bytes {
  if (body.kind === 'empty') return noBytes
  if (body.kind === 'bytes') return body.bytes
  throw new Error('the scheme covers the body, which was not read')
}

/** SHA-256 of the body in lower-case hex. */
export function bodySha256Hex(body: SignableBody): string | Promise<string> {
  if (body.kind === 'empty') return emptySha256Hex
  const digest = bodySha256(body)
  return digest instanceof Promise ? digest.then(hex) : hex(digest)
}

/** WebCrypto's CryptoKey, by the one name that the types of Node and of Workers agree on. */
export type ImportedKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

export type HmacHash = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512'

/** Never of an empty secret: runtimes differ on that, and parsers refuse it before. */
export function importHmacKey(secret: Bytes, hash: HmacHash = 'SHA-256'): Promise<ImportedKey> {
  return subtle.importKey('raw', secret, { name: 'HMAC', hash }, false, ['sign'])
}

/** Imports the secret; what it returns signs with it. */
export async function hmacSigner(
  secret: Bytes,
  hash?: HmacHash,
): Promise<(data: Bytes) => Promise<ArrayBuffer>> {
  const key = await importHmacKey(secret, hash)
  return (data) => hmac(key, data)
}

/** WebCrypto's own promise and buffer: each wrapper around them would cost every call. */
export function hmac(key: ImportedKey, data: Bytes): Promise<ArrayBuffer> {
  return subtle.sign('HMAC', key, data)
}

export function sha256(data: Bytes): Promise<ArrayBuffer> {
  return subtle.digest('SHA-256', data)
}
