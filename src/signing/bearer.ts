/**
 * `bearer` (RFC 6750 section 2.1): the secret itself, in Authorization. Covers nothing of the request.
 */
import { Secret } from '../core/redact.ts'
import { OptionReader } from './options.ts'
import { SecretFault, type SignScheme } from './scheme.ts'
import { parseWhole } from './secret.ts'

export interface BearerDefinition {
  readonly scheme: 'bearer'
}

/** RFC 6750 b68token, as far as it keeps a value on one line and in one piece. */
const tokenForm = /^[\x21-\x7e]+$/

export const bearer: SignScheme<null, Secret, Secret> = {
  kind: 'sign',
  parseOptions: (input, fault) => {
    new OptionReader(input, fault).done()
    return null
  },
  parseSecret: (text) => {
    if (!tokenForm.test(parseWhole(text, 'the bearer token')))
      throw new SecretFault('a bearer token has only visible ASCII')
    return new Secret(text)
  },
  owns: () => ['authorization'],
  bodyNeed: () => 'none',
  prepare: (secret) => secret,
  stages: () => [],
  sign: (_request, _options, secret) => ({ set: [['authorization', `Bearer ${secret.reveal()}`]] }),
  sends: (secret) => [secret.reveal()],
}
