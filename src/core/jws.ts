/**
 * Compact JWS (RFC 7515 section 3.1) by WebCrypto, which does all that is secret or hard: keys stay in the runtime,
 * cannot be exported, and are bound to one algorithm when they are imported. What comes here was judged before: keys
 * by jwk.ts, tokens by identity/compact.ts.
 */
import { base64url, fromBase64url, utf8 } from './bytes.ts'
import type { PublicJwk } from './configuration.ts'
import type { TokenAlgorithm } from './jwk.ts'
import { own, table } from './table.ts'

/** WebCrypto's CryptoKey, by the one name that the types of Node and of Workers agree on. */
export type JwsKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** What `importKey`, `sign` and `verify` each take what they need of. */
interface Parameters {
  readonly name: string
  readonly namedCurve?: string
  readonly hash?: string
  readonly saltLength?: number
}

function ecdsa(bits: 256 | 384 | 512, namedCurve: string): Parameters {
  return { name: 'ECDSA', namedCurve, hash: `SHA-${bits}` }
}

function pkcs1(bits: 256 | 384 | 512): Parameters {
  return { name: 'RSASSA-PKCS1-v1_5', hash: `SHA-${bits}` }
}

/** RFC 7518 section 3.5: the salt is as long as the hash. */
function pss(bits: 256 | 384 | 512): Parameters {
  return { name: 'RSA-PSS', hash: `SHA-${bits}`, saltLength: bits / 8 }
}

const ed25519: Parameters = { name: 'Ed25519' }

/** RFC 7518 section 3.1; RFC 8037 and RFC 9864 for the Edwards curve. */
const parameters = table<Readonly<Record<TokenAlgorithm, Parameters>>>({
  ES256: ecdsa(256, 'P-256'),
  ES384: ecdsa(384, 'P-384'),
  ES512: ecdsa(512, 'P-521'),
  EdDSA: ed25519,
  Ed25519: ed25519,
  PS256: pss(256),
  PS384: pss(384),
  PS512: pss(512),
  RS256: pkcs1(256),
  RS384: pkcs1(384),
  RS512: pkcs1(512),
})

function parametersOf(algorithm: string): Parameters {
  const found = own(parameters, algorithm)
  if (found === undefined) throw new Error('there is no such algorithm')
  return found
}

/** Rejects where the runtime finds the key unsound (a point that is not on its curve), or of another algorithm. */
export async function importJwsKey(
  jwk: PublicJwk,
  algorithm: string,
  use: 'sign' | 'verify',
): Promise<JwsKey> {
  return crypto.subtle.importKey('jwk', jwk, parametersOf(algorithm), false, [use])
}

/** Whether the last part of the token is the signature of all before it. */
export async function verifyCompact(token: string, key: JwsKey, algorithm: string): Promise<boolean> {
  const end = token.lastIndexOf('.')
  const signature = fromBase64url(token.slice(end + 1))
  if (end < 0 || signature === null) return false
  return crypto.subtle.verify(parametersOf(algorithm), key, signature, utf8(token.slice(0, end)))
}

/** A token with this header and payload. */
export async function signCompact(
  header: { readonly alg: string; readonly kid?: string; readonly typ?: string },
  payload: object,
  key: JwsKey,
): Promise<string> {
  const input = [header, payload].map((part) => base64url(utf8(JSON.stringify(part)))).join('.')
  const signature = await crypto.subtle.sign(parametersOf(header.alg), key, utf8(input))
  return `${input}.${base64url(new Uint8Array(signature))}`
}
