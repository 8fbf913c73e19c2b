/**
 * An in-house API as companies have them: `orders`, with an HMAC over a string of its own making. How a request is
 * verified is data (`HmacRecipe`), so that a test can stand up any API of this kind.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { type Api, fieldValues, onlyField, type ReceivedRequest, type Reply } from './listen.ts'

/** One line of the string to sign. `target` is path and query as sent; `header:NAME` is `''` when it is absent. */
export type HmacPart =
  | 'method'
  | 'target'
  | 'path'
  | 'query'
  | 'timestamp'
  | 'key-id'
  | 'body-sha256'
  | `header:${string}`

export interface HmacRecipe {
  readonly hash: 'sha256' | 'sha512'
  readonly parts: readonly HmacPart[]
  readonly separator: string
  readonly encoding: 'hex' | 'base64'
  readonly signature: { readonly header: string; readonly prefix: string }
  /** Header names in lower case. */
  readonly keyIdHeader: string
  readonly timestamp: {
    readonly header: string
    readonly unit: 'seconds' | 'milliseconds'
    readonly windowSeconds: number
  }
}

export interface HmacKey {
  readonly id: string
  readonly secret: string
}

/** What the orders sandbox of `npm start` demands. */
export const ordersRecipe: HmacRecipe = {
  hash: 'sha256',
  parts: ['method', 'target', 'timestamp', 'body-sha256'],
  separator: '\n',
  encoding: 'hex',
  signature: { header: 'x-orders-signature', prefix: 'v1=' },
  keyIdHeader: 'x-orders-key',
  timestamp: { header: 'x-orders-timestamp', unit: 'seconds', windowSeconds: 300 },
}

type HmacVerdict =
  | { readonly accepted: true; readonly key: HmacKey; readonly signed: string }
  | { readonly accepted: false; readonly code: 'unsigned' | 'unknown_key' | 'stale' | 'wrong_signature' }

export function verifyHmac(
  request: ReceivedRequest,
  keys: readonly HmacKey[],
  recipe: HmacRecipe,
): HmacVerdict {
  const { prefix, header } = recipe.signature
  const claimed = onlyField(request, header)
  const keyId = onlyField(request, recipe.keyIdHeader)
  const time = onlyField(request, recipe.timestamp.header)
  if (claimed === null || !claimed.startsWith(prefix) || keyId === null || time === null) {
    return { accepted: false, code: 'unsigned' }
  }
  const key = keys.find(({ id }) => id === keyId)
  if (key === undefined) return { accepted: false, code: 'unknown_key' }

  const millis = recipe.timestamp.unit === 'seconds' ? Number(time) * 1_000 : Number(time)
  const fresh = Math.abs(request.receivedAt - millis) <= recipe.timestamp.windowSeconds * 1_000
  if (!/^[0-9]{1,16}$/.test(time) || !fresh) return { accepted: false, code: 'stale' }

  const signed = recipe.parts.map((part) => partText(part, request, { time, keyId })).join(recipe.separator)
  const expected = createHmac(recipe.hash, key.secret).update(signed, 'latin1').digest(recipe.encoding)
  return sameBytes(Buffer.from(expected), Buffer.from(claimed.slice(prefix.length), 'latin1'))
    ? { accepted: true, key, signed }
    : { accepted: false, code: 'wrong_signature' }
}

interface Claimed {
  readonly time: string
  readonly keyId: string
}

function partText(part: HmacPart, request: ReceivedRequest, { time, keyId }: Claimed): string {
  const mark = request.target.indexOf('?')
  switch (part) {
    case 'method':
      return request.method
    case 'target':
      return request.target
    case 'path':
      return mark < 0 ? request.target : request.target.slice(0, mark)
    case 'query':
      return mark < 0 ? '' : request.target.slice(mark + 1)
    case 'timestamp':
      return time
    case 'key-id':
      return keyId
    case 'body-sha256':
      return request.bodySha256
    default:
      return fieldValues(request, part.slice('header:'.length)).join(', ')
  }
}

function sameBytes(left: Buffer, right: Buffer): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}

const orders = [
  { id: 'ord_1', item: 'two fountain pens', state: 'packed' },
  { id: 'ord_2', item: 'a box of envelopes', state: 'paid' },
]

/** `/v2/orders` and `/v2/orders/*`; what is posted is answered with its digest. */
export function ordersApi(keys: readonly HmacKey[], recipe: HmacRecipe = ordersRecipe): Api {
  return (request) => {
    const verdict = verifyHmac(request, keys, recipe)
    if (!verdict.accepted) {
      const { code } = verdict
      return { status: 401, body: { error: code }, verdict: { accepted: false, code } }
    }
    const accepted = { accepted: true, key: verdict.key.id, signed: verdict.signed } as const
    return { ...answer(request), verdict: accepted }
  }
}

function answer(request: ReceivedRequest): Omit<Reply, 'verdict'> {
  const path = request.target.split('?', 1)[0] ?? ''
  if (path === '/v2/orders' && request.method === 'POST') {
    return { status: 201, body: { id: 'ord_3', state: 'new', sha256: request.bodySha256 } }
  }
  if (path === '/v2/orders') return { status: 200, body: { orders } }
  const order = orders.find(({ id }) => path === `/v2/orders/${id}`)
  return order === undefined ? { status: 404, body: { error: 'not_found' } } : { status: 200, body: order }
}
