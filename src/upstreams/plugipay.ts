/**
 * Plugipay, payments. Signed by its own scheme (signing/plugipay.ts), checked by a clock window of 300 s.
 *
 * Keys: `<id>:<secret>`, ids `pk_` or `ak_` + `live_` or `test_`, secrets `sk_live_` or `sk_test_`; managed at
 * `/api/v1/api-keys`, which no route here opens. Plugipay allows 100 reads and 20 writes a second for each
 * workspace. X-Plugipay-On-Behalf-Of and X-Plugipay-Mode are not covered by the signature: with a platform key
 * they choose whose money moves, so they are set in `headers.set` or not at all.
 */
import type { CatalogueOptions, KeyBindings, UpstreamDefinition } from './definition.ts'
import { refuseLiveInTest } from './slots.ts'

export const plugipay = <const Keys extends KeyBindings>({
  keys,
  ...overrides
}: CatalogueOptions<Keys>): UpstreamDefinition<Keys> => ({
  url: 'https://api.plugipay.com',
  sign: { scheme: 'plugipay' },
  keys,
  routes: {
    ...resource('customers', 'customer'),
    ...resource('payments', 'payment'),
    'POST /api/v1/payments/*/capture': 'payment:write',
    'POST /api/v1/payments/*/cancel': 'payment:write',
    ...resource('checkout/sessions', 'checkout'),
    'POST /api/v1/checkout/sessions/*/expire': 'checkout:write',
    ...resource('refunds', 'refund'),
    ...resource('invoices', 'invoice'),
    'POST /api/v1/invoices/*/finalize': 'invoice:write',
    'POST /api/v1/invoices/*/void': 'invoice:write',
    ...resource('subscriptions', 'subscription'),
    ...resource('products', 'product'),
    ...resource('prices', 'price'),
    'GET /api/v1/balance': 'balance:read',
    'GET /api/v1/events': 'event:read',
    'GET /api/v1/events/*': 'event:read',
    'POST /api/v1/uploads/*': 'upload:write',
  },
  keyRefused: { status: 401, codes: ['INVALID_KEY'] },
  probe: 'GET /api/v1/customers?limit=1',
  refusedPrefixes: refuseLiveInTest(keys, ['pk_live_', 'ak_live_', 'sk_live_']),
  ...overrides,
})

const resource = (path: string, scope: string): Readonly<Record<string, string>> => ({
  [`GET /api/v1/${path}`]: `${scope}:read`,
  [`GET /api/v1/${path}/*`]: `${scope}:read`,
  [`POST /api/v1/${path}`]: `${scope}:write`,
  [`PUT|PATCH|DELETE /api/v1/${path}/*`]: `${scope}:write`,
})
