import { expect, it } from 'vitest'
import { networkFailure } from '../../src/cli/network.ts'

const origin = 'https://edge.acme.example'
const failureOf = (code: string) => networkFailure(origin, Object.assign(new Error('of Node'), { code }))

it.each(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])(
  'asks for the clock where a certificate is %s',
  (code) => {
    expect(failureOf(code)).toMatchObject({
      exit: 'failure',
      message: `${origin} cannot be reached: its certificate is not valid at this time.`,
      hint: expect.stringContaining('clock of this machine'),
    })
  },
)

it.each([
  ['SELF_SIGNED_CERT_IN_CHAIN', 'failure', 'its certificate is not trusted'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'failure', 'its certificate is not trusted'],
  ['ECONNREFUSED', 'tryAgain', 'nothing listens there'],
  ['EMSGSIZE', 'failure', 'its answer is too large'],
  ['HPE_INVALID_CONSTANT', 'tryAgain', 'the connection broke'],
  ['E_OF_TOMORROW', 'tryAgain', 'E_OF_TOMORROW'],
])('tells %s in words', (code, exit, said) => {
  expect(failureOf(code)).toMatchObject({ exit, message: `${origin} cannot be reached: ${said}.` })
})
