/**
 * OKX, trading: HMAC-SHA256, base64, of time, method, path with query, and JSON body.
 *
 * Keys: `<api key>:<secret>:<passphrase>`
 * Source: https://www.okx.com/docs-v5/en/#overview-rest-authentication
 */
import { entry } from './entry.ts'

export const okx = entry({
  url: 'https://www.okx.com',
  sign: {
    scheme: 'hmac',
    algorithm: 'sha256',
    secret: 'id:secret:passphrase',
    string: [
      { part: 'timestamp', as: 'iso' },
      { part: 'method' },
      { part: 'path' },
      { part: 'query' },
      { part: 'body', begins: 'json' },
    ],
    signatureEncoding: 'base64',
    headers: {
      'ok-access-key': [{ part: 'key-id' }],
      'ok-access-sign': [{ part: 'signature' }],
      'ok-access-timestamp': [{ part: 'timestamp', as: 'iso' }],
      'ok-access-passphrase': [{ part: 'passphrase' }],
    },
  },
  routes: {
    'GET /api/v5/account/**': 'account:read',
    'GET /api/v5/trade/**': 'order:read',
    'POST /api/v5/trade/order': 'order:write',
    'POST /api/v5/trade/amend-order': 'order:write',
    'POST /api/v5/trade/cancel-order': 'order:write',
    'GET /api/v5/market/**': 'market:read',
  },
  probe: 'GET /api/v5/account/config',
})
