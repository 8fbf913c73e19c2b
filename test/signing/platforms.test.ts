import { expect, it } from 'vitest'
import { createNonce } from '../../src/http/nonce.ts'
import { editsOf, pinned, platformCases, sha256Of } from './platforms.ts'

it('G09: signs to the same bytes on Node as everywhere', async () => {
  const digests: string[] = []
  for (const one of platformCases) digests.push(await sha256Of(await editsOf(one)))
  expect(digests).toEqual(pinned)
})

it('G09: draws 1,000,000 nonces on Node without a repeat', () => {
  const nonce = createNonce((bytes) => crypto.getRandomValues(bytes))
  const seen = new Set<string>()
  for (let count = 0; count < 1_000_000; count += 1) seen.add(nonce())
  expect(seen.size).toBe(1_000_000)
  expect([...seen].every((text) => text.length === 32)).toBe(true)
}, 30_000)
