/**
 * Bodies: streamed through untouched wherever the scheme allows, read into memory only to be signed, and then
 * within bounds: per upstream, per team, per isolate, and in time.
 */
import type { Upstream } from '../core/configuration.ts'
import { contentDigestSha256 } from '../core/digest.ts'
import { bufferReadMillis } from '../core/limits.ts'
import type { Permit } from '../core/permit.ts'
import { Refusal } from '../core/problems.ts'
import type { SignableBody } from '../signing/scheme.ts'
import { BufferShare, type Buffers } from './buffers.ts'

export interface OutboundBody {
  /** What goes to `fetch`. */
  readonly payload: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null
  /** What the scheme gets to see. */
  readonly signable: SignableBody
  /** Bytes, where known before they are sent. */
  readonly bytes: number | null
  /** Streamed bodies cannot be sent a second time, and wait `uploadTimeoutMs` for an answer. */
  readonly streamed: boolean
  /** Why a streamed body was broken off on our side; null while it was not. */
  readonly refusal: () => Refusal | null
  /** Gives the buffer back; to be called once the body is with the upstream, or will not be. */
  readonly release: () => void
}

const nothing = (): void => {}
const noRefusal = (): null => null

const emptyBody: OutboundBody = {
  payload: null,
  signable: { kind: 'empty' },
  bytes: 0,
  streamed: false,
  refusal: noRefusal,
  release: nothing,
}

/** Prepares the body of a permitted call; reads it only where its bytes are signed. Throws or rejects with Refusal. */
export const prepareBody = (
  request: Request,
  permit: Permit,
  buffers: Buffers,
): OutboundBody | Promise<OutboundBody> => {
  const { body, headers } = request
  if (body === null) return emptyBody
  const { upstream, target } = permit
  const declared = declaredLength(headers)
  if (declared === 0) return emptyBody
  if (target.method === 'GET' || target.method === 'HEAD') {
    throw new Refusal('request_invalid', {
      detail: `${target.method} is forwarded without a body. Send none, or use POST.`,
    })
  }
  if (declared !== null && declared > upstream.maxBodyBytes) throw tooLarge(upstream)
  const need = upstream.scheme.bodyNeed(headers.get('content-type'))
  if (need === 'none') return streamed(body, declared, upstream, { kind: 'unread' })
  const digest = headers.get('content-digest')
  if (digest === null) return buffered(body, declared, permit, buffers)
  const sha256 = contentDigestSha256(digest)
  if (need === 'sha256' && sha256 !== null)
    return streamed(body, declared, upstream, { kind: 'sha256', sha256 })
  throw new Refusal('digest_unsupported', {
    detail:
      need === 'bytes'
        ? `${upstream.name} signs more than a SHA-256 of the body. Leave Content-Digest out; up to ${upstream.maxBufferedBytes} bytes are then read.`
        : 'Content-Digest must have a sha-256 member here.',
  })
}

const declaredLength = (headers: Headers): number | null => {
  const value = headers.get('content-length')
  return value === null || !/^\d{1,15}$/.test(value) ? null : Number(value)
}

const tooLarge = (upstream: Upstream): Refusal =>
  new Refusal('body_too_large', {
    detail: `${upstream.name} takes bodies of at most ${upstream.maxBodyBytes} bytes.`,
  })

const tooLargeToBuffer = (upstream: Upstream): Refusal =>
  new Refusal('body_too_large', {
    detail: `${upstream.name} signs the body, so it is read first, up to ${upstream.maxBufferedBytes} bytes. For more, send Content-Digest: sha-256=:<base64 of the body's SHA-256>: and it streams through unread.`,
  })

const streamed = (
  body: ReadableStream<Uint8Array>,
  declared: number | null,
  upstream: Upstream,
  signable: SignableBody,
): OutboundBody => {
  // A declared length was checked, and the runtime holds the sender to it; only a chunked body must be counted.
  if (declared !== null) {
    return { payload: body, signable, bytes: declared, streamed: true, refusal: noRefusal, release: nothing }
  }
  const { payload, refusal } = bounded(body, upstream)
  return { payload, signable, bytes: null, streamed: true, refusal, release: nothing }
}

/** Passes a chunked body on until it grows beyond `maxBodyBytes`, and then breaks it off: never a clean end. */
const bounded = (
  body: ReadableStream<Uint8Array>,
  upstream: Upstream,
): Pick<OutboundBody, 'refusal'> & {
  readonly payload: ReadableStream<Uint8Array>
} => {
  let seen = 0
  let refusal: Refusal | null = null
  const payload = body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        seen += chunk.byteLength
        if (seen > upstream.maxBodyBytes) {
          refusal = tooLarge(upstream)
          controller.error(refusal)
        } else {
          controller.enqueue(chunk)
        }
      },
    }),
  )
  return { payload, refusal: () => refusal }
}

const buffered = async (
  body: ReadableStream<Uint8Array>,
  declared: number | null,
  permit: Permit,
  buffers: Buffers,
): Promise<OutboundBody> => {
  const { upstream, team } = permit
  if (declared !== null && declared > upstream.maxBufferedBytes) throw tooLargeToBuffer(upstream)
  const share = new BufferShare(buffers, team.name)
  const release = (): void => share.release()
  try {
    const bytes = await readAll(body, declared, upstream, share)
    if (bytes.byteLength === 0) {
      release()
      return emptyBody
    }
    return {
      payload: bytes,
      signable: { kind: 'bytes', bytes },
      bytes: bytes.byteLength,
      streamed: false,
      refusal: noRefusal,
      release,
    }
  } catch (error) {
    release()
    throw error
  }
}

const firstBufferBytes = 65_536

/**
 * Reads a body straight into one buffer: of the declared length, or doubled as a chunked one grows, up to
 * `maxBufferedBytes`. (`arrayBuffer()` was measured to hold four times the body.)
 */
const readAll = async (
  body: ReadableStream<Uint8Array>,
  declared: number | null,
  upstream: Upstream,
  share: BufferShare,
): Promise<Uint8Array<ArrayBuffer>> => {
  const most = upstream.maxBufferedBytes
  const reader = body.getReader({ mode: 'byob' })
  let late = false
  const timer = setTimeout(() => {
    late = true
    reader.cancel().catch(nothing)
  }, bufferReadMillis)
  try {
    let size = declared ?? Math.min(firstBufferBytes, most + 1)
    share.growTo(size)
    let buffer = new Uint8Array(size)
    let filled = 0
    for (;;) {
      const { value, done } = await reader.readAtLeast(size - filled, buffer.subarray(filled))
      if (value !== undefined) {
        buffer = new Uint8Array(value.buffer as ArrayBuffer)
        filled += value.byteLength
      }
      if (late) break
      if (done || value === undefined || filled === declared) {
        return filled === buffer.byteLength ? buffer : buffer.slice(0, filled)
      }
      if (filled > most) throw tooLargeToBuffer(upstream)
      if (filled < size) continue
      size = Math.min(size * 2, most + 1)
      share.growTo(size)
      const larger = new Uint8Array(size)
      larger.set(buffer)
      buffer = larger
    }
  } catch (error) {
    if (error instanceof Refusal) throw error
    if (!late) throw broken('The body broke off before its end.', 'body read failed')
  } finally {
    clearTimeout(timer)
    reader.releaseLock()
  }
  throw broken(`The body did not arrive within ${bufferReadMillis / 1_000} seconds.`, 'body read timed out')
}

const broken = (detail: string, reason: string): Refusal => new Refusal('request_invalid', { detail, reason })
