/**
 * `bearer` (RFC 6750 section 2.1): the secret itself, in Authorization. Covers nothing of the request.
 */
import { Secret } from '../core/redact.ts'
import { noOptions } from './options.ts'
import type { SignScheme } from './scheme.ts'
import { parseVisible } from './secret.ts'

export interface BearerDefinition {
  readonly scheme: 'bearer'
}

export const bearer: SignScheme<null, Secret, Secret> = {
  kind: 'sign',
  parseOptions: noOptions,
  parseSecret: (text) => new Secret(parseVisible(text, 'the bearer token')),
  owns: () => ['authorization'],
  bodyNeed: () => 'none',
  prepare: (secret) => secret,
  stages: () => [],
  sign: (_request, _options, secret) => ({ set: [['authorization', `Bearer ${secret.reveal()}`]] }),
  sends: (secret) => [secret.reveal()],
}
