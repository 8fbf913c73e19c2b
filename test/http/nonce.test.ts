import { describe, expect, test } from 'vitest'
import { createNonce, createRequestIds } from '../../src/http/nonce.ts'

const random = (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes)

describe('G09: nonces', () => {
  test('are 32 hexadecimal digits, and none repeats in 1,000,000', () => {
    const nonce = createNonce(random)
    const seen = new Set<string>()
    for (let count = 0; count < 1_000_000; count += 1) {
      const text = nonce()
      if (!/^[0-9a-f]{32}$/.test(text)) throw new Error(`not a nonce: ${text}`)
      seen.add(text)
    }
    expect(seen.size).toBe(1_000_000)
  })

  test('use every byte of randomness once, and none before the first is asked for', () => {
    let fills = 0
    const nonce = createNonce((bytes) => {
      bytes.fill(fills % 256)
      fills += 1
    })
    expect(fills).toBe(0)
    const seen = Array.from({ length: 512 }, nonce)
    expect(fills).toBe(2)
    expect(new Set(seen)).toEqual(new Set(['00'.repeat(16), '01'.repeat(16)]))
    expect(seen.filter((text) => text === '00'.repeat(16))).toHaveLength(256)
  })
})

describe('request ids', () => {
  test('name the isolate and count', () => {
    const next = createRequestIds(() => '0123456789abcdef0123456789abcdef')
    expect([next(), next()]).toEqual(['0123456789abcdef-00001', '0123456789abcdef-00002'])
    for (let count = 2; count < 36 ** 2; count += 1) next()
    expect(next()).toBe('0123456789abcdef-00101')
  })

  test('of two isolates differ', () => {
    const nonce = createNonce(random)
    expect(createRequestIds(nonce)()).not.toBe(createRequestIds(nonce)())
  })
})
