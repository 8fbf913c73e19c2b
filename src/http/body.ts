/**
 * Bodies: streamed through untouched wherever the scheme allows, read into memory only to be signed, and then
 * within bounds: per upstream, per team, per isolate, and in time.
 */
import type { Upstream } from '../core/configuration.ts'
import { contentDigestSha256 } from '../core/digest.ts'
import { connectionNamed, contentLength } from '../core/headers.ts'
import { bufferReadMillis } from '../core/limits.ts'
import type { Permit } from '../core/permit.ts'
import { Refusal } from '../core/problems.ts'
import type { BodyNeed, SignableBody } from '../signing/scheme.ts'
import { BufferShare, type Buffers } from './buffers.ts'
import { setTimer } from './timer.ts'

export interface OutboundBody {
  /** What goes to `fetch`. */
  readonly payload: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null
  /** What the scheme gets to see. */
  readonly signable: SignableBody
  /** Bytes, where known before they are sent. */
  readonly bytes: number | null
  /** Streamed bodies cannot be sent a second time, and wait `uploadTimeoutMs` for an answer. */
  readonly streamed: boolean
  /** Of a body that is counted while it streams; null for all others. */
  readonly counted: CountedBody | null
}

/** A streamed body that may have to be broken off while it is sent. */
export interface CountedBody {
  /** Aborted when the body must not be finished; whoever sends it then aborts its `fetch`. */
  readonly broken: AbortSignal
  /** Why it was broken off; null while it was not, or when the caller's end broke. */
  readonly refusal: () => Refusal | null
}

/** A body on its way in. */
export interface Reading {
  /** Rejects with Refusal. */
  readonly body: OutboundBody | Promise<OutboundBody>
  /**
   * Gives back what the body holds, and stops where it is still being read. Idempotent; must be called once the
   * body is with the upstream or will not be, since memory that is not given back is lost to the isolate.
   */
  readonly end: () => void
}

function nothing(): void {}

const emptyBody: OutboundBody = {
  payload: null,
  signable: { kind: 'empty' },
  bytes: 0,
  streamed: false,
  counted: null,
}

/** Begins with the body of a permitted call; reads it only where its bytes are signed. */
export function readBody(request: Request, permit: Permit, buffers: Buffers): Reading {
  try {
    return beginReading(request, permit, buffers)
  } catch (error) {
    return { body: unasked(Promise.reject(error)), end: nothing }
  }
}

/** What is wrong with a body is kept until it is asked for, and is no fault of its own when nobody does. */
function unasked(body: Promise<OutboundBody>): Promise<OutboundBody> {
  body.catch(nothing)
  return body
}

function beginReading(request: Request, permit: Permit, buffers: Buffers): Reading {
  const { body, headers } = request
  if (body === null) return { body: emptyBody, end: nothing }
  const { upstream, target } = permit
  const declared = contentLength(headers.get('content-length'))
  if (declared === 0) return { body: emptyBody, end: nothing }
  if (target.method === 'GET' || target.method === 'HEAD') {
    throw new Refusal('request_invalid', {
      detail: `${target.method} is forwarded without a body. Send none, or use POST.`,
    })
  }
  if (declared !== null && declared > upstream.maxBodyBytes) throw tooLarge(upstream)
  const need = needOf(upstream, headers)
  if (need === 'none') return streamed(body, declared, upstream, { kind: 'unread' })
  const digest = headers.get('content-digest')
  if (digest === null) return buffered(body, declared, permit, { buffers, need })
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

/** Goes by the type that is sent: one that `Connection` names, or that the operator sets another over, is not. */
function needOf({ scheme, headers: { set } }: Upstream, headers: Headers): BodyNeed {
  const need = scheme.bodyNeed(headers.get('content-type'))
  const plain = scheme.bodyNeed(null)
  if (need === plain) return need
  const sent =
    !set.some(([name]) => name === 'content-type') &&
    !connectionNamed(headers.get('connection')).includes('content-type')
  return sent ? need : plain
}

function tooLarge(upstream: Upstream): Refusal {
  return new Refusal('body_too_large', {
    detail: `${upstream.name} takes bodies of at most ${upstream.maxBodyBytes} bytes.`,
  })
}

function tooLargeToBuffer(upstream: Upstream, need: BodyNeed): Refusal {
  return new Refusal('body_too_large', {
    detail: `${upstream.name} signs the body, so it is read first, up to ${upstream.maxBufferedBytes} bytes. ${
      need === 'sha256'
        ? "For more, send Content-Digest: sha-256=:<base64 of the body's SHA-256>: and it streams through unread."
        : 'It signs more than a SHA-256 of the body, so that no Content-Digest can stand in; send less at once.'
    }`,
  })
}

function streamed(
  body: ReadableStream<Uint8Array>,
  declared: number | null,
  upstream: Upstream,
  signable: SignableBody,
): Reading {
  // A declared length was checked, and the runtime holds the sender to it; only a chunked body must be counted.
  const { payload, counted } =
    declared === null ? countedBody(body, upstream) : { payload: body, counted: null }
  return { body: { payload, signable, bytes: declared, streamed: true, counted }, end: nothing }
}

/**
 * Passes a chunked body on until it grows beyond `maxBodyBytes`, or breaks. The runtime ends a request whose stream
 * fails with a last chunk (measured), which makes half a body look whole; so the `fetch` is aborted instead, before
 * the stream says anything.
 */
function countedBody(
  body: ReadableStream<Uint8Array>,
  upstream: Upstream,
): { readonly payload: ReadableStream<Uint8Array>; readonly counted: CountedBody } {
  const reader = body.getReader()
  const controller = new AbortController()
  let seen = 0
  let refusal: Refusal | null = null
  const payload = new ReadableStream<Uint8Array>({
    async pull(sink) {
      try {
        const { value, done } = await reader.read()
        if (done) return sink.close()
        seen += value.byteLength
        if (seen > upstream.maxBodyBytes) throw tooLarge(upstream)
        sink.enqueue(value)
      } catch (error) {
        if (error instanceof Refusal) refusal = error
        controller.abort()
        sink.error(error)
      }
    },
    cancel: (reason) => reader.cancel(reason),
  })
  return { payload, counted: { broken: controller.signal, refusal: () => refusal } }
}

function buffered(
  body: ReadableStream<Uint8Array>,
  declared: number | null,
  { upstream, team }: Permit,
  { buffers, need }: { buffers: Buffers; need: BodyNeed },
): Reading {
  if (declared !== null && declared > upstream.maxBufferedBytes) throw tooLargeToBuffer(upstream, need)
  const share = new BufferShare(buffers, team.name)
  const reader = body.getReader({ mode: 'byob' })
  let ended = false
  const end = (): void => {
    share.release()
    if (ended) return
    ended = true
    reader.cancel().catch(nothing)
  }
  const whole = readWhole(reader, declared, { upstream, share, need })
    .then((bytes): OutboundBody => {
      ended = true
      if (bytes.byteLength === 0) return emptyBody
      const signable = { kind: 'bytes', bytes } as const
      return { payload: bytes, signable, bytes: bytes.byteLength, streamed: false, counted: null }
    })
    .catch((error: unknown) => {
      end()
      throw error
    })
  return { body: unasked(whole), end }
}

const firstBufferBytes = 65_536

/**
 * Reads a body straight into one buffer: of the declared length, or doubled as a chunked one grows, up to
 * `maxBufferedBytes`. (`arrayBuffer()` was measured to hold four times the body.)
 */
async function readWhole(
  reader: ReadableStreamBYOBReader,
  declared: number | null,
  { upstream, share, need }: { upstream: Upstream; share: BufferShare; need: BodyNeed },
): Promise<Uint8Array<ArrayBuffer>> {
  const most = upstream.maxBufferedBytes
  let isLate = false
  const cancelTimer = setTimer(() => {
    isLate = true
    reader.cancel().catch(nothing)
  }, bufferReadMillis)
  try {
    let size = declared ?? Math.min(firstBufferBytes, most + 1)
    share.growTo(size)
    let buffer = new Uint8Array(size)
    let filled = 0
    for (;;) {
      const { value, done } = await reader.read(buffer.subarray(filled))
      if (value !== undefined) {
        buffer = new Uint8Array(value.buffer)
        filled += value.byteLength
      }
      if (filled === declared) return buffer
      if (done || value === undefined) {
        if (declared !== null || isLate) throw brokenOff('body shorter than declared')
        return filled === size ? buffer : buffer.slice(0, filled)
      }
      if (filled > most) throw tooLargeToBuffer(upstream, need)
      if (filled < size) continue
      size = Math.min(size * 2, most + 1)
      share.growTo(size)
      const larger = new Uint8Array(size)
      larger.set(buffer)
      buffer = larger
    }
  } catch (error) {
    if (isLate) throw late()
    throw error instanceof Refusal ? error : brokenOff('body read failed')
  } finally {
    cancelTimer()
  }
}

function brokenOff(reason: string): Refusal {
  return new Refusal('request_invalid', { detail: 'The body broke off before its end.', reason })
}

function late(): Refusal {
  return new Refusal('request_invalid', {
    detail: `The body did not arrive within ${bufferReadMillis / 1_000} seconds.`,
    reason: 'body read timed out',
  })
}
