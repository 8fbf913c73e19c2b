/**
 * The configuration that `npm start` runs: the catalogue and one in-house API, each pointed at its sandbox, and
 * the teams of an imaginary company. Read it as an example; yours is `countersign.config.ts`.
 */
import { defineConfig } from '../config/define.ts'
import { onepin } from '../upstreams/onepin.ts'
import { plexicus } from '../upstreams/plexicus.ts'
import { pluggedin } from '../upstreams/pluggedin.ts'
import { plugipay } from '../upstreams/plugipay.ts'
import { sandboxPorts, workerPortDefault } from './ports.ts'

/** `workerPort`: where the Worker listens; the sandboxes are its neighbours. */
export function sandboxConfig(workerPort: number) {
  const ports = sandboxPorts(workerPort)
  const at = (upstream: keyof typeof ports): string => `http://127.0.0.1:${ports[upstream]}`

  return defineConfig({
    url: `http://127.0.0.1:${workerPort}`,
    // Our own token service is always an issuer; `npm run token` signs with its key. A company adds its own here.
    issuers: {},
    // Where people sign in, for terminals, browsers and pages. At the sandbox nobody has a password.
    signIn: {
      issuer: at('login'),
      clientId: 'countersign',
      team: { claim: 'team' },
      role: { claim: 'role', map: { admin: 'admin', 'team-admin': 'team-admin' } },
    },
    // A page in a browser that gets tokens for who sits in front of it (docs/people.md).
    clients: { shop: { redirectUris: ['http://localhost:3000/callback'] } },
    upstreams: {
      plugipay: plugipay({
        url: at('plugipay'),
        keys: { live: 'PLUGIPAY_LIVE', test: 'PLUGIPAY_TEST' },
      }),
      pluggedin: pluggedin({ url: at('pluggedin'), keys: { main: 'PLUGGEDIN_KEY' } }),
      plexicus: plexicus({ url: at('plexicus'), keys: { main: 'PLEXICUS_TOKEN' } }),
      onepin: onepin({ url: at('onepin'), keys: { main: 'ONEPIN_KEY' } }),
      // An API of the company's own, with a signature of its own making and two versions of its key.
      orders: {
        url: `${at('orders')}/v2`,
        sign: {
          scheme: 'hmac',
          algorithm: 'sha256',
          string: [
            { part: 'method' },
            '\n',
            { part: 'path' },
            { part: 'query' },
            '\n',
            { part: 'timestamp', as: 'seconds' },
            '\n',
            { part: 'body-digest', algorithm: 'sha256', encoding: 'hex' },
          ],
          headers: {
            'x-orders-key': [{ part: 'key-id' }],
            'x-orders-timestamp': [{ part: 'timestamp', as: 'seconds' }],
            'x-orders-signature': ['v1=', { part: 'signature' }],
          },
        },
        keys: { main: ['ORDERS_KEY_2', 'ORDERS_KEY_1'] },
        routes: {
          'GET /orders': 'order:read',
          'GET /orders/*': 'order:read',
          'POST /orders': 'order:write',
        },
      },
    },
    teams: {
      // The shop: creates customers and charges them; in browsers too, from one origin.
      checkout: {
        grants: {
          plugipay: {
            keys: ['live', 'test'],
            defaultKey: 'test',
            scopes: ['customer:*', 'checkout:*', 'payment:*'],
          },
          orders: { keys: ['main'], scopes: ['order:*'] },
        },
        limits: [
          { name: 'all', requests: 100, per: '1s', burst: 200 },
          {
            name: 'writes',
            requests: 20,
            per: '1s',
            upstream: 'plugipay',
            methods: ['POST', 'PATCH', 'DELETE'],
          },
        ],
        origins: ['http://localhost:3000'],
      },
      // The books: may look at payments, never make one.
      finance: {
        grants: {
          plugipay: { keys: ['live'], scopes: ['customer:read', 'payment:read', 'invoice:read'] },
          orders: { keys: ['main'], scopes: ['order:read'] },
        },
        limits: [{ name: 'hourly', requests: 1_000, per: '1h' }],
      },
      assistant: {
        grants: { pluggedin: { keys: ['main'], scopes: ['read:servers', 'read:documents'] } },
        limits: [{ name: 'all', requests: 10, per: '1s' }],
      },
      security: { grants: { plexicus: { keys: ['main'], scopes: ['*'] } } },
      studio: {
        grants: { onepin: { keys: ['main'], scopes: ['*'] } },
        limits: [{ name: 'all', requests: 60, per: '1m' }],
      },
    },
  })
}

export default sandboxConfig(workerPortDefault)
