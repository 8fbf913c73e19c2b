/**
 * `standard-webhooks` (Standard Webhooks specification 1.0, symmetric signatures): HMAC-SHA256, base64, over
 *
 *     ID . UNIX_SECONDS . BODY
 *
 * Covered: id, time and body; not the method, path or any other header. The id is the caller's Idempotency-Key
 * where there is one, so that a repeated delivery keeps its id as the specification asks; otherwise it is fresh.
 * No two deliveries share a string: an id with a dot is refused, a time has none, the body comes last.
 */
import { type Bytes, base64, concatBytes, fromBase64, utf8 } from '../core/bytes.ts'
import { headerInvalid } from '../core/problems.ts'
import { bodyBytes, hmac, type ImportedKey, importHmacKey } from './digest.ts'
import { noOptions } from './options.ts'
import { type Moment, SecretFault, type SignRequest, type SignScheme } from './scheme.ts'
import { parseWhole } from './secret.ts'

export interface StandardWebhooksDefinition {
  readonly scheme: 'standard-webhooks'
}

const prefix = 'whsec_'

export const standardWebhooks: SignScheme<null, Bytes, ImportedKey> = {
  kind: 'sign',
  parseOptions: noOptions,
  parseSecret: (text) => {
    parseWhole(text, 'the secret')
    const key = text.startsWith(prefix) ? fromBase64(text.slice(prefix.length)) : null
    if (key === null || key.length === 0)
      throw new SecretFault('the secret must be whsec_ with base64 behind it')
    return key
  },
  owns: () => ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
  bodyNeed: () => 'bytes',
  prepare: (key) => importHmacKey(key),
  stages: (request, _options, _key, moment) => {
    const { id, seconds } = headOf(request, moment)
    const body = new TextDecoder().decode(bodyBytes(request.body))
    return [{ name: 'signed content', text: `${id}.${seconds}.${body}` }]
  },
  sign: async (request, _options, key, moment) => {
    const { id, seconds } = headOf(request, moment)
    const [head, body] = [utf8(`${id}.${seconds}.`), bodyBytes(request.body)]
    const mac = await hmac(key, body.length === 0 ? head : concatBytes([head, body]))
    return {
      set: [
        ['webhook-id', id],
        ['webhook-timestamp', seconds],
        ['webhook-signature', `v1,${base64(new Uint8Array(mac))}`],
      ],
    }
  },
  sends: () => [],
}

function headOf(request: SignRequest, { now, nonce }: Moment): { id: string; seconds: string } {
  const idempotencyKey = request.header('idempotency-key')
  if (idempotencyKey !== null && !/^[\x21-\x2d\x2f-\x7e]+$/.test(idempotencyKey))
    throw headerInvalid('Idempotency-Key becomes the webhook-id: visible ASCII without spaces and dots.')
  return { id: idempotencyKey ?? `msg_${nonce()}`, seconds: String(Math.floor(now / 1000)) }
}
