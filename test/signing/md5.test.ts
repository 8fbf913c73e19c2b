import { expect, it } from 'vitest'
import { hex, utf8 } from '../../src/core/bytes.ts'
import { hmacMd5, md5 } from '../../src/signing/md5.ts'

// RFC 1321 appendix A.5.
it.each([
  ['', 'd41d8cd98f00b204e9800998ecf8427e'],
  ['abc', '900150983cd24fb0d6963f7d28e17f72'],
  [
    '12345678901234567890123456789012345678901234567890123456789012345678901234567890',
    '57edf4a22be3c955ac49da2e2107b67a',
  ],
])('hashes %j as RFC 1321 does', async (text, digest) => {
  expect(hex(await md5(utf8(text)))).toBe(digest)
})

// RFC 2202 section 2.
it.each([
  [new Uint8Array(16).fill(0x0b), 'Hi There', '9294727a3638bb1c13f48ef8158bfc9d'],
  [utf8('Jefe'), 'what do ya want for nothing?', '750c783e6ab0b503eaa86e310a5db738'],
  [
    new Uint8Array(80).fill(0xaa),
    'Test Using Larger Than Block-Size Key - Hash Key First',
    '6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd',
  ],
])('signs with the key %j as RFC 2202 does', async (key, text, mac) => {
  expect(hex(new Uint8Array(await hmacMd5(key, utf8(text))))).toBe(mac)
})
