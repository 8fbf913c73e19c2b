/**
 * Public keys of issuers (RFC 7517, RFC 7518 section 6, RFC 8037), judged before anything is verified with
 * them. A key that is private, symmetric, for encryption or too weak is refused, wherever it comes from.
 */
import type { PublicJwk } from './configuration.ts'
import { isJsonObject } from './json.ts'
import { rsaBitsMax, rsaBitsMin } from './limits.ts'
import { own } from './table.ts'

const rsaAlgorithms = ['PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'] as const
/** Two names of one algorithm: RFC 8037's and RFC 9864's. */
export const edwardsAlgorithms = ['EdDSA', 'Ed25519'] as const

/** Asymmetric signatures only: with a shared secret, whoever verifies could also mint (RFC 8725 section 3.1). */
export const tokenAlgorithms = ['ES256', 'ES384', 'ES512', ...edwardsAlgorithms, ...rsaAlgorithms] as const

export type TokenAlgorithm = (typeof tokenAlgorithms)[number]

export interface VerificationKey {
  /** Public members only. */
  readonly jwk: PublicJwk
  readonly kid: string | null
  /** The algorithms that this key can be used with: one where it has an `alg`, else those of its type. */
  readonly algorithms: ReadonlySet<string>
}

const curves: ReadonlyMap<string, { readonly algorithm: string; readonly coordinateBytes: number }> = new Map(
  [
    ['P-256', { algorithm: 'ES256', coordinateBytes: 32 }],
    ['P-384', { algorithm: 'ES384', coordinateBytes: 48 }],
    ['P-521', { algorithm: 'ES512', coordinateBytes: 66 }],
  ],
)

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'] as const

/** The key, or what it is that makes it none. */
export function judgeJwk(input: unknown): VerificationKey | string {
  if (!isJsonObject(input)) return 'is not an object'
  const member = (name: string): unknown => own(input, name)
  if (member('kty') === 'oct') return 'is a shared secret (oct); tokens are verified with public keys'
  if (privateMembers.some((name) => member(name) !== undefined))
    return 'is a private key; publish its public half and replace it'
  const use = member('use')
  if (use !== undefined && use !== 'sig') return "is not for signatures (use must be 'sig')"
  const operations = member('key_ops')
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return "is not for verification (key_ops must hold 'verify')"
  const kid = member('kid')
  if (kid !== undefined && typeof kid !== 'string') return 'has a kid that is not text'
  const material = judgeMaterial(member)
  if (typeof material === 'string') return material
  const alg = member('alg')
  if (alg !== undefined && !(typeof alg === 'string' && material.algorithms.includes(alg)))
    return `has an alg that does not belong to its type; it can be ${material.algorithms.join(', ')}`
  const algorithms =
    typeof alg === 'string' && material.algorithms !== edwardsAlgorithms ? [alg] : material.algorithms
  return { jwk: material.jwk, kid: kid ?? null, algorithms: new Set(algorithms) }
}

interface Material {
  readonly jwk: PublicJwk
  readonly algorithms: readonly string[]
}

function judgeMaterial(member: (name: string) => unknown): Material | string {
  switch (member('kty')) {
    case 'EC': {
      const crv = member('crv')
      const curve = typeof crv === 'string' ? curves.get(crv) : undefined
      if (curve === undefined) return `has a curve that is not one of ${[...curves.keys()].join(', ')}`
      const x = member('x')
      const y = member('y')
      if (octets(x)?.length !== curve.coordinateBytes || octets(y)?.length !== curve.coordinateBytes)
        return 'has coordinates of the wrong length'
      return { jwk: { kty: 'EC', crv, x, y }, algorithms: [curve.algorithm] }
    }
    case 'OKP': {
      const x = member('x')
      if (member('crv') !== 'Ed25519') return 'has a curve that is not Ed25519'
      if (octets(x)?.length !== 32) return 'has a point of the wrong length'
      return { jwk: { kty: 'OKP', crv: 'Ed25519', x }, algorithms: edwardsAlgorithms }
    }
    case 'RSA': {
      const n = member('n')
      const e = member('e')
      const modulus = octets(n)
      if (modulus === null) return 'has no modulus'
      const bits = bitLength(modulus)
      if (bits < rsaBitsMin) return `is weak: RSA keys need ${rsaBitsMin} bits (RFC 7518 section 3.3)`
      if (bits > rsaBitsMax) return `is too large: RSA keys have at most ${rsaBitsMax} bits`
      if (!isSoundExponent(octets(e))) return 'has an exponent that is not an odd number above 1'
      return { jwk: { kty: 'RSA', n, e }, algorithms: rsaAlgorithms }
    }
    default:
      return 'has a kty that is not EC, OKP or RSA'
  }
}

/** What unpadded base64url stands for, a character for each byte; null when it is not that. */
function octets(value: unknown): string | null {
  return typeof value === 'string' && /^[A-Za-z0-9_-]+$/.test(value) && value.length % 4 !== 1
    ? atob(value.replaceAll('-', '+').replaceAll('_', '/'))
    : null
}

/** Bits of the number, without leading zeros. */
function bitLength(bytes: string): number {
  const digits = bytes.replace(/^\0+/, '')
  return digits.length * 8 - Math.clz32(digits.charCodeAt(0) << 24)
}

/** With an exponent of 1 every message is its own signature, and an even one has no inverse. */
function isSoundExponent(bytes: string | null): boolean {
  if (bytes === null || bytes.length > 4) return false
  const exponent = [...bytes].reduce((sum, byte) => sum * 256 + byte.charCodeAt(0), 0)
  return exponent > 1 && exponent % 2 === 1
}
