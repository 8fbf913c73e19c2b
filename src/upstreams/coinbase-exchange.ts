/**
 * Coinbase Exchange, trading: HMAC-SHA256 with the decoded secret, base64, of time, method, path with query,
 * and body. Bodies are JSON.
 *
 * Keys: `<key>:<base64 secret>:<passphrase>`
 * Source: https://docs.cdp.coinbase.com/exchange/rest-api/authentication
 */

import { entry } from './entry.ts'
import { reading } from './rest.ts'

export const coinbaseExchange = entry({
  url: 'https://api.exchange.coinbase.com',
  sign: {
    scheme: 'hmac',
    algorithm: 'sha256',
    secret: 'id:secret:passphrase',
    keyEncoding: 'base64',
    string: [
      { part: 'timestamp', as: 'seconds' },
      { part: 'method' },
      { part: 'path' },
      { part: 'query' },
      { part: 'body', begins: 'json' },
    ],
    signatureEncoding: 'base64',
    headers: {
      'cb-access-key': [{ part: 'key-id' }],
      'cb-access-sign': [{ part: 'signature' }],
      'cb-access-timestamp': [{ part: 'timestamp', as: 'seconds' }],
      'cb-access-passphrase': [{ part: 'passphrase' }],
    },
  },
  routes: {
    'GET /accounts': 'account:read',
    'GET /accounts/**': 'account:read',
    'GET /fills': 'order:read',
    ...reading('/orders', 'order'),
    'POST /orders': 'order:write',
    'DELETE /orders': 'order:write',
    'DELETE /orders/*': 'order:write',
    'GET /products/**': 'product:read',
  },
  keyRefused: { status: 401 },
  probe: 'GET /accounts',
})
