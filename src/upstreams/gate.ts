/**
 * Gate.io, API version 4: HMAC-SHA512, hex, of method, path, query, SHA-512 of the body and time, each on its
 * line.
 *
 * Keys: `<key>:<secret>`
 * Source: https://www.gate.io/docs/developers/apiv4/en/#authentication
 */

import { entry } from './entry.ts'
import { reading } from './rest.ts'

export const gate = entry({
  url: 'https://api.gateio.ws',
  sign: {
    scheme: 'hmac',
    algorithm: 'sha512',
    string: [
      { part: 'method' },
      '\n',
      { part: 'path' },
      '\n',
      { part: 'query', mark: false },
      '\n',
      { part: 'body-digest', algorithm: 'sha512', encoding: 'hex' },
      '\n',
      { part: 'timestamp', as: 'seconds' },
    ],
    headers: {
      key: [{ part: 'key-id' }],
      timestamp: [{ part: 'timestamp', as: 'seconds' }],
      sign: [{ part: 'signature' }],
    },
  },
  routes: {
    'GET /api/v4/spot/accounts': 'account:read',
    'GET /api/v4/wallet/**': 'account:read',
    ...reading('/api/v4/spot/orders', 'order'),
    'POST /api/v4/spot/orders': 'order:write',
    'DELETE /api/v4/spot/orders': 'order:write',
    'DELETE /api/v4/spot/orders/*': 'order:write',
  },
  probe: 'GET /api/v4/spot/accounts',
})
