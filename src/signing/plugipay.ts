/**
 * `plugipay` (Plugipay-HMAC-SHA256, as Plugipay's published SDKs sign): HMAC-SHA256 with the secret, hex, over
 *
 *     METHOD \n PATH?QUERY \n UNIX_SECONDS \n HEX(SHA256(BODY)) [ \n IDEMPOTENCY_KEY ]
 *
 * Path and query are covered as sent, unsorted and with the case of their escapes. A `multipart/form-data`
 * body is signed as an empty one. Not covered: the host, and every header but Idempotency-Key; so
 * X-Plugipay-On-Behalf-Of and X-Plugipay-Mode may come from configuration only. No two requests share a
 * string: a method has only letters, path and query have no line break, the two lines after them have a fixed
 * form, and an idempotency key with a line break is refused.
 */
import { hex, utf8 } from '../core/bytes.ts'
import { Secret } from '../core/redact.ts'
import { bodySha256Hex, emptySha256Hex, hmac, type ImportedKey, importHmacKey } from './digest.ts'
import { OptionReader } from './options.ts'
import { type Edits, type Moment, SecretFault, type SignRequest, type SignScheme } from './scheme.ts'
import { parsePair } from './secret.ts'
import { signedField } from './signed-field.ts'

export interface PlugipayDefinition {
  readonly scheme: 'plugipay'
  /** Default 'authorization'. 'x-plugipay': three headers of its own instead of Authorization. */
  readonly headers?: 'authorization' | 'x-plugipay'
}

interface PlugipayOptions {
  readonly headers: 'authorization' | 'x-plugipay'
}

interface PlugipaySecret {
  readonly id: string
  readonly secret: Secret
}

interface PlugipayKey {
  readonly id: string
  readonly key: ImportedKey
}

export const plugipay: SignScheme<PlugipayOptions, PlugipaySecret, PlugipayKey> = {
  kind: 'sign',
  parseOptions: (input, fault) => {
    const options = new OptionReader(input, fault)
    const headers = options.choice('headers', ['authorization', 'x-plugipay'], 'authorization')
    options.done()
    return { headers }
  },
  parseSecret: (text) => {
    const [id, secret] = parsePair(text, ['id', 'secret'])
    // The id stands in a list of `name=value`: what could end its member is refused.
    if (!/^[\w.-]+$/.test(id))
      throw new SecretFault('the id of <id>:<secret> has letters, digits, _ . and - only')
    return { id, secret: new Secret(secret) }
  },
  owns: ({ headers }) =>
    headers === 'authorization'
      ? ['authorization', 'x-plugipay-timestamp']
      : ['x-plugipay-key-id', 'x-plugipay-timestamp', 'x-plugipay-signature'],
  selectors: ['x-plugipay-on-behalf-of', 'x-plugipay-mode'],
  bodyNeed: (_options, contentType) => (isMultipart(contentType) ? 'none' : 'sha256'),
  prepare: async ({ id, secret }) => ({ id, key: await importHmacKey(utf8(secret.reveal())) }),
  stages: async (request, _options, _key, { now }) => [
    { name: 'string to sign', text: stringToSign(request, unixSeconds(now), await bodyHash(request)) },
  ],
  sign: (request, { headers }, key, { now }: Moment) => {
    const seconds = unixSeconds(now)
    const hash = bodyHash(request)
    return typeof hash === 'string'
      ? signed(stringToSign(request, seconds, hash), seconds, key, headers)
      : hash.then((text) => signed(stringToSign(request, seconds, text), seconds, key, headers))
  },
  sends: () => [],
}

async function signed(
  text: string,
  seconds: string,
  { id, key }: PlugipayKey,
  headers: PlugipayOptions['headers'],
): Promise<Edits> {
  const signature = hex(new Uint8Array(await hmac(key, utf8(text))))
  if (headers === 'x-plugipay') {
    return {
      set: [
        ['x-plugipay-key-id', id],
        ['x-plugipay-timestamp', seconds],
        ['x-plugipay-signature', signature],
      ],
    }
  }
  return {
    set: [
      ['authorization', `Plugipay-HMAC-SHA256 keyId=${id}, scope=*, signature=${signature}`],
      ['x-plugipay-timestamp', seconds],
    ],
  }
}

function stringToSign(request: SignRequest, seconds: string, hash: string): string {
  const text = `${request.method}\n${request.path}${request.query}\n${seconds}\n${hash}`
  const idempotencyKey = request.header('idempotency-key')
  return idempotencyKey === null
    ? text
    : `${text}\n${signedField('Idempotency-Key', idempotencyKey, /^[\x20-\x7e]+$/)}`
}

function bodyHash(request: SignRequest): string | Promise<string> {
  return request.body.kind !== 'empty' && isMultipart(request.header('content-type'))
    ? emptySha256Hex
    : bodySha256Hex(request.body)
}

function isMultipart(contentType: string | null): boolean {
  return contentType !== null && /^multipart\/form-data\s*(?:;|$)/i.test(contentType.trimStart())
}

function unixSeconds(now: number): string {
  return String(Math.floor(now / 1000))
}
