/**
 * Bybit, API version 5: HMAC-SHA256, hex, of time, key, window, and the query or the JSON body. The method
 * and the path are not covered.
 *
 * Keys: `<api key>:<secret>`
 * Source: https://bybit-exchange.github.io/docs/v5/guide
 */
import { entry } from './entry.ts'

export const bybit = entry({
  url: 'https://api.bybit.com',
  sign: {
    scheme: 'hmac',
    algorithm: 'sha256',
    string: [
      { part: 'timestamp', as: 'millis' },
      { part: 'key-id' },
      '5000',
      { part: 'query', mark: false },
      { part: 'body', begins: 'json' },
    ],
    headers: {
      'x-bapi-api-key': [{ part: 'key-id' }],
      'x-bapi-timestamp': [{ part: 'timestamp', as: 'millis' }],
      'x-bapi-recv-window': ['5000'],
      'x-bapi-sign': [{ part: 'signature' }],
    },
  },
  routes: {
    'GET /v5/account/**': 'account:read',
    'GET /v5/position/list': 'position:read',
    'GET /v5/order/realtime': 'order:read',
    'GET /v5/order/history': 'order:read',
    'POST /v5/order/create': 'order:write',
    'POST /v5/order/amend': 'order:write',
    'POST /v5/order/cancel': 'order:write',
    'GET /v5/user/query-api': 'account:read',
  },
  probe: 'GET /v5/user/query-api',
})
