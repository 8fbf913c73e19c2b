/** Private keys as JWK (RFC 7517), imported for one algorithm. No message here has a part of a key. */
import type { Bytes } from '../core/bytes.ts'
import type { ImportedKey } from './digest.ts'
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

type ImportParameters = Exclude<Parameters<typeof crypto.subtle.importKey>[2], string>
type SignParameters = Parameters<typeof crypto.subtle.sign>[0]

interface PrivateAlgorithm {
  readonly form: KeyForm
  readonly importParameters: ImportParameters
  readonly signParameters: SignParameters
}

/** By what WebCrypto does: JOSE and RFC 9421 have their own names for these. */
export const privateAlgorithms = {
  ed25519: {
    form: ed25519,
    importParameters: { name: 'Ed25519' },
    signParameters: { name: 'Ed25519' },
  },
  'ecdsa-p256-sha256': {
    form: p256,
    importParameters: { name: 'ECDSA', namedCurve: 'P-256' },
    signParameters: { name: 'ECDSA', hash: 'SHA-256' },
  },
  'ecdsa-p384-sha384': {
    form: p384,
    importParameters: { name: 'ECDSA', namedCurve: 'P-384' },
    signParameters: { name: 'ECDSA', hash: 'SHA-384' },
  },
  'rsa-pss-sha512': {
    form: rsa,
    importParameters: { name: 'RSA-PSS', hash: 'SHA-512' },
    signParameters: { name: 'RSA-PSS', saltLength: 64 },
  },
  'rsa-v1_5-sha256': {
    form: rsa,
    importParameters: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
    signParameters: { name: 'RSASSA-PKCS1-v1_5' },
  },
} as const satisfies Readonly<Record<string, PrivateAlgorithm>>

export type PrivateAlgorithmName = keyof typeof privateAlgorithms

export type PrivateJwk = Readonly<Record<string, string>> & { readonly kty: string }

/** The members of a private JWK that its algorithm needs; throws SecretFault with what is wrong. */
export function parsePrivateJwk(input: unknown, algorithm: PrivateAlgorithmName): PrivateJwk {
  const { form }: PrivateAlgorithm = privateAlgorithms[algorithm]
  if (typeof input !== 'object' || input === null) throw new SecretFault('the jwk must be an object')
  const jwk = input as Readonly<Record<string, unknown>>
  if (jwk['kty'] !== form.kty || (form.crv !== undefined && jwk['crv'] !== form.crv))
    throw new SecretFault(
      `the jwk for ${algorithm} has kty ${form.kty}${form.crv ? ` and crv ${form.crv}` : ''}`,
    )
  const kept: Record<string, string> & { kty: string } = {
    kty: form.kty,
    ...(form.crv ? { crv: form.crv } : {}),
  }
  for (const name of form.members) {
    const value = jwk[name]
    if (typeof value !== 'string' || !/^[\w-]+$/.test(value))
      throw new SecretFault(`the jwk must be a private key, with ${form.members.join(', ')} in base64url`)
    kept[name] = value
  }
  return kept
}

export type Signer = (data: Bytes) => Promise<ArrayBuffer>

/** Imports the key, and returns what signs with it. */
export async function importSigner(jwk: PrivateJwk, algorithm: PrivateAlgorithmName): Promise<Signer> {
  const { importParameters, signParameters }: PrivateAlgorithm = privateAlgorithms[algorithm]
  return signerOf(
    () => crypto.subtle.importKey('jwk', jwk, importParameters, false, ['sign']),
    signParameters,
    algorithm,
  )
}

/** The same from PKCS #8, which Google and GitHub hand out as PEM. */
export async function importPkcs8Signer(der: Bytes, algorithm: PrivateAlgorithmName): Promise<Signer> {
  const { importParameters, signParameters }: PrivateAlgorithm = privateAlgorithms[algorithm]
  return signerOf(
    () => crypto.subtle.importKey('pkcs8', der, importParameters, false, ['sign']),
    signParameters,
    algorithm,
  )
}

async function signerOf(
  importKey: () => Promise<ImportedKey>,
  parameters: SignParameters,
  algorithm: string,
): Promise<Signer> {
  let key: ImportedKey
  try {
    key = await importKey()
  } catch {
    throw new SecretFault(`the key cannot be imported for ${algorithm}`)
  }
  return (data) => crypto.subtle.sign(parameters, key, data)
}
