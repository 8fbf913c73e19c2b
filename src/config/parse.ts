/**
 * The strict reading of `countersign.config.ts` (design section 4): unknown fields are refused, every fault is
 * reported at once with its path, and nothing is half accepted. Plain checks by hand rather than a schema
 * library: with 10,000 routes or teams they run while the Worker starts.
 */
import type { Configuration, Issuer } from '../core/configuration.ts'
import { type ConfigFault, Input, readFields } from './input.ts'
import { ownIssuer, readIssuers } from './issuers.ts'
import { readClients, readSignIn, readUsage } from './people.ts'
import { readTeams } from './teams.ts'
import { readUpstreams } from './upstreams.ts'
import { readOrigin } from './urls.ts'

export type { ConfigFault } from './input.ts'

export type ParsedConfig =
  | { readonly config: Configuration }
  /** At least one, in the order of the sections below. */
  | { readonly faults: readonly ConfigFault[] }

export interface OwnService {
  /** Whether COUNTERSIGN_SIGNING_KEY holds keys: only then is our token service one of the issuers. */
  readonly signingKeys: boolean
}

const sections = ['url', 'issuers', 'upstreams', 'teams', 'clients', 'signIn', 'usage'] as const

/** `input`: the default export of the configuration, with or without `defineConfig`. Never throws on plain data. */
export function parseConfig(input: unknown, own: OwnService): ParsedConfig {
  const root = Input.root(input)
  const fields = readFields(root, sections)
  if (fields === null) return { faults: root.faults }
  const url = readOrigin(fields.get('url'), 'our own origin, such as https://edge.acme.example') ?? ''
  const upstreams = readUpstreams(fields.get('upstreams'))
  const { teams, origins } = readTeams(fields.get('teams'), upstreams)
  const external = readIssuers(fields.get('issuers'), { url, teams })
  const config: Configuration = {
    url,
    host: url.replace(/^https?:\/\//, ''),
    issuers: own.signingKeys ? withOwnIssuer(external, url) : external,
    upstreams,
    teams,
    origins,
    clients: readClients(fields.get('clients')),
    signIn: readSignIn(fields.get('signIn'), teams),
    usage: readUsage(fields.get('usage')),
  }
  return root.faults.length === 0 ? { config } : { faults: root.faults }
}

function withOwnIssuer(external: ReadonlyMap<string, Issuer>, url: string): ReadonlyMap<string, Issuer> {
  return new Map([...external, [url, ownIssuer(url)]])
}
