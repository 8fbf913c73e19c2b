import { describe, expect, it } from 'vitest'
import { fromHex, hex } from '../../src/core/bytes.ts'
import { hmac, importHmacKey } from '../../src/signing/digest.ts'
import { readVectors, vectorsAreThere, withoutVectors } from './vectors.ts'

interface Group {
  readonly tagSize: number
  readonly tests: readonly {
    readonly tcId: number
    readonly key: string
    readonly msg: string
    readonly tag: string
    readonly result: 'valid' | 'invalid'
  }[]
}

const bytes = (text: string) => {
  const read = fromHex(text)
  if (read === null) throw new Error(`${text} is not hex`)
  return read
}

const folder = 'wycheproof'
describe.skipIf(!vectorsAreThere(folder))(`HMAC of wycheproof${withoutVectors(folder)}`, () => {
  it.each([
    ['hmac_sha256_test.json', 'SHA-256'],
    ['hmac_sha512_test.json', 'SHA-512'],
  ] as const)('%s: every tag is ours when it is valid, and is not when it is not', async (file, hash) => {
    const { testGroups } = readVectors(`${folder}/${file}`) as { readonly testGroups: readonly Group[] }
    const cases = testGroups.flatMap(({ tagSize, tests }) => tests.map((test) => ({ ...test, tagSize })))
    expect(cases).toHaveLength(174)
    const wrong: number[] = []
    for (const { tcId, key, msg, tag, tagSize, result } of cases) {
      const ours = hex(new Uint8Array(await hmac(await importHmacKey(bytes(key), hash), bytes(msg)))).slice(
        0,
        tagSize / 4,
      )
      if ((ours === tag) !== (result === 'valid')) wrong.push(tcId)
    }
    expect(wrong).toEqual([])
  })
})
