import { describe, expect, it } from 'vitest'
import { utf8 } from '../../../src/core/bytes.ts'
import { algorithmNames, algorithms } from '../../../src/signing/hmac/algorithms.ts'

describe('digests of nothing', () => {
  it.each(algorithmNames)('is known beforehand as what %s computes', async (name) => {
    const { digest, emptyDigest } = algorithms[name]
    expect(emptyDigest).toEqual(await digest(utf8('')))
  })
})
