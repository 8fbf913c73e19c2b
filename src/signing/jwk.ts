/** Private keys as JWK (RFC 7517), imported for one algorithm. No message here has a part of a key. */
import type { Bytes } from '../core/bytes.ts'
import { isJsonObject } from '../core/json.ts'
import type { Sign } from '../core/jws.ts'
import { SecretFault } from './scheme.ts'

interface KeyForm {
  readonly kty: string
  readonly crv?: string
  /** Members that the private key has, `kty` and `crv` aside. */
  readonly members: readonly string[]
}

const rsa: KeyForm = { kty: 'RSA', members: ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'] }
const p256: KeyForm = { kty: 'EC', crv: 'P-256', members: ['x', 'y', 'd'] }
const p384: KeyForm = { kty: 'EC', crv: 'P-384', members: ['x', 'y', 'd'] }
const ed25519: KeyForm = { kty: 'OKP', crv: 'Ed25519', members: ['x', 'd'] }

interface PrivateAlgorithm {
  readonly form: KeyForm
  /** For the import and for signing: WebCrypto reads of them what either needs. */
  readonly parameters: Exclude<Parameters<typeof crypto.subtle.importKey>[2], string> &
    Exclude<Parameters<typeof crypto.subtle.sign>[0], string>
}

/** By what WebCrypto does: JOSE and RFC 9421 have their own names for these. */
export const privateAlgorithms = {
  ed25519: { form: ed25519, parameters: { name: 'Ed25519' } },
  'ecdsa-p256-sha256': {
    form: p256,
    parameters: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  },
  'ecdsa-p384-sha384': {
    form: p384,
    parameters: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  },
  'rsa-pss-sha512': { form: rsa, parameters: { name: 'RSA-PSS', hash: 'SHA-512', saltLength: 64 } },
  'rsa-v1_5-sha256': { form: rsa, parameters: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } },
} as const satisfies Readonly<Record<string, PrivateAlgorithm>>

export type PrivateAlgorithmName = keyof typeof privateAlgorithms

export type PrivateJwk = Readonly<Record<string, string>> & { readonly kty: string }

/** The members of a private JWK that its algorithm needs; throws SecretFault with what is wrong. */
export function parsePrivateJwk(input: unknown, algorithm: PrivateAlgorithmName): PrivateJwk {
  const { kty, crv, members }: KeyForm = privateAlgorithms[algorithm].form
  if (!isJsonObject(input)) throw new SecretFault('the jwk must be an object')
  if (input['kty'] !== kty || (crv !== undefined && input['crv'] !== crv))
    throw new SecretFault(`the jwk for ${algorithm} has kty ${kty}${crv ? ` and crv ${crv}` : ''}`)
  const kept: Record<string, string> & { kty: string } = { kty, ...(crv ? { crv } : {}) }
  for (const name of members) {
    const value = input[name]
    if (typeof value !== 'string' || !/^[\w-]+$/.test(value))
      throw new SecretFault(`the jwk must be a private key, with ${members.join(', ')} in base64url`)
    kept[name] = value
  }
  return kept
}

/** Imports a JWK, or the bytes of PKCS #8 that Google and GitHub hand out as PEM; what it returns signs. */
export async function importSigner(key: PrivateJwk | Bytes, algorithm: PrivateAlgorithmName): Promise<Sign> {
  const { parameters }: PrivateAlgorithm = privateAlgorithms[algorithm]
  try {
    const imported = await (key instanceof Uint8Array
      ? crypto.subtle.importKey('pkcs8', key, parameters, false, ['sign'])
      : crypto.subtle.importKey('jwk', key, parameters, false, ['sign']))
    return (data) => crypto.subtle.sign(parameters, imported, data)
  } catch {
    throw new SecretFault(`the key cannot be imported for ${algorithm}`)
  }
}
