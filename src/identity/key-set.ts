/** The usable keys of one issuer, each ready to verify, chosen by `kid` and algorithm. */
import { compactVerify, type JWK } from 'jose'
import { judgeJwk, type VerificationKey } from '../core/jwk.ts'
import type { CompactToken } from './compact.ts'

export interface KeySet {
  /** Equal fingerprints: the same keys. */
  readonly fingerprint: string
  /** The one key that fits, or null. Without a kid only when exactly one key fits the algorithm. */
  choose(kid: string | null, algorithm: string): VerificationKey | null
  /** Whether this key made the token's signature, by the token's algorithm, which must be one of the key's. */
  verifies(key: VerificationKey, token: CompactToken): Promise<boolean>
}

/** Bad keys in a good set are passed over; what is left decides. */
export function makeKeySet(jwks: readonly unknown[]): KeySet {
  const keys = distinct(jwks.flatMap((jwk) => usable(jwk)))
  return {
    fingerprint: keys.map(identity).sort().join('\n'),
    choose: (kid, algorithm) => {
      const fitting = keys.filter((key) => key.algorithms.has(algorithm) && (kid === null || key.kid === kid))
      const [key, ...others] = fitting
      return key !== undefined && others.length === 0 ? key : null
    },
    verifies: async (key, { text, algorithm }) => {
      if (!key.algorithms.has(algorithm)) return false
      try {
        // The library imports a key once for each algorithm, and keeps it for as long as the object is there.
        await compactVerify(text, key.jwk as JWK, { algorithms: [algorithm] })
        return true
      } catch {
        return false
      }
    },
  }
}

function usable(jwk: unknown): readonly VerificationKey[] {
  const key = judgeJwk(jwk)
  return typeof key === 'string' ? [] : [key]
}

function identity({ jwk, kid, algorithms }: VerificationKey): string {
  return JSON.stringify([kid, jwk, [...algorithms].sort()])
}

/** A key that stands there twice, word for word, is one key; two keys with one kid are ambiguous and stay two. */
function distinct(keys: readonly VerificationKey[]): readonly VerificationKey[] {
  return [...new Map(keys.map((key) => [identity(key), key])).values()]
}
