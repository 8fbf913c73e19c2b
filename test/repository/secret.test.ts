import { format, inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { Secret } from '../../src/core/redact.ts'

describe('Secret', () => {
  const text = 'sk_test_made_up_for_this_test'
  const secret = new Secret(text)

  it('gives its text to reveal() and to nothing else', () => {
    expect(secret.reveal()).toBe(text)
    const printed = [
      String(secret),
      `${secret}`,
      `a ${secret}`,
      secret.toString(),
      JSON.stringify(secret),
      JSON.stringify({ deep: [secret] }),
      inspect(secret),
      inspect({ deep: { secret } }, { showHidden: true, depth: 9 }),
      format('%s %j %o %O', secret, secret, secret, secret),
      new Error(`failed with ${secret}`).stack ?? '',
      Object.entries(secret).join(),
      JSON.stringify(Object.getOwnPropertyDescriptors(secret)),
      JSON.stringify({ ...secret }),
    ]
    for (const output of printed) expect(output).not.toContain(text)
    expect(`${secret}`).toBe('[redacted]')
  })

  it('loses its text in a structured clone rather than showing it', () => {
    expect(JSON.stringify(structuredClone(secret))).toBe('{}')
  })
})
