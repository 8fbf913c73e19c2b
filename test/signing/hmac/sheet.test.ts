import { describe, expect, it } from 'vitest'
import { utf8 } from '../../../src/core/bytes.ts'
import { algorithmNames, algorithms } from '../../../src/signing/hmac/algorithms.ts'
import { bodyDigest, combined } from '../../../src/signing/hmac/sheet.ts'

describe('digests of nothing', () => {
  it.each(algorithmNames)('are what %s computes, and makes no second call wait', async (name) => {
    const digest = await algorithms[name].digest(utf8(''))
    expect(await bodyDigest({ kind: 'empty' }, name)).toEqual(digest)
    expect(bodyDigest({ kind: 'empty' }, name)).toEqual(digest)
  })
})

it('waits only where there is something to wait for', async () => {
  const joined = (values: readonly string[]) => values.join('')
  expect(combined(['a', 'b'], joined)).toBe('ab')
  const waited = combined(['a', Promise.resolve('b')], joined)
  expect(waited).toBeInstanceOf(Promise)
  expect(await waited).toBe('ab')
})
