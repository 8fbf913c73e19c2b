/**
 * Receivers of webhooks as Twilio sends them with a JSON body: HMAC-SHA1, base64, of the whole URL, whose
 * parameter bodySHA256 stands for the body. Twilio's other form, which puts the names and values of a form
 * one behind the other with nothing between them, cannot tell `a=bc` from `ab=c`, and is not signed here.
 *
 * Keys: the account's auth token
 * Source: https://www.twilio.com/docs/usage/webhooks/webhooks-security
 */
import { entryWithoutUrl } from './entry.ts'

export const twilioWebhook = entryWithoutUrl({
  sign: {
    scheme: 'hmac',
    algorithm: 'sha1',
    secret: 'secret',
    string: [{ part: 'origin' }, { part: 'path' }, { part: 'query' }],
    signatureEncoding: 'base64',
    query: { bodySHA256: [{ part: 'body-digest', algorithm: 'sha256', encoding: 'hex' }] },
    headers: { 'x-twilio-signature': [{ part: 'signature' }] },
  },
  routes: { 'POST /**': 'webhook:send' },
})
