/**
 * Pusher Channels: HMAC-SHA256, hex, of method, path and sorted query, in which time, the MD5 of the body and
 * the signature travel. The address differs by cluster (`https://api-eu.pusher.com`), so the configuration
 * names it.
 *
 * Keys: `<key>:<secret>`
 * Source: https://pusher.com/docs/channels/library_auth_reference/rest-api/
 */
import { entryWithoutUrl } from './entry.ts'

export const pusher = entryWithoutUrl({
  sign: {
    scheme: 'hmac',
    algorithm: 'sha256',
    string: [{ part: 'method' }, '\n', { part: 'path' }, '\n', { part: 'query', order: 'sorted' }],
    query: {
      auth_key: [{ part: 'key-id' }],
      auth_timestamp: [{ part: 'timestamp', as: 'seconds' }],
      auth_version: ['1.0'],
      body_md5: [{ part: 'body-digest', algorithm: 'md5', encoding: 'hex' }],
      auth_signature: [{ part: 'signature' }],
    },
  },
  routes: {
    'POST /apps/*/events': 'event:write',
    'POST /apps/*/batch_events': 'event:write',
  },
})
