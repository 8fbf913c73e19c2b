import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Upstream } from '../../src/core/configuration.ts'
import { bufferReadMillis, isolateBufferBytesMax, teamBufferBytesMax } from '../../src/core/limits.ts'
import type { Permit } from '../../src/core/permit.ts'
import { type OutboundBody, readBody } from '../../src/http/body.ts'
import { Buffers } from '../../src/http/buffers.ts'
import type { BodyNeed } from '../../src/signing/scheme.ts'
import { refusalOf } from '../core/refused.ts'
import { pipelineConfig } from './pipeline.ts'

const bytes = (count: number): Uint8Array<ArrayBuffer> => new Uint8Array(count).fill(120)

/** A permit as far as bodies look at it: the upstream's bounds and what its scheme needs. */
const permitOf = (
  need: BodyNeed | ((contentType: string | null) => BodyNeed),
  { method = 'POST', team = 'checkout', set = [] as Upstream['headers']['set'] } = {},
): Permit => {
  const signed = pipelineConfig().upstreams.get('signed') as Upstream
  const upstream = { ...signed, headers: { ...signed.headers, set } }
  const bodyNeed = typeof need === 'function' ? need : () => need
  return {
    upstream: { ...upstream, scheme: { ...upstream.scheme, bodyNeed } },
    team: { name: team },
    target: { method, upstream: 'signed', path: '/x', query: '' },
  } as unknown as Permit
}

interface Upload {
  readonly request: Request
  readonly send: (chunk: Uint8Array<ArrayBuffer>) => void
  readonly finish: () => void
  readonly breakOff: () => void
  readonly cancelled: () => boolean
}

/** A body that arrives piece by piece, chunked unless a length is declared. */
const upload = (headers: Readonly<Record<string, string>> = {}): Upload => {
  let sink: ReadableByteStreamController | null = null
  let cancelled = false
  const body = new ReadableStream({
    type: 'bytes',
    start: (controller) => {
      sink = controller
    },
    cancel: () => {
      cancelled = true
    },
  })
  const controller = (): ReadableByteStreamController => {
    if (sink === null) throw new Error('the stream has not begun')
    return sink
  }
  return {
    request: new Request('https://edge.test/signed/x', {
      method: 'POST',
      headers,
      body,
      duplex: 'half',
    } as RequestInit),
    send: (chunk) => controller().enqueue(chunk.slice()),
    finish: () => {
      controller().close()
      const pending = controller().byobRequest as unknown as { respond(count: number): void } | null
      pending?.respond(0)
    },
    breakOff: () => controller().error(new Error('reset')),
    cancelled: () => cancelled,
  }
}

const whole = (body: Uint8Array<ArrayBuffer>, headers: Readonly<Record<string, string>> = {}): Request =>
  new Request('https://edge.test/signed/x', { method: 'POST', body, headers })

const declared = (count: number): Readonly<Record<string, string>> => ({ 'content-length': String(count) })

const read = (request: Request, permit: Permit, buffers = new Buffers()) => readBody(request, permit, buffers)

const readAll = async ({ payload }: OutboundBody): Promise<Uint8Array> =>
  new Uint8Array(await new Response(payload).arrayBuffer())

describe('a body that has to be signed', () => {
  // maxBufferedBytes is 1,000 here, maxBodyBytes 5,000.
  test.each([1, 2, 999, 1_000])('B01: of %i bytes is read, declared or chunked', async (count) => {
    for (const headers of [declared(count), {}]) {
      const buffers = new Buffers()
      const reading = read(whole(bytes(count), headers), permitOf('sha256'), buffers)
      const body = await reading.body
      expect(body.signable).toEqual({ kind: 'bytes', bytes: bytes(count) })
      expect(body.payload).toEqual(bytes(count))
      expect(body.bytes).toBe(count)
      expect(body.streamed).toBe(false)
      expect(buffers.taken).toBeGreaterThanOrEqual(count)
      reading.end()
      expect(buffers.taken).toBe(0)
    }
  })

  test.each([1_001, 4_999, 5_000])(
    'B01: of %i bytes is refused, declared or chunked, and the way out is named',
    async (count) => {
      for (const headers of [declared(count), {}]) {
        const buffers = new Buffers()
        const refusal = await refusalOf(
          () => read(whole(bytes(count), headers), permitOf('sha256'), buffers).body,
        )
        expect(refusal.code).toBe('body_too_large')
        expect(refusal.detail).toContain('Content-Digest: sha-256=:')
        expect(refusal.detail).toContain('1000 bytes')
        expect(buffers.taken).toBe(0)
      }
    },
  )

  test('that is too large for a scheme that no digest serves is not sent after one', async () => {
    for (const headers of [declared(1_001), {}]) {
      const reading = read(whole(bytes(1_001), headers), permitOf('bytes'), new Buffers())
      const refusal = await refusalOf(() => reading.body)
      expect(refusal.code).toBe('body_too_large')
      expect(refusal.detail).not.toContain('send Content-Digest')
      expect(refusal.detail).toContain('send less')
    }
  })

  test.each([
    ['random bytes', new Uint8Array(createHash('sha512').update('seed').digest())],
    ['invalid UTF-8', new Uint8Array([0xff, 0xfe, 0x80])],
    ['a byte order mark', new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x7d])],
    ['NULs', new Uint8Array(17)],
  ])('B02: of %s is what is signed and what is sent', async (_what, content) => {
    for (const headers of [declared(content.byteLength), {}]) {
      const body = await read(whole(content, headers), permitOf('bytes')).body
      expect(body.signable).toEqual({ kind: 'bytes', bytes: content })
      expect(await readAll(body)).toEqual(content)
    }
  })

  test('is put together from pieces, in order, whatever their sizes', async () => {
    const { request, send, finish } = upload()
    const reading = read(request, permitOf('sha256'))
    const content = new Uint8Array(937).map((_zero, index) => index % 251)
    for (let from = 0, size = 1; from < content.length; from += size, size = (size * 7) % 131 || 1) {
      send(content.slice(from, from + size))
    }
    finish()
    expect((await reading.body).payload).toEqual(content)
  })

  test('that turns out empty is empty', async () => {
    const { request, finish } = upload()
    const buffers = new Buffers()
    const reading = read(request, permitOf('sha256'), buffers)
    finish()
    expect((await reading.body).signable).toEqual({ kind: 'empty' })
    reading.end()
    expect(buffers.taken).toBe(0)
  })

  test('B04: that ends before its declared length is not taken for a whole one', async () => {
    const { request, send, finish } = upload(declared(10))
    const buffers = new Buffers()
    const reading = read(request, permitOf('sha256'), buffers)
    send(bytes(9))
    finish()
    const refusal = await refusalOf(() => reading.body)
    expect(refusal.code).toBe('request_invalid')
    expect(buffers.taken).toBe(0)
  })

  test.each([{}, declared(10)])(
    'B04: that breaks off is refused and gives its buffer back (%o)',
    async (headers) => {
      const { request, send, breakOff } = upload(headers)
      const buffers = new Buffers()
      const reading = read(request, permitOf('sha256'), buffers)
      send(bytes(3))
      breakOff()
      expect((await refusalOf(() => reading.body)).code).toBe('request_invalid')
      expect(buffers.taken).toBe(0)
    },
  )

  test('is read into memory that is counted before it is there', () => {
    const { request } = upload(declared(900))
    const buffers = new Buffers()
    const reading = read(request, permitOf('sha256'), buffers)
    expect(buffers.taken).toBe(900)
    reading.end()
    expect(buffers.taken).toBe(0)
  })
})

describe('reading that is given up', () => {
  test('stops at once, gives its buffer back once, and takes nothing again', async () => {
    for (const headers of [{}, declared(900)]) {
      const { request, send, cancelled } = upload(headers)
      const buffers = new Buffers()
      const reading = read(request, permitOf('sha256'), buffers)
      send(bytes(100))
      await Promise.resolve()
      reading.end()
      expect(buffers.taken).toBe(0)
      reading.end()
      await new Promise((resolve) => setImmediate(resolve))
      expect(buffers.taken).toBe(0)
      expect(cancelled()).toBe(true)
      await refusalOf(() => reading.body).catch(() => {})
      expect(buffers.taken).toBe(0)
    }
  })
})

describe('a body that takes its time', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test.each([{}, declared(10)])('is read for 30 seconds, and no longer (%o)', async (headers) => {
    const late = upload(headers)
    const buffers = new Buffers()
    const reading = read(late.request, permitOf('sha256'), buffers)
    const refused = refusalOf(() => reading.body)
    late.send(bytes(9))
    await vi.advanceTimersByTimeAsync(bufferReadMillis - 1)
    expect(buffers.taken).toBeGreaterThan(0)
    await vi.advanceTimersByTimeAsync(1)
    const { code, reason } = await refused
    expect([code, reason]).toEqual(['request_invalid', 'body read timed out'])
    expect(buffers.taken).toBe(0)
    expect(late.cancelled()).toBe(true)
  })

  test('and is here just in time, is whole, and leaves no timer behind', async () => {
    const slow = upload(declared(10))
    const reading = read(slow.request, permitOf('sha256'))
    slow.send(bytes(9))
    await vi.advanceTimersByTimeAsync(bufferReadMillis - 1)
    slow.send(bytes(1))
    slow.finish()
    expect((await reading.body).payload).toEqual(bytes(10))
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a body that a scheme does not cover', () => {
  test.each([1, 5_000])('B01: of %i declared bytes goes through as the same stream', async (count) => {
    const request = whole(bytes(count), declared(count))
    const body = await read(request, permitOf('none')).body
    expect(body.payload).toBe(request.body)
    expect(body).toMatchObject({ signable: { kind: 'unread' }, bytes: count, streamed: true, counted: null })
  })

  test('B01: of 5,001 declared bytes is refused before anything is read', async () => {
    const request = whole(bytes(5_001), declared(5_001))
    expect((await refusalOf(() => read(request, permitOf('none')).body)).code).toBe('body_too_large')
    expect(request.bodyUsed).toBe(false)
  })

  test.each([1, 4_999, 5_000])('B01: of %i chunked bytes goes through', async (count) => {
    const body = await read(whole(bytes(count)), permitOf('none')).body
    expect(await readAll(body)).toEqual(bytes(count))
    expect(body.counted?.broken.aborted).toBe(false)
    expect(body.counted?.refusal()).toBe(null)
    expect(body.bytes).toBe(null)
  })

  test('B01: of 5,001 chunked bytes is broken off before the last of them, by aborting and not by ending', async () => {
    const { request, send, finish } = upload()
    const body = await read(request, permitOf('none')).body
    const reader = (body.payload as ReadableStream<Uint8Array>).getReader()
    send(bytes(5_000))
    expect((await reader.read()).value?.byteLength).toBe(5_000)
    expect(body.counted?.broken.aborted).toBe(false)
    let abortedFirst: boolean | null = null
    send(bytes(1))
    finish()
    await reader.read().catch(() => {
      abortedFirst = body.counted?.broken.aborted ?? false
    })
    expect(abortedFirst).toBe(true)
    expect(body.counted?.refusal()?.code).toBe('body_too_large')
  })

  test("B04: that breaks off is aborted, and is not the caller's refusal", async () => {
    const { request, send, breakOff } = upload()
    const body = await read(request, permitOf('none')).body
    const reader = (body.payload as ReadableStream<Uint8Array>).getReader()
    send(bytes(5))
    await reader.read()
    breakOff()
    await expect(reader.read()).rejects.toThrow()
    expect(body.counted?.broken.aborted).toBe(true)
    expect(body.counted?.refusal()).toBe(null)
  })

  test('is pulled as the upstream takes it, and let go of when the upstream does', async () => {
    const { request, cancelled } = upload()
    const body = await read(request, permitOf('none')).body
    await (body.payload as ReadableStream<Uint8Array>).cancel()
    expect(cancelled()).toBe(true)
  })
})

describe('a Content-Digest', () => {
  const sha256 = createHash('sha256').update(bytes(4_000)).digest()
  const digest = { 'content-digest': `sha-256=:${sha256.toString('base64')}:` }

  test('lets a body of any size up to maxBodyBytes stream, and is what is signed', async () => {
    const request = whole(bytes(4_000), { ...digest, ...declared(4_000) })
    const body = await read(request, permitOf('sha256')).body
    expect(body.signable).toEqual({ kind: 'sha256', sha256: new Uint8Array(sha256) })
    expect(body.payload).toBe(request.body)
    expect(body.streamed).toBe(true)
  })

  test.each([
    ['that has no sha-256 member', 'sha256', 'sha-512=:AAAA:', 'digest_unsupported'],
    ['where the scheme signs more than a digest', 'bytes', digest['content-digest'], 'digest_unsupported'],
    ['that is malformed', 'sha256', 'sha-256=abc', 'header_invalid'],
  ] as const)('%s is refused', async (_what, need, value, code) => {
    const request = whole(bytes(4), { 'content-digest': value, ...declared(4) })
    expect((await refusalOf(() => read(request, permitOf(need)).body)).code).toBe(code)
  })

  test('goes by where the scheme does not cover the body', async () => {
    const request = whole(bytes(4), { 'content-digest': 'whatever', ...declared(4) })
    expect((await read(request, permitOf('none')).body).signable).toEqual({ kind: 'unread' })
  })

  test('does not raise maxBodyBytes', async () => {
    const request = whole(bytes(5_001), { ...digest, ...declared(5_001) })
    expect((await refusalOf(() => read(request, permitOf('sha256')).body)).code).toBe('body_too_large')
  })
})

describe('a method without a body', () => {
  test.each(['GET', 'HEAD'])(
    'B01: %s with one is refused, with Content-Length 0 or none it is empty',
    async (method) => {
      const permit = permitOf('sha256', { method })
      expect((await refusalOf(() => read(whole(bytes(1), declared(1)), permit).body)).code).toBe(
        'request_invalid',
      )
      expect((await refusalOf(() => read(upload().request, permit).body)).code).toBe('request_invalid')
      expect((await read(whole(bytes(0), declared(0)), permit).body).signable).toEqual({ kind: 'empty' })
      const none = new Request('https://edge.test/signed/x', { method })
      expect((await read(none, permit).body).payload).toBe(null)
    },
  )
})

describe('what a scheme needs may depend on the content type, as Plugipay and multipart do', () => {
  const need = (contentType: string | null): BodyNeed =>
    contentType?.startsWith('multipart/form-data') === true ? 'none' : 'sha256'
  const multipart = (headers: Readonly<Record<string, string>> = {}): Request =>
    whole(bytes(4_000), {
      'content-type': 'multipart/form-data; boundary=x',
      ...declared(4_000),
      ...headers,
    })

  test('and is by the type that is sent', async () => {
    expect((await read(multipart(), permitOf(need)).body).streamed).toBe(true)
    const json = whole(bytes(4_000), { 'content-type': 'application/json', ...declared(4_000) })
    expect((await refusalOf(() => read(json, permitOf(need)).body)).code).toBe('body_too_large')
  })

  test('and not by one that does not reach the upstream', async () => {
    const hopByHop = multipart({ connection: 'close, Content-Type' })
    expect((await refusalOf(() => read(hopByHop, permitOf(need)).body)).code).toBe('body_too_large')
    const replaced = permitOf(need, { set: [['content-type', 'application/json']] })
    expect((await refusalOf(() => read(multipart(), replaced).body)).code).toBe('body_too_large')
  })
})

describe('when the buffers are full', () => {
  test('a body is refused with overloaded, and the bodies of another team are not', async () => {
    const buffers = new Buffers()
    buffers.take('checkout', teamBufferBytesMax - 999)
    const refusal = await refusalOf(
      () => read(whole(bytes(1_000), declared(1_000)), permitOf('sha256'), buffers).body,
    )
    expect(refusal.code).toBe('overloaded')
    expect(refusal.headers).toEqual({ 'retry-after': '1' })
    const other = read(whole(bytes(1_000), declared(1_000)), permitOf('sha256', { team: 'other' }), buffers)
    expect((await other.body).bytes).toBe(1_000)
    other.end()
    expect(buffers.taken).toBe(teamBufferBytesMax - 999)
  })

  test('a body that grows into the bound gives back what it had', async () => {
    const buffers = new Buffers()
    buffers.take('one', teamBufferBytesMax)
    buffers.take('two', isolateBufferBytesMax - teamBufferBytesMax - 1_000)
    const permit = permitOf('sha256')
    const chunked = read(whole(bytes(990)), permit, buffers)
    // A chunked body begins with room for one byte more than it may have, to see whether there is one.
    expect((await refusalOf(() => chunked.body)).code).toBe('overloaded')
    expect(buffers.taken).toBe(isolateBufferBytesMax - 1_000)
    const exact = read(whole(bytes(1_000), declared(1_000)), permit, buffers)
    expect((await exact.body).bytes).toBe(1_000)
  })
})
