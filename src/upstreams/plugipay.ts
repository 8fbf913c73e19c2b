/**
 * Plugipay, payments. Signed by its own scheme (signing/plugipay.ts), checked by a clock window of 300 s.
 *
 * Keys are managed at `/api/v1/api-keys`, which no route here opens. Plugipay allows 100 reads and 20 writes a
 * second for each workspace. X-Plugipay-On-Behalf-Of and X-Plugipay-Mode are not covered by the signature: with a platform key
 * they choose whose money moves, so they are set in `headers.set` or not at all.
 *
 * Keys: `<id>:<secret>`, ids `pk_` or `ak_` + `live_` or `test_`, secrets `sk_live_` or `sk_test_`
 * Source: https://github.com/hachimi-cat/plugipay-node
 */
import { entry } from './entry.ts'
import { actions, reading, resource } from './rest.ts'

export const plugipay = entry({
  url: 'https://api.plugipay.com',
  sign: { scheme: 'plugipay' },
  routes: {
    ...resource('/api/v1/customers', 'customer'),
    ...resource('/api/v1/plans', 'plan'),
    ...actions('/api/v1/plans', ['archive', 'prices'], 'plan'),
    ...resource('/api/v1/checkout-sessions', 'checkout'),
    ...actions('/api/v1/checkout-sessions', ['confirm', 'cancel'], 'checkout'),
    ...resource('/api/v1/portal-sessions', 'portal'),
    ...resource('/api/v1/payments', 'payment'),
    ...resource('/api/v1/invoices', 'invoice'),
    ...actions('/api/v1/invoices', ['finalize', 'pay', 'void', 'send-email'], 'invoice'),
    ...resource('/api/v1/subscriptions', 'subscription'),
    ...actions('/api/v1/subscriptions', ['cancel', 'pause', 'resume'], 'subscription'),
    ...resource('/api/v1/refunds', 'refund'),
    ...reading('/api/v1/receipts', 'receipt'),
    ...reading('/api/v1/payouts', 'payout'),
    ...reading('/api/v1/events', 'event'),
    ...reading('/api/v1/ledger', 'ledger'),
    'GET /api/v1/reports/*': 'report:read',
    'POST /api/v1/uploads/*': 'upload:write',
  },
  keyRefused: { status: 401, codes: ['INVALID_KEY'] },
  probe: 'GET /api/v1/customers?limit=1',
  livePrefixes: ['pk_live_', 'ak_live_', 'sk_live_'],
})
