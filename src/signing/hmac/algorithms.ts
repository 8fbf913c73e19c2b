/** Digests, MACs and encodings that a recipe may name. */
import {
  type Bytes,
  base64,
  base64url,
  bytesOfHex,
  fromBase64,
  fromBase64url,
  fromHex,
  hex,
  utf8,
} from '../../core/bytes.ts'
import { table } from '../../core/table.ts'
import { emptySha256Hex, type HmacHash, hmac, importHmacKey } from '../digest.ts'
import { hmacMd5, md5 } from '../md5.ts'
import type { HmacAlgorithm, TextEncoding } from './definition.ts'

interface AlgorithmRow {
  readonly digest: (data: Bytes) => Promise<Bytes>
  /** The digest of nothing, which is that of most bodies: known beforehand, it makes no call wait. */
  readonly emptyDigest: Bytes
  /** Imports the key once; what it returns signs. */
  readonly mac: (key: Bytes) => Promise<Mac>
}

export type Mac = (data: Bytes) => Promise<ArrayBuffer>

function webCrypto(hash: HmacHash, emptyDigest: string): AlgorithmRow {
  return {
    emptyDigest: bytesOfHex(emptyDigest),
    digest: async (data) => new Uint8Array(await crypto.subtle.digest(hash, data)),
    mac: async (secret) => {
      const key = await importHmacKey(secret, hash)
      return (data) => hmac(key, data)
    },
  }
}

export const algorithms: Readonly<Record<HmacAlgorithm, AlgorithmRow>> = table({
  sha256: webCrypto('SHA-256', emptySha256Hex),
  sha384: webCrypto(
    'SHA-384',
    '38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b',
  ),
  sha512: webCrypto(
    'SHA-512',
    'cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e',
  ),
  sha1: webCrypto('SHA-1', 'da39a3ee5e6b4b0d3255bfef95601890afd80709'),
  md5: {
    digest: md5,
    emptyDigest: bytesOfHex('d41d8cd98f00b204e9800998ecf8427e'),
    mac: async (secret) => (data) => hmacMd5(secret, data),
  },
})

export const algorithmNames = Object.keys(algorithms) as readonly HmacAlgorithm[]

interface EncodingRow {
  readonly encode: (bytes: Bytes) => string
}

export const encodings: Readonly<Record<TextEncoding, EncodingRow>> = table({
  hex: { encode: hex },
  'upper-hex': { encode: (bytes) => hex(bytes).toUpperCase() },
  base64: { encode: base64 },
  base64url: { encode: base64url },
})

export const encodingNames = Object.keys(encodings) as readonly TextEncoding[]

/** Bytes of a secret's text, null when it is not of that encoding. */
export const keyDecoders = table({
  utf8: (text: string): Bytes | null => utf8(text),
  hex: fromHex,
  base64: fromBase64,
  base64url: fromBase64url,
})

export type KeyEncoding = keyof typeof keyDecoders
