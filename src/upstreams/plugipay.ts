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
    ...resource('plans', 'plan'),
    ...actions('plans', ['archive', 'prices'], 'plan:write'),
    ...resource('checkout-sessions', 'checkout'),
    ...actions('checkout-sessions', ['confirm', 'cancel'], 'checkout:write'),
    ...resource('portal-sessions', 'portal'),
    ...resource('payments', 'payment'),
    ...resource('invoices', 'invoice'),
    ...actions('invoices', ['finalize', 'pay', 'void', 'send-email'], 'invoice:write'),
    ...resource('subscriptions', 'subscription'),
    ...actions('subscriptions', ['cancel', 'pause', 'resume'], 'subscription:write'),
    ...resource('refunds', 'refund'),
    ...reading('receipts', 'receipt'),
    ...reading('payouts', 'payout'),
    ...reading('events', 'event'),
    ...reading('ledger', 'ledger'),
    'GET /api/v1/reports/*': 'report:read',
    'POST /api/v1/uploads/*': 'upload:write',
  },
  keyRefused: { status: 401, codes: ['INVALID_KEY'] },
  probe: 'GET /api/v1/customers?limit=1',
  refusedPrefixes: refuseLiveInTest(keys, ['pk_live_', 'ak_live_', 'sk_live_']),
  ...overrides,
})

/** A collection whose members are made, read and changed. */
const resource = (path: string, scope: string): Readonly<Record<string, string>> => ({
  ...reading(path, scope),
  [`POST /api/v1/${path}`]: `${scope}:write`,
  [`PUT|PATCH|DELETE /api/v1/${path}/*`]: `${scope}:write`,
})

const reading = (path: string, scope: string): Readonly<Record<string, string>> => ({
  [`GET /api/v1/${path}`]: `${scope}:read`,
  [`GET /api/v1/${path}/*`]: `${scope}:read`,
})

/** What is done to one member, such as paying an invoice. */
const actions = (path: string, names: readonly string[], scope: string): Readonly<Record<string, string>> =>
  Object.fromEntries(names.map((name) => [`POST /api/v1/${path}/*/${name}`, scope]))
