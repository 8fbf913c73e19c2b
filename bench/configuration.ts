/** Configurations of Countersign for the bench, in two sizes: what is looked up in Maps must not care. */

export const benchUrl = 'https://edge.bench.example'

/**
 * Source of a `#config` module with so many teams, and so many routes of the upstream. What differs from run
 * to run (port, keys) comes from bindings, so that its bundle can be kept.
 */
export const configurationSource = (teams: number, routes: number): string => {
  const team = {
    grants: { plugipay: { keys: ['test'], scopes: ['customer:*'] } },
    // Far above what one core can send: the limit is accounted for and never refuses.
    limits: [{ name: 'all', requests: 1_000_000, per: '1s' }],
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
  const data = {
    url: benchUrl,
    upstreams: { plugipay },
    teams: Object.fromEntries(teamNames.map((name) => [name, team])),
  }
  return `import { env } from 'cloudflare:workers'
const data = ${JSON.stringify(data)}
data.upstreams.plugipay.url = env.UPSTREAM
data.issuers = { bench: {
  ...JSON.parse(env.BENCH_ISSUER),
  algorithms: ['ES256'], audience: data.url,
  team: { claim: 'team' }, scopes: { claim: 'scope' }, maxLifetimeSeconds: 3600,
} }
export default data
`
}
