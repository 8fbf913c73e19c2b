/** The algorithms of JSON Web Signatures that APIs ask their callers for, and the secrets that they need. */
import { utf8 } from '../core/bytes.ts'
import { hmacSigner } from './digest.ts'
import type { PrivateAlgorithmName } from './jwk.ts'
import { type KeySecret, parseKeySecret } from './private-key.ts'
import { parsePair, parseVisible } from './secret.ts'

/** RFC 7518 and RFC 8037. */
export const privateByJose = {
  RS256: 'rsa-v1_5-sha256',
  ES256: 'ecdsa-p256-sha256',
  ES384: 'ecdsa-p384-sha384',
  EdDSA: 'ed25519',
} as const satisfies Readonly<Record<string, PrivateAlgorithmName>>

export type JwsAlgorithm = 'HS256' | keyof typeof privateByJose

export const jwsAlgorithms = ['HS256', ...Object.keys(privateByJose)] as readonly JwsAlgorithm[]

/** What a secret binding holds: `<id>:<secret>` for HS256, else what `parseKeySecret` reads. */
export function parseJwsSecret(text: string, algorithm: JwsAlgorithm): KeySecret {
  return algorithm === 'HS256'
    ? parseShared(text)
    : parseKeySecret(text, privateByJose[algorithm], /^[\x21-\x7e]+$/)
}

/** RFC 7518 section 3.2 asks for a key as long as the hash; APIs hand out shorter ones, in characters of their own. */
function parseShared(text: string): KeySecret {
  const [keyid, secret] = parsePair(text, ['id', 'secret'])
  return { keyid: parseVisible(keyid, 'the id'), importSigner: () => hmacSigner(utf8(secret)) }
}
