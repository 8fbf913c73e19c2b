/**
 * Binance, spot trading: HMAC-SHA256, hex, of the query, in which time and signature travel. Parameters go
 * into the query: a body is refused, because the signature would run it together with the query.
 *
 * Keys: `<api key>:<secret key>`
 * Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security
 */
import { entry } from './entry.ts'

export const binance = entry({
  url: 'https://api.binance.com',
  sign: {
    scheme: 'hmac',
    algorithm: 'sha256',
    string: [{ part: 'query', mark: false }, { part: 'no-body' }],
    headers: { 'x-mbx-apikey': [{ part: 'key-id' }] },
    query: { timestamp: [{ part: 'timestamp', as: 'millis' }], signature: [{ part: 'signature' }] },
  },
  routes: {
    'GET /api/v3/account': 'account:read',
    'GET /api/v3/myTrades': 'order:read',
    'GET /api/v3/order': 'order:read',
    'GET /api/v3/openOrders': 'order:read',
    'GET /api/v3/allOrders': 'order:read',
    'POST /api/v3/order': 'order:write',
    'POST /api/v3/order/test': 'order:read',
    'DELETE /api/v3/order': 'order:write',
    'DELETE /api/v3/openOrders': 'order:write',
  },
  probe: 'GET /api/v3/account',
})
