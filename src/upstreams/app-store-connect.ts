/**
 * App Store Connect: a JWT for each request. As it stands for individual keys; keys of a team have an issuer, so
 * `sign` is overridden: `{ scheme: 'jwt', algorithm: 'ES256', claims: { iss: '<issuer id>', aud: 'appstoreconnect-v1' } }`.
 *
 * Keys: `{ "keyid": "<key id>", "pem": "<the .p8 file>" }`
 * Source: https://developer.apple.com/documentation/appstoreconnectapi/generating-tokens-for-api-requests
 */
import { entry } from './entry.ts'

export const appStoreConnect = entry({
  url: 'https://api.appstoreconnect.apple.com',
  sign: {
    scheme: 'jwt',
    algorithm: 'ES256',
    lifetimeSeconds: 300,
    claims: { sub: 'user', aud: 'appstoreconnect-v1' },
  },
  routes: {
    'GET /v1/**': 'app:read',
    'POST|PATCH|DELETE /v1/**': 'app:write',
  },
  keyRefused: { status: 401 },
  probe: 'GET /v1/apps?limit=1',
})
