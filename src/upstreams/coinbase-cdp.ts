/**
 * Coinbase Developer Platform: a JWT for each request, for two minutes, that names method, host and path.
 *
 * Keys: `{ "keyid": "organizations/.../apiKeys/...", "pem": "-----BEGIN PRIVATE KEY-----..." }`
 * Source: https://docs.cdp.coinbase.com/api-reference/v2/authentication
 */
import { entry } from './entry.ts'

export const coinbaseCdp = entry({
  url: 'https://api.coinbase.com',
  sign: {
    scheme: 'jwt',
    algorithm: 'ES256',
    lifetimeSeconds: 120,
    notBefore: true,
    claims: {
      iss: 'cdp',
      sub: [{ part: 'key-id' }],
      uri: [{ part: 'method' }, ' ', { part: 'host' }, { part: 'path' }],
    },
    joseHeader: { nonce: [{ part: 'nonce' }] },
  },
  routes: {
    'GET /api/v3/brokerage/accounts': 'account:read',
    'GET /api/v3/brokerage/accounts/*': 'account:read',
    'GET /api/v3/brokerage/orders/historical/**': 'order:read',
    'POST /api/v3/brokerage/orders': 'order:write',
    'POST /api/v3/brokerage/orders/batch_cancel': 'order:write',
  },
  probe: 'GET /api/v3/brokerage/accounts',
})
