import { expect, test } from 'vitest'
import { Refusal } from '../../src/core/problems.ts'
import { mediaTypeOf, readBodyText } from '../../src/http/bounded-body.ts'

const post = (
  body: string | Uint8Array | ReadableStream | null,
  headers: Record<string, string> = {},
): Request =>
  new Request('https://edge.test/', { method: 'POST', body, headers, duplex: 'half' } as RequestInit)

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'not refused',
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  )

/** A body without a declared length, that counts what was taken from it. */
const stream = (chunks: number, size: number) => {
  let taken = 0
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (taken === chunks) controller.close()
      else {
        taken += 1
        controller.enqueue(new Uint8Array(size).fill(97))
      }
    },
  })
  return { body, taken: () => taken }
}

test('reads up to the bound, and not a byte more', async () => {
  expect(await readBodyText(post('a'.repeat(10)), 10)).toBe('a'.repeat(10))
  expect(await codeOf(readBodyText(post('a'.repeat(11)), 10))).toBe('body_too_large')
  expect(await readBodyText(post(null), 10)).toBe('')
  expect(await readBodyText(post('ä'), 2)).toBe('ä')
})

test('stops reading a body that does not say how long it is', async () => {
  const endless = stream(1_000_000, 10)
  expect(await codeOf(readBodyText(post(endless.body), 100))).toBe('body_too_large')
  expect(endless.taken()).toBeLessThan(20)
  expect(await readBodyText(post(stream(10, 10).body), 100)).toHaveLength(100)
})

test('refuses what is not UTF-8 instead of mending it', async () => {
  expect(await codeOf(readBodyText(post(Uint8Array.of(0x61, 0xff)), 10))).toBe('request_invalid')
})

test('reads the media type without parameters and case', () => {
  const of = (type: string) => mediaTypeOf(new Headers({ 'content-type': type }))
  expect(of('Application/JSON; charset=utf-8')).toBe('application/json')
  expect(of('application/json')).toBe('application/json')
  expect(mediaTypeOf(new Headers())).toBe('')
})
