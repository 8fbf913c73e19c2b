import { expect, test } from 'vitest'
import { joseType } from '../../src/core/jose-type.ts'

test.each([
  ['at+jwt', 'at+jwt'],
  ['AT+JWT', 'at+jwt'],
  ['application/at+jwt', 'at+jwt'],
  ['Application/JWT', 'jwt'],
  // Only in front, and only once: these are other types.
  ['application/application/jwt', 'application/jwt'],
  ['x-application/jwt', 'x-application/jwt'],
  ['text/jwt', 'text/jwt'],
  ['', ''],
])('%j is compared as %j', (written, compared) => {
  expect(joseType(written)).toBe(compared)
})
