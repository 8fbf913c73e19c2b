/**
 * An upstream's side of Plugipay-HMAC-SHA256, written from the scheme's description with node:crypto and
 * sharing nothing with `src/signing`, so that a mistake there is not made here as well.
 */
import { createHash, createHmac } from 'node:crypto'
import type { ReceivedRequest } from './upstream.ts'

const clockWindowSeconds = 300

/** null when the signature is this secret's over exactly what was received; otherwise what is wrong. */
export const plugipayFault = (
  request: ReceivedRequest,
  { keyId, secret }: { readonly keyId: string; readonly secret: string },
): string | null => {
  const authorizations = request.headers.filter(([name]) => name.toLowerCase() === 'authorization')
  if (authorizations.length !== 1) return `${authorizations.length} authorization headers`
  const authorization = authorizations[0]?.[1] ?? ''
  const match = /^Plugipay-HMAC-SHA256 keyId=([^,]+), scope=\*, signature=([0-9a-f]{64})$/.exec(authorization)
  if (match === null) return 'the authorization has another form'
  if (match[1] !== keyId) return `the key id is ${match[1]}`

  const timestamp = request.header('x-plugipay-timestamp') ?? ''
  if (!/^\d{10}$/.test(timestamp)) return `the timestamp is ${timestamp}`
  if (Math.abs(Date.now() / 1_000 - Number(timestamp)) > clockWindowSeconds) return 'the timestamp is old'

  const lines = [request.method, request.target, timestamp, digestHex(request)]
  const idempotencyKey = request.header('idempotency-key')
  if (idempotencyKey !== null) lines.push(idempotencyKey)
  const expected = createHmac('sha256', secret).update(lines.join('\n'), 'latin1').digest('hex')
  return expected === match[2] ? null : 'the signature is of something else'
}

/** A multipart body is signed as an empty one. */
const digestHex = (request: ReceivedRequest): string => {
  const multipart = request.header('content-type')?.toLowerCase().startsWith('multipart/form-data') ?? false
  return createHash('sha256')
    .update(multipart ? '' : request.body)
    .digest('hex')
}
