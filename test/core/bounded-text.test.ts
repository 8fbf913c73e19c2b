import { describe, expect, test } from 'vitest'
import { readTextAtMost } from '../../src/core/bounded-text.ts'

/** A body of these chunks, that says whether it was cancelled. */
const chunks = (...parts: readonly (string | Uint8Array<ArrayBuffer>)[]) => {
  const left = parts.map((part) => (typeof part === 'string' ? new TextEncoder().encode(part) : part))
  const made = { cancelled: false, pulled: 0, body: new ReadableStream<Uint8Array>() }
  made.body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const part = left.shift()
        made.pulled += 1
        if (part === undefined) controller.close()
        else controller.enqueue(part)
      },
      cancel() {
        made.cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return made
}

describe('the text of a body', () => {
  test('is put together from its pieces, characters cut in two among them', async () => {
    const euro = new TextEncoder().encode('€')
    expect(await readTextAtMost(chunks('a', euro.slice(0, 1), euro.slice(1), 'b').body, 9)).toBe('a€b')
    expect(await readTextAtMost(chunks().body, 0)).toBe('')
    expect(await readTextAtMost(null, 0)).toBe('')
  })

  test('is bounded in bytes, just under and just over', async () => {
    expect(await readTextAtMost(chunks('€', 'ab').body, 5)).toBe('€ab')
    const over = chunks('€', 'ab', 'never read')
    expect(await readTextAtMost(over.body, 4)).toBe(null)
    expect([over.cancelled, over.pulled]).toEqual([true, 2])
  })

  test.each([
    ['a byte that is none of UTF-8', [new Uint8Array([0x61, 0xff])]],
    ['half a character at the end', [new Uint8Array([0xe2, 0x82])]],
    ['overlong UTF-8', [new Uint8Array([0xc0, 0xae])]],
  ])('is null for %s', async (_what, parts) => {
    expect(await readTextAtMost(chunks(...parts).body, 9)).toBe(null)
  })
})
