/**
 * Receivers of webhooks as Shopify sends them: HMAC-SHA256 of the body, base64, in X-Shopify-Hmac-Sha256.
 *
 * Keys: the app's client secret
 * Source: https://shopify.dev/docs/apps/build/webhooks/verify-deliveries
 */
import { entryWithoutUrl } from './entry.ts'

export const shopifyWebhook = entryWithoutUrl({
  sign: {
    scheme: 'hmac',
    algorithm: 'sha256',
    secret: 'secret',
    string: [{ part: 'body' }],
    signatureEncoding: 'base64',
    headers: { 'x-shopify-hmac-sha256': [{ part: 'signature' }] },
  },
  headers: { allow: ['x-shopify-topic', 'x-shopify-shop-domain', 'x-shopify-webhook-id'] },
  routes: { 'POST /**': 'webhook:send' },
})
