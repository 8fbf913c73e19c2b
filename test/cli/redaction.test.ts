import { describe, expect, it } from 'vitest'
import { printable, printableJson, withoutTokens } from '../../src/cli/redaction.ts'

describe('what is printed on stderr', () => {
  it('holds no token of ours, of whichever kind', () => {
    const random = 'a'.repeat(43)
    for (const token of [
      'cst_madeup_secret_crc',
      `csp_${random}`,
      `csp_${random}_${random}`,
      `csa_${random}_${random}`,
      'eyJhbGciOiJub25lIn0.e30.c2ln',
    ])
      expect(withoutTokens(`--tokne=${token}, which`)).toBe('--tokne=[token], which')
  })
})

describe('text from outside', () => {
  it('moves no cursor and turns no letters around', () => {
    expect(printable('a\x1b[2Jb\x9b2Jc\u202ed')).toBe('a\ufffd[2Jb\ufffd2Jc\ufffdd')
  })

  it('is the same value as JSON, of characters that do neither', () => {
    const value = { name: 'a\x1b[2Jb\x9b2Jc\u202ed\x7f', plain: 'Grüße, 😀' }
    const text = printableJson(JSON.stringify(value))
    expect(text).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/)
    expect(JSON.parse(text)).toEqual(value)
    expect(text).toContain('Grüße, 😀')
  })
})
