/**
 * `query`: the secret itself as a query parameter (`?api_key=...`). Covers nothing of the request. URLs are
 * logged by many hops, so an API that also takes a header is better served with `header`.
 */
import { Secret } from '../core/redact.ts'
import { OptionReader } from './options.ts'
import { bothForms, type OwnedNames, ownedNames, percentEncode, refuseQueryNames } from './query-string.ts'
import type { SignScheme } from './scheme.ts'
import { parseWhole } from './secret.ts'

export interface QueryDefinition {
  readonly scheme: 'query'
  readonly name: string
}

interface QueryOptions {
  readonly owned: OwnedNames
  readonly encodedName: string
}

export const query: SignScheme<QueryOptions, Secret, Secret> = {
  kind: 'sign',
  parseOptions: (input, fault) => {
    const options = new OptionReader(input, fault)
    const name = options.text('name')
    if (!/^[\x20-\x7e]*$/.test(name)) fault('name', 'must be ASCII')
    options.done()
    return { owned: ownedNames([name]), encodedName: percentEncode(name) }
  },
  parseSecret: (text) => new Secret(parseWhole(text, 'the query value', { inner: 'spaces' })),
  owns: () => [],
  bodyNeed: () => 'none',
  prepare: (secret) => secret,
  stages: () => [],
  sign: (request, { owned, encodedName }, secret) => {
    refuseQueryNames(request.query, owned)
    return { set: [], query: [[encodedName, percentEncode(secret.reveal())]] }
  },
  sends: (secret) => bothForms(secret.reveal()),
}
