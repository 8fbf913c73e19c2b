/**
 * `basic` (RFC 7617): user and password in Authorization, as UTF-8 (section 2.1). Covers nothing of the request.
 * A user cannot have a colon: the secret is split at the first one, as the server will split it.
 */
import { base64, utf8 } from '../core/bytes.ts'
import { Secret } from '../core/redact.ts'
import { noOptions } from './options.ts'
import type { SignScheme } from './scheme.ts'
import { parsePair } from './secret.ts'

export interface BasicDefinition {
  readonly scheme: 'basic'
}

interface BasicSecret {
  readonly password: Secret
  /** The base64 of `<user>:<password>`. */
  readonly credentials: Secret
}

export const basic: SignScheme<null, BasicSecret, BasicSecret> = {
  kind: 'sign',
  parseOptions: noOptions,
  parseSecret: (text) => {
    const [user, password] = parsePair(text, ['user', 'password'], { inner: 'spaces' })
    return { password: new Secret(password), credentials: new Secret(base64(utf8(`${user}:${password}`))) }
  },
  owns: () => ['authorization'],
  bodyNeed: () => 'none',
  prepare: (secret) => secret,
  stages: () => [],
  sign: (_request, _options, { credentials }) => ({
    set: [['authorization', `Basic ${credentials.reveal()}`]],
  }),
  sends: ({ password, credentials }) => [credentials.reveal(), password.reveal()],
}
