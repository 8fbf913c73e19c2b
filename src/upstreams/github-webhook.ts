/**
 * Receivers of webhooks as GitHub sends them: HMAC-SHA256 of the body, hex, in X-Hub-Signature-256. No time
 * and no nonce are covered, so a delivery can be repeated by whoever sees it.
 *
 * Keys: the webhook's secret
 * Source: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
 */
import { entryWithoutUrl } from './entry.ts'

export const githubWebhook = entryWithoutUrl({
  sign: {
    scheme: 'hmac',
    algorithm: 'sha256',
    secret: 'secret',
    string: [{ part: 'body' }],
    headers: { 'x-hub-signature-256': ['sha256=', { part: 'signature' }] },
  },
  headers: { allow: ['x-github-event', 'x-github-delivery'] },
  routes: { 'POST /**': 'webhook:send' },
})
