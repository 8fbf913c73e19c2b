import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose'
import { Secret } from '../../src/core/redact.ts'
import type { SigningKey } from '../../src/core/signing-key.ts'

/** A fresh private JWK, as COUNTERSIGN_SIGNING_KEY holds it. */
export const makePrivateJwk = async (algorithm: SigningKey['algorithm']): Promise<JWK> =>
  exportJWK((await generateKeyPair(algorithm, { extractable: true })).privateKey)

/** The same as `config` hands it on. */
export const makeSigningKey = async (algorithm: SigningKey['algorithm']): Promise<SigningKey> => {
  const { d, kty = '', ...members } = await makePrivateJwk(algorithm)
  const publicHalf = { ...members, kty }
  const kid = await calculateJwkThumbprint(publicHalf)
  return {
    kid,
    algorithm,
    privateJwk: new Secret(JSON.stringify({ ...publicHalf, d })),
    publicJwk: { ...publicHalf, kid, alg: algorithm, use: 'sig' },
  }
}
