import { createHash, createHmac } from 'node:crypto'
import type { Sent } from './send.ts'

export interface Signing {
  readonly id?: string
  readonly secret?: string
  /** Seconds since 1970; now, unless it is given. */
  readonly timestamp?: number | string
  readonly form?: 'authorization' | 'x-plugipay'
}

/** Signs by Plugipay's recipe, apart from both the product's and the sandbox's own code. */
export const signPlugipay = (sent: Sent, signing: Signing): Sent => {
  const { id = '', secret = '', form = 'authorization' } = signing
  const timestamp = signing.timestamp ?? Math.floor(Date.now() / 1_000)
  const headers = sent.headers ?? {}
  const multipart = String(headers['content-type'] ?? '').startsWith('multipart/form-data')
  const digest = createHash('sha256')
    .update(multipart ? '' : (sent.body ?? ''))
    .digest('hex')
  const idempotency =
    headers['idempotency-key'] === undefined ? '' : `\n${String(headers['idempotency-key'])}`
  const text = `${sent.method}\n${sent.target}\n${timestamp}\n${digest}${idempotency}`
  const signature = createHmac('sha256', secret).update(text).digest('hex')
  const credentials =
    form === 'authorization'
      ? { authorization: `Plugipay-HMAC-SHA256 keyId=${id}, scope=*, signature=${signature}` }
      : { 'x-plugipay-key-id': id, 'x-plugipay-signature': signature }
  return { ...sent, headers: { ...headers, ...credentials, 'x-plugipay-timestamp': String(timestamp) } }
}
