/**
 * Kraken, spot trading: HMAC-SHA512 with the decoded secret, base64, of the path and the SHA-256 of nonce and
 * body. The caller sends the nonce, as a field of the form; it must grow from call to call, so one caller to
 * a key.
 *
 * Keys: `<api key>:<base64 private key>`
 * Source: https://docs.kraken.com/api/docs/guides/spot-rest-auth
 */
import { entry } from './entry.ts'

export const kraken = entry({
  url: 'https://api.kraken.com',
  sign: {
    scheme: 'hmac',
    algorithm: 'sha512',
    keyEncoding: 'base64',
    string: [
      { part: 'path' },
      {
        part: 'digest',
        algorithm: 'sha256',
        encoding: 'raw',
        of: [
          { part: 'form-field', name: 'nonce' },
          { part: 'body', begins: 'form' },
        ],
      },
    ],
    signatureEncoding: 'base64',
    headers: { 'api-key': [{ part: 'key-id' }], 'api-sign': [{ part: 'signature' }] },
  },
  routes: {
    'POST /0/private/Balance': 'account:read',
    'POST /0/private/TradeBalance': 'account:read',
    'POST /0/private/Ledgers': 'account:read',
    'POST /0/private/OpenOrders': 'order:read',
    'POST /0/private/ClosedOrders': 'order:read',
    'POST /0/private/QueryOrders': 'order:read',
    'POST /0/private/AddOrder': 'order:write',
    'POST /0/private/CancelOrder': 'order:write',
  },
})
