import { type ConfigFault, parseConfig } from '../../src/config/parse.ts'

/** The smallest upstream, with changes. */
export const upstream = (changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  url: 'https://orders.acme.example/v2',
  sign: { scheme: 'bearer' },
  keys: { main: ['ORDERS_KEY_2', 'ORDERS_KEY_1'], test: 'ORDERS_TEST' },
  routes: { 'GET /orders': 'order:read', 'POST /orders': 'order:write' },
  ...changes,
})

/** The smallest issuer, with changes. */
export const issuer = (changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  issuer: 'https://login.acme.example',
  jwks: 'https://login.acme.example/jwks',
  algorithms: ['ES256'],
  team: { claim: 'team' },
  ...changes,
})

/** A sound configuration with one issuer, one upstream and one team, with changes at the top. */
export const sound = (changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  url: 'https://edge.acme.example',
  issuers: { acme: issuer() },
  upstreams: { orders: upstream() },
  teams: { checkout: { grants: { orders: { keys: ['main', 'test'], scopes: ['order:*'] } } } },
  ...changes,
})

export const faultsOf = (input: unknown): readonly ConfigFault[] => {
  const result = parseConfig(input, { signingKeys: false })
  return 'faults' in result ? result.faults : []
}

/** Just `path: message` lines, for readable assertions. */
export const faultLines = (input: unknown): readonly string[] =>
  faultsOf(input).map(({ path, message }) => `${path}: ${message}`)

export const faultPaths = (input: unknown): readonly string[] => faultsOf(input).map(({ path }) => path)
