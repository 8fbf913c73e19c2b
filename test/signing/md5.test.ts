import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { hex, utf8 } from '../../src/signing/bytes.ts'
import { hmacMd5, md5 } from '../../src/signing/md5.ts'

// RFC 1321 appendix A.5.
it.each([
  ['', 'd41d8cd98f00b204e9800998ecf8427e'],
  ['abc', '900150983cd24fb0d6963f7d28e17f72'],
  [
    '12345678901234567890123456789012345678901234567890123456789012345678901234567890',
    '57edf4a22be3c955ac49da2e2107b67a',
  ],
])('hashes %j as RFC 1321 does', (text, digest) => {
  expect(hex(md5(utf8(text)))).toBe(digest)
})

it('agrees with node:crypto on any bytes and any key', () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => new Uint8Array(array))
  fc.assert(
    fc.property(bytes, bytes, (data, key) => {
      expect(hex(md5(data))).toBe(createHash('md5').update(data).digest('hex'))
      expect(hex(hmacMd5(key, data))).toBe(createHmac('md5', key).update(data).digest('hex'))
    }),
  )
})
