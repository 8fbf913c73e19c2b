/**
 * The server's side of Plugipay-HMAC-SHA256. The string to sign is
 * `METHOD\nPATH?QUERY\nUNIX_SECONDS\nHEX(SHA256(BODY))[\nIDEMPOTENCY_KEY]`, taken from the request line and the
 * body as they arrived; a multipart body counts as an empty one. The signature is HMAC-SHA256 in hex.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { fieldValues, onlyField, type ReceivedRequest } from './listen.ts'

export const clockWindowSeconds = 300
const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

export interface PlugipayKey {
  /** `pk_` or `ak_`, then `live_` or `test_`. */
  readonly id: string
  readonly secret: string
  readonly workspace: string
  readonly revoked?: boolean
}

export type SignatureVerdict =
  | { readonly accepted: true; readonly key: PlugipayKey; readonly signed: string }
  | { readonly accepted: false; readonly code: RefusalCode; readonly message: string }

export type RefusalCode = 'INVALID_SIGNATURE' | 'INVALID_KEY' | 'INVALID_TIMESTAMP'

interface Claim {
  readonly keyId: string
  readonly signature: string
}

const authorizationForm = /^Plugipay-HMAC-SHA256 keyId=([^\s,]+), scope=\*, signature=([0-9a-f]{64})$/
const signatureForm = /^[0-9a-f]{64}$/
const secondsForm = /^[0-9]{1,12}$/

/** Checks key, clock and signature, in this order, as the codes of the answer tell them apart. */
export function verifyPlugipay(
  request: ReceivedRequest,
  keys: ReadonlyMap<string, PlugipayKey>,
): SignatureVerdict {
  const claim = readClaim(request)
  if (claim === null) return refuse('INVALID_SIGNATURE', 'the request is not signed in one of the two forms')

  const key = keys.get(claim.keyId)
  if (key === undefined || key.revoked === true) {
    return refuse('INVALID_KEY', 'the key does not exist or was revoked')
  }

  const seconds = onlyField(request, 'x-plugipay-timestamp')
  if (seconds === null || !secondsForm.test(seconds)) {
    return refuse('INVALID_TIMESTAMP', 'X-Plugipay-Timestamp must be one whole number of seconds since 1970')
  }
  const skew = Math.abs(Math.floor(request.receivedAt / 1_000) - Number(seconds))
  if (skew > clockWindowSeconds) {
    return refuse(
      'INVALID_TIMESTAMP',
      `the timestamp is ${skew} s from our clock; ${clockWindowSeconds} s are allowed`,
    )
  }

  const signed = stringToSign(request, seconds)
  if (signed === null) return refuse('INVALID_SIGNATURE', 'a header that is signed was sent more than once')
  const expected = createHmac('sha256', key.secret).update(signed, 'latin1').digest()
  if (!timingSafeEqual(expected, Buffer.from(claim.signature, 'hex'))) {
    return refuse('INVALID_SIGNATURE', 'the signature does not match the request')
  }
  return { accepted: true, key, signed }
}

/** Null when a header that counts came twice. Header and target text is latin1: one character, one byte. */
function stringToSign(request: ReceivedRequest, seconds: string): string | null {
  const idempotencyKeys = fieldValues(request, 'idempotency-key')
  const contentTypes = fieldValues(request, 'content-type')
  if (idempotencyKeys.length > 1 || contentTypes.length > 1) return null
  const multipart = contentTypes[0]?.toLowerCase().startsWith('multipart/form-data') === true
  const lines = [request.method, request.target, seconds, multipart ? emptySha256 : request.bodySha256]
  return [...lines, ...idempotencyKeys].join('\n')
}

/** The key and signature that the request claims, from whichever form it uses; null for none, both, or a malformed one. */
function readClaim(request: ReceivedRequest): Claim | null {
  const hasAuthorization = fieldValues(request, 'authorization').length > 0
  const hasHeaders =
    fieldValues(request, 'x-plugipay-key-id').length + fieldValues(request, 'x-plugipay-signature').length > 0
  if (hasAuthorization === hasHeaders) return null

  if (hasAuthorization) {
    const match = authorizationForm.exec(onlyField(request, 'authorization') ?? '')
    const [, keyId, signature] = match ?? []
    return keyId === undefined || signature === undefined ? null : { keyId, signature }
  }
  const keyId = onlyField(request, 'x-plugipay-key-id')
  const signature = onlyField(request, 'x-plugipay-signature')
  return keyId === null || signature === null || !signatureForm.test(signature) ? null : { keyId, signature }
}

function refuse(code: RefusalCode, message: string): SignatureVerdict {
  return { accepted: false, code, message }
}
