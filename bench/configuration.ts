/** Configurations of Countersign for the bench, in two sizes: what is looked up in Maps must not care. */

export const benchUrl = 'https://edge.bench.example'

/** Far above what one core can send: the limit is accounted for and never refuses. */
const limits = [{ name: 'all', requests: 1_000_000, per: '1s' }]

/**
 * Source of a `#config` module with so many teams, and so many routes of the upstream. What differs from run
 * to run (port, keys) comes from bindings, so that its bundle can be kept.
 */
export const configurationSource = (teams: number, routes: number): string => {
  const team = {
    grants: { plugipay: { keys: ['test'], scopes: ['customer:*'] } },
    limits,
  }
  const used = ['GET /api/v1/customers', 'GET /api/v1/customers/*', 'POST /api/v1/customers']
  const routePatterns = [
    ...used,
    ...Array.from({ length: routes - used.length }, (_unused, n) => `GET /api/v1/resource-${n}/*/items`),
  ]
  const plugipay = {
    sign: { scheme: 'plugipay' },
    keys: { test: 'BENCH_KEY' },
    routes: Object.fromEntries(
      routePatterns.map((pattern) => [
        pattern,
        pattern.startsWith('GET') ? 'customer:read' : 'customer:write',
      ]),
    ),
  }
  const teamNames = ['bench', ...Array.from({ length: teams - 1 }, (_unused, n) => `team-${n}`)]
  return moduleSource({ plugipay }, Object.fromEntries(teamNames.map((name) => [name, team])))
}

/** The same for upstreams of any kind, all of them at the bench's address, and one team that may use them all. */
export const upstreamsSource = (upstreams: Readonly<Record<string, object>>): string => {
  const grants = Object.fromEntries(
    Object.keys(upstreams).map((name) => [name, { keys: ['test'], scopes: ['customer:*'] }]),
  )
  return moduleSource(upstreams, { bench: { grants, limits } })
}

const moduleSource = (
  upstreams: Readonly<Record<string, object>>,
  teams: Readonly<Record<string, object>>,
): string => {
  const data = { url: benchUrl, upstreams, teams }
  return `import { env } from 'cloudflare:workers'
const data = ${JSON.stringify(data)}
for (const upstream of Object.values(data.upstreams)) upstream.url = env.UPSTREAM
data.issuers = { bench: {
  ...JSON.parse(env.BENCH_ISSUER),
  algorithms: ['ES256'], audience: data.url,
  team: { claim: 'team' }, scopes: { claim: 'scope' }, maxLifetimeSeconds: 3600,
} }
export default data
`
}
