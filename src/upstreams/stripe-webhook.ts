/**
 * Receivers of webhooks as Stripe sends them: HMAC-SHA256, hex, of `SECONDS.BODY`, in Stripe-Signature. The
 * secret is used as it is written, `whsec_` included.
 *
 * Keys: `whsec_...`
 * Source: https://docs.stripe.com/webhooks/signature
 */
import { entryWithoutUrl } from './entry.ts'

export const stripeWebhook = entryWithoutUrl({
  sign: {
    scheme: 'hmac',
    algorithm: 'sha256',
    secret: 'secret',
    string: [{ part: 'timestamp', as: 'seconds' }, '.', { part: 'body' }],
    headers: {
      'stripe-signature': ['t=', { part: 'timestamp', as: 'seconds' }, ',v1=', { part: 'signature' }],
    },
  },
  routes: { 'POST /**': 'webhook:send' },
})
