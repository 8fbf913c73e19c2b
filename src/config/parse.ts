/**
 * The strict reading of `countersign.config.ts`: unknown fields are refused, every fault is
 * reported at once with its path, and nothing is half accepted. Plain checks by hand rather than a schema
 * library: with 10,000 routes or teams they run while the Worker starts.
 */
import type { Configuration } from '../core/configuration.ts'
import { asItStands, type ConfigFault, fields, Input } from './input.ts'
import { ownIssuer, readIssuers } from './issuers.ts'
import { readClients, readSignIn, readUsage } from './people.ts'
import { readTeams } from './teams.ts'
import { readUpstreams } from './upstreams.ts'
import { readOrigin } from './urls.ts'

export type { ConfigFault } from './input.ts'

export type ParsedConfig =
  | { readonly config: Configuration }
  /** At least one, each with its path; what depends on another section comes after it. */
  | { readonly faults: readonly ConfigFault[] }

export interface OwnService {
  /** Whether COUNTERSIGN_SIGNING_KEY holds keys: only then is our token service one of the issuers. */
  readonly signingKeys: boolean
}

const readSections = fields({
  url: (at) => readOrigin(at, 'our own origin, such as https://edge.acme.example') ?? '',
  issuers: asItStands,
  upstreams: readUpstreams,
  teams: asItStands,
  clients: readClients,
  signIn: asItStands,
  usage: readUsage,
})

/** `input`: the default export of the configuration, with or without `defineConfig`. Never throws on plain data. */
export function parseConfig(input: unknown, own: OwnService): ParsedConfig {
  const root = Input.root(input)
  const { faults } = root
  const sections = readSections(root)
  if (sections === null) return { faults }
  const { url, upstreams, clients, usage } = sections
  const { teams, origins } = readTeams(sections.teams, upstreams)
  const external = readIssuers(sections.issuers, url, teams)
  const issuers = own.signingKeys ? new Map([...external, [url, ownIssuer(url)]]) : external
  const signIn = readSignIn(sections.signIn, teams)
  if (faults.length > 0 || usage === null) return { faults }
  const host = url.replace(/^https?:\/\//, '')
  return { config: { url, host, issuers, upstreams, teams, origins, clients, signIn, usage } }
}
