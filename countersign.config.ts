/**
 * What Countersign forwards, for whom. This is an example to start from: change the names and run it with
 * `npm start -- --config countersign.config.ts`. Secrets never stand here, only the names of their bindings.
 */
import { defineConfig } from './src/config/define.ts'
import { plugipay } from './src/upstreams/plugipay.ts'

export default defineConfig({
  // Where callers reach Countersign: the audience of their tokens.
  url: 'https://edge.acme.example',

  // Whose tokens are accepted, besides those of Countersign's own token service.
  issuers: {
    acme: {
      issuer: 'https://login.acme.example',
      jwks: 'https://login.acme.example/jwks',
      algorithms: ['ES256'],
      team: { claim: 'team' },
    },
  },

  // What is called, with which key, and which routes are open. A known API brings its routes along ...
  upstreams: {
    plugipay: plugipay({ keys: { live: 'PLUGIPAY_LIVE', test: 'PLUGIPAY_TEST' } }),
    // ... any other one is described. What no route names is refused.
    orders: {
      url: 'https://orders.acme.example/v2',
      sign: { scheme: 'header', name: 'x-api-key' },
      keys: { main: 'ORDERS_KEY' },
      routes: {
        'GET /orders': 'order:read',
        'GET /orders/*': 'order:read',
        'POST /orders': 'order:write',
      },
    },
  },

  // Who may do what, how often, and from which web pages.
  teams: {
    checkout: {
      grants: {
        plugipay: { keys: ['live', 'test'], defaultKey: 'test', scopes: ['customer:*', 'payment:*'] },
        orders: { keys: ['main'], scopes: ['order:read'] },
      },
      limits: [{ name: 'all', requests: 100, per: '1s', burst: 200 }],
      origins: ['https://shop.acme.example'],
    },
  },
})
