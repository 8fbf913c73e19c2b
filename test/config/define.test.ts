import { describe, expect, it } from 'vitest'
import { defineConfig } from '../../src/config/define.ts'
import { plugipay } from '../../src/upstreams/index.ts'

const upstream = {
  url: 'https://orders.acme.example',
  sign: { scheme: 'bearer' },
  routes: { 'GET /orders': 'order:read' },
} as const

describe('defineConfig', () => {
  it('returns what it is given', () => {
    const config = { url: 'https://edge.acme.example', upstreams: {}, teams: {} }
    expect(defineConfig(config)).toBe(config)
  })

  it('lets tsc refuse grants of unknown upstreams and keys, unknown fields and options of other schemes', () => {
    defineConfig({
      url: 'https://edge.acme.example',
      upstreams: {
        orders: { ...upstream, keys: { main: 'ORDERS', spare: ['ORDERS_2', 'ORDERS_1'] } },
        pay: plugipay({ keys: { live: 'PAY_LIVE' }, sign: { scheme: 'plugipay', headers: 'x-plugipay' } }),
      },
      teams: {
        checkout: {
          grants: {
            orders: { keys: ['main', 'spare'], defaultKey: 'spare', scopes: ['order:*'] },
            pay: { keys: ['live'], scopes: ['*'] },
          },
          limits: [{ name: 'all', requests: 1, per: '1s', upstream: 'pay' }],
        },
        keyless: {
          grants: {
            // @ts-expect-error orders has no key called `test`
            orders: { keys: ['test'], scopes: [] },
            // @ts-expect-error neither has the one from the catalogue
            pay: { keys: ['live'], defaultKey: 'test', scopes: [] },
          },
        },
        lost: {
          grants: {
            // @ts-expect-error there is no upstream called `refunds`
            refunds: { keys: ['main'], scopes: [] },
          },
          // @ts-expect-error there is no upstream called `refunds`
          limits: [{ name: 'all', requests: 1, per: '1s', upstream: 'refunds' }],
        },
      },
    })
    defineConfig({
      url: 'https://edge.acme.example',
      upstreams: {
        orders: {
          ...upstream,
          keys: { main: 'ORDERS' },
          // @ts-expect-error the field is called timeoutMs
          timeoutMS: 5,
        },
        signed: {
          url: 'https://pay.acme.example',
          // @ts-expect-error `header` needs a name
          sign: { scheme: 'header' },
          routes: {},
          keys: { live: 'PAY_LIVE' },
        },
      },
      // @ts-expect-error the field is called origins
      teams: { checkout: { origin: [] } },
    })
    expect(upstream.sign.scheme).toBe('bearer')
  })
})
