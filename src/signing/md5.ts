/**
 * MD5 (RFC 1321), because old APIs sign with it. Broken for anything that needs collision resistance; here it only
 * reproduces what an upstream checks. WebCrypto has it on workerd but not on Node; Node's own module has it on both,
 * and is loaded when the first MD5 is made.
 */
import type { Bytes } from '../core/bytes.ts'

export async function md5(message: Bytes): Promise<Bytes> {
  const { createHash } = await import('node:crypto')
  return new Uint8Array(createHash('md5').update(message).digest())
}

/** RFC 2104 with MD5. */
export async function hmacMd5(secret: Bytes, message: Bytes): Promise<ArrayBuffer> {
  const { createHmac } = await import('node:crypto')
  return new Uint8Array(createHmac('md5', secret).update(message).digest()).buffer
}
