/**
 * Signatures of JWTs by WebCrypto. Nothing else of a token or of a key is checked here: `identity/compact.ts` parses
 * the one, `jwk.ts` judges the other.
 */
import type { PublicJwk } from './configuration.ts'
import type { TokenAlgorithm } from './jwk.ts'
import { row, table } from './table.ts'

/** WebCrypto's CryptoKey, by the one name that the types of Node and of Workers agree on. */
export type JwsKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

interface Parameters {
  readonly name: string
  readonly namedCurve?: string
  readonly hash?: string
  readonly saltLength?: number
}

const ed25519: Parameters = { name: 'Ed25519' }

/**
 * RFC 7518 sections 3.3 to 3.5 and RFC 8037 section 3.1. One object serves import and signature: WebCrypto takes from
 * it the members that it needs.
 */
const parametersOf: Readonly<Record<TokenAlgorithm, Parameters>> = table({
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  ES384: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  ES512: { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' },
  EdDSA: ed25519,
  Ed25519: ed25519,
  PS256: { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 },
  PS384: { name: 'RSA-PSS', hash: 'SHA-384', saltLength: 48 },
  PS512: { name: 'RSA-PSS', hash: 'SHA-512', saltLength: 64 },
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  RS384: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' },
  RS512: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' },
})

/** Whether the key made the signature behind the last dot of what stands before it; for a text in compact form. */
export type Verifies = (text: string) => Promise<boolean>

/** Binds a public JWK to one algorithm; rejects when the runtime finds the key unsound. */
export async function importVerifier(jwk: PublicJwk, algorithm: string): Promise<Verifies> {
  const parameters = known(algorithm)
  const key = await crypto.subtle.importKey('jwk', jwk, parameters, false, ['verify'])
  return async (text) => {
    const dot = text.lastIndexOf('.')
    const signature = atob(
      text
        .slice(dot + 1)
        .replaceAll('-', '+')
        .replaceAll('_', '/'),
    )
    const bytes = Uint8Array.from(signature, (char) => char.charCodeAt(0))
    return crypto.subtle.verify(parameters, key, bytes, utf8(text.slice(0, dot)))
  }
}

/** Imports a private JWK, not to be exported again. */
export async function importSigningKey(jwk: PublicJwk, algorithm: TokenAlgorithm): Promise<JwsKey> {
  return crypto.subtle.importKey('jwk', jwk, known(algorithm), false, ['sign'])
}

/** The compact form (RFC 7515 section 7.1) of these claims. */
export async function signJws(
  header: { readonly alg: TokenAlgorithm; readonly [name: string]: string },
  claims: object,
  key: JwsKey,
): Promise<string> {
  const input = `${encoded(header)}.${encoded(claims)}`
  const signature = await crypto.subtle.sign(known(header.alg), key, utf8(input))
  return `${input}.${base64url(new Uint8Array(signature))}`
}

function known(algorithm: string): Parameters {
  const parameters = row(parametersOf, algorithm)
  if (parameters === undefined) throw new TypeError('not an algorithm for tokens')
  return parameters
}

function encoded(part: object): string {
  return base64url(utf8(JSON.stringify(part)))
}

const encoder = new TextEncoder()

/** The encoder's type allows shared memory, which it never returns. */
function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text) as Uint8Array<ArrayBuffer>
}

/** RFC 4648 section 5, without padding. */
export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
