/** An issuer of tokens made up at run time, by node:crypto alone: nothing of it is shared with the product. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

export interface TestIssuer {
  readonly issuer: string
  /** For `issuers.*.jwks`, inline. */
  readonly jwks: { readonly keys: readonly object[] }
  /** A token of these claims, valid for five minutes unless the claims say otherwise. */
  readonly token: (claims?: Readonly<Record<string, unknown>>) => string
}

export const makeIssuer = (issuer: string, audience: string): TestIssuer => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }
  return {
    issuer,
    jwks: { keys: [jwk] },
    token: (claims = {}) => {
      const now = Math.floor(Date.now() / 1_000)
      const all = { iss: issuer, aud: audience, sub: 'caller', iat: now, exp: now + 300, ...claims }
      return signJws({ alg: 'ES256', typ: 'at+jwt', kid: 'k1' }, all, privateKey)
    },
  }
}

const signJws = (header: object, claims: object, key: KeyObject): string => {
  const input = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}
