/**
 * App Store Connect: a JWT for each request. The issuer id is your team's, so `sign` is overridden with it:
 * `sign: { ...appStoreConnectSign, claims: { iss: '<issuer id>', aud: 'appstoreconnect-v1' } }`.
 *
 * Keys: `{ "keyid": "<key id>", "pem": "<the .p8 file>" }`
 * Source: https://developer.apple.com/documentation/appstoreconnectapi/generating-tokens-for-api-requests
 */
import type { JwtDefinition } from '../signing/jwt.ts'
import { entry } from './entry.ts'

/** For individual keys, which have no issuer. */
export const appStoreConnectSign = {
  scheme: 'jwt',
  algorithm: 'ES256',
  lifetimeSeconds: 300,
  claims: { sub: 'user', aud: 'appstoreconnect-v1' },
} as const satisfies JwtDefinition

export const appStoreConnect = entry({
  url: 'https://api.appstoreconnect.apple.com',
  sign: appStoreConnectSign,
  routes: {
    'GET /v1/**': 'app:read',
    'POST|PATCH|DELETE /v1/**': 'app:write',
  },
  keyRefused: { status: 401 },
  probe: 'GET /v1/apps?limit=1',
})
