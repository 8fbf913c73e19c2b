/** JSON Web Signatures in compact form (RFC 7515 section 3.1), by the algorithms that APIs ask their callers for. */
import { base64url, utf8 } from '../core/bytes.ts'
import { parseJsonObject } from '../core/json.ts'
import { hmac, importHmacKey } from './digest.ts'
import type { PrivateAlgorithmName, Signer } from './jwk.ts'
import { type ImportSigner, parsePrivateKey, textMember } from './private-key.ts'
import { SecretFault } from './scheme.ts'
import { parsePair } from './secret.ts'

/** RFC 7518 and RFC 8037. */
export const privateByJose = {
  RS256: 'rsa-v1_5-sha256',
  ES256: 'ecdsa-p256-sha256',
  ES384: 'ecdsa-p384-sha384',
  EdDSA: 'ed25519',
} as const satisfies Readonly<Record<string, PrivateAlgorithmName>>

export type JwsAlgorithm = 'HS256' | keyof typeof privateByJose

export const jwsAlgorithms = ['HS256', ...Object.keys(privateByJose)] as readonly JwsAlgorithm[]

/** What a secret binding holds: `<id>:<secret>` for HS256, else JSON `{ "keyid", "jwk" }` or `{ "keyid", "pem" }`. */
export interface JwsSecret {
  readonly keyid: string
  readonly importSigner: ImportSigner
}

export function parseJwsSecret(text: string, algorithm: JwsAlgorithm): JwsSecret {
  if (algorithm === 'HS256') return parseShared(text)
  const fields = parseJsonObject(text)
  const keyid = fields && textMember(fields, 'keyid')
  if (!fields || !keyid || !/^[\x21-\x7e]+$/.test(keyid))
    throw new SecretFault('the secret must be JSON { "keyid", "jwk" } or { "keyid", "pem" }')
  return { keyid, importSigner: parsePrivateKey(fields, privateByJose[algorithm]) }
}

/** RFC 7518 section 3.2 asks for a key as long as the hash; APIs hand out shorter ones, in characters of their own. */
function parseShared(text: string): JwsSecret {
  const [keyid, secret] = parsePair(text, ['id', 'secret'])
  if (!/^[\x21-\x7e]+$/.test(keyid)) throw new SecretFault('the id must be visible ASCII')
  return {
    keyid,
    importSigner: async () => {
      const key = await importHmacKey(utf8(secret))
      return (data) => hmac(key, data)
    },
  }
}

/** What is signed: both parts in base64url, joined by a dot. */
export function signingInput(header: object, claims: object): string {
  return [header, claims].map((part) => base64url(utf8(JSON.stringify(part)))).join('.')
}

export async function compactJws(header: object, claims: object, sign: Signer): Promise<string> {
  const input = signingInput(header, claims)
  return `${input}.${base64url(new Uint8Array(await sign(utf8(input))))}`
}
