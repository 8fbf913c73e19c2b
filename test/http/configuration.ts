import { parseConfig } from '../../src/config/parse.ts'
import type { Configuration, Issuer } from '../../src/core/configuration.ts'

/** A configuration as it would be parsed from `countersign.config.ts`; throws with every fault when it is not sound. */
export const configuration = (input: Readonly<Record<string, unknown>>): Configuration => {
  const parsed = parseConfig(
    {
      url: 'https://edge.test',
      issuers: {
        acme: {
          issuer: 'https://login.test',
          jwks: 'https://login.test/jwks',
          algorithms: ['ES256'],
          team: { claim: 'team' },
        },
      },
      ...input,
    },
    { signingKeys: false },
  )
  if ('config' in parsed) return parsed.config
  throw new Error(parsed.faults.map(({ path, message }) => `${path}: ${message}`).join('\n'))
}

/** The issuer of `configuration`. */
export const issuerOf = (config: Configuration): Issuer => {
  const issuer = config.issuers.get('https://login.test')
  if (issuer === undefined) throw new Error('the issuer is not configured')
  return issuer
}
