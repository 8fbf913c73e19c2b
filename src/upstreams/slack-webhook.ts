/**
 * Receivers of requests as Slack sends them: HMAC-SHA256, hex, of `v0:SECONDS:BODY`, in X-Slack-Signature.
 * Receivers refuse a time more than five minutes off.
 *
 * Keys: the app's signing secret
 * Source: https://docs.slack.dev/authentication/verifying-requests-from-slack
 */
import { entryWithoutUrl } from './entry.ts'

export const slackWebhook = entryWithoutUrl({
  sign: {
    scheme: 'hmac',
    algorithm: 'sha256',
    secret: 'secret',
    string: ['v0:', { part: 'timestamp', as: 'seconds' }, ':', { part: 'body' }],
    headers: {
      'x-slack-request-timestamp': [{ part: 'timestamp', as: 'seconds' }],
      'x-slack-signature': ['v0=', { part: 'signature' }],
    },
  },
  routes: { 'POST /**': 'webhook:send' },
})
