import { CompactSign, exportJWK, generateKeyPair, type JWK } from 'jose'
import { expect } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import type { Configuration, PublicJwk } from '../../src/core/configuration.ts'
import { Refusal } from '../../src/core/problems.ts'

/** The parsed form of a configuration that must have no fault. */
export const parsed = (
  input: unknown,
  own: { signingKeys: boolean } = { signingKeys: false },
): Configuration => {
  const result = parseConfig(input, own)
  if ('faults' in result) throw new Error(JSON.stringify(result.faults))
  return result.config
}

/** The Refusal that the work ends with; the test fails when it does not. */
export const refusalOf = async (work: () => unknown): Promise<Refusal> => {
  try {
    await work()
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal)
    if (error instanceof Refusal) return error
  }
  throw new Error('was not refused')
}

export interface Signer {
  readonly jwk: PublicJwk & { readonly kid?: string }
  readonly privateJwk: JWK
  /** Signs any payload; the header is `{ alg, kid, typ: 'at+jwt' }` with changes. */
  sign(claims: unknown, header?: Readonly<Record<string, unknown>>): Promise<string>
}

/** A key pair made at run time. */
export const makeSigner = async (kid: string | undefined, algorithm = 'ES256'): Promise<Signer> => {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  const jwk = {
    ...(await exportJWK(publicKey)),
    ...(kid === undefined ? {} : { kid }),
    alg: algorithm,
    use: 'sig',
  }
  return {
    jwk: jwk as Signer['jwk'],
    privateJwk: { ...(await exportJWK(privateKey)), ...(kid === undefined ? {} : { kid }) },
    sign: (claims, header = {}) => {
      const text = typeof claims === 'string' ? claims : JSON.stringify(claims)
      const all = { alg: algorithm, ...(kid === undefined ? {} : { kid }), typ: 'at+jwt', ...header }
      return new CompactSign(new TextEncoder().encode(text)).setProtectedHeader(all).sign(privateKey)
    },
  }
}
