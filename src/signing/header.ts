/**
 * `header`: the secret itself in a header of the API's choice (`X-Api-Key`), after a prefix where one is asked
 * for (`Token `). Covers nothing of the request.
 */
import { Secret } from '../core/redact.ts'
import { OptionReader } from './options.ts'
import type { SignScheme } from './scheme.ts'
import { parseVisible } from './secret.ts'

export interface HeaderDefinition {
  readonly scheme: 'header'
  readonly name: string
  /** Stands before the value, its space included: `'Token '`. */
  readonly prefix?: string
}

interface HeaderOptions {
  readonly name: string
  readonly prefix: string
}

export const header: SignScheme<HeaderOptions, Secret, Secret> = {
  kind: 'sign',
  parseOptions: (input, fault) => {
    const options = new OptionReader(input, fault)
    const name = options.headerName('name')
    const prefix = options.prefix('')
    options.done()
    return { name, prefix }
  },
  // RFC 9110 section 5.5, visible ASCII and inner spaces: what survives every hop unchanged.
  parseSecret: (text) => new Secret(parseVisible(text, 'the header value', { inner: 'spaces' })),
  owns: ({ name }) => [name],
  bodyNeed: () => 'none',
  prepare: (secret) => secret,
  stages: () => [],
  sign: (_request, { name, prefix }, secret) => ({ set: [[name, prefix + secret.reveal()]] }),
  sends: (secret) => [secret.reveal()],
}
