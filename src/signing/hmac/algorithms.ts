/** Digests, MACs and encodings that a recipe may name. */
import {
  type Bytes,
  base64,
  base64url,
  fromBase64,
  fromBase64url,
  fromHex,
  hex,
  utf8,
} from '../../core/bytes.ts'
import { table } from '../../core/table.ts'
import { type HmacHash, hmacSigner } from '../digest.ts'
import { hmacMd5, md5 } from '../md5.ts'
import type { HmacAlgorithm, TextEncoding } from './definition.ts'

interface AlgorithmRow {
  readonly digest: (data: Bytes) => Promise<Bytes>
  /** Imports the key once; what it returns signs. */
  readonly mac: (key: Bytes) => Promise<Mac>
}

export type Mac = (data: Bytes) => Promise<ArrayBuffer>

function webCrypto(hash: HmacHash): AlgorithmRow {
  return {
    digest: async (data) => new Uint8Array(await crypto.subtle.digest(hash, data)),
    mac: (secret) => hmacSigner(secret, hash),
  }
}

export const algorithms: Readonly<Record<HmacAlgorithm, AlgorithmRow>> = table({
  sha256: webCrypto('SHA-256'),
  sha384: webCrypto('SHA-384'),
  sha512: webCrypto('SHA-512'),
  sha1: webCrypto('SHA-1'),
  md5: { digest: md5, mac: async (secret) => (data) => hmacMd5(secret, data) },
})

export const algorithmNames = Object.keys(algorithms) as readonly HmacAlgorithm[]

export const encodings: Readonly<Record<TextEncoding, (bytes: Bytes) => string>> = table({
  hex,
  'upper-hex': (bytes) => hex(bytes).toUpperCase(),
  base64,
  base64url,
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
