import { describe, expect, it } from 'vitest'
import { startEdge } from './harness/edge.ts'
import { awkwardMarkerText, markerText } from './harness/markers.ts'
import { misbehave } from './upstreams/behaviours.ts'
import { startUpstream } from './upstreams/upstream.ts'

/** Pages and documents of our own, there or not. */
const pages = [
  '/',
  '/healthz',
  '/readyz',
  '/problems',
  '/problems/credential_unavailable',
  '/problems/nonsense',
  '/openapi.json',
  '/llms.txt',
  '/robots.txt',
  '/favicon.ico',
  '/docs',
  '/dashboard',
  '/device',
  '/oauth/authorize',
  '/oauth/token',
  '/.well-known/jwks.json',
  '/.well-known/oauth-authorization-server',
  '/.well-known/oauth-protected-resource',
  '/api/whoami',
  '/api/teams',
  '/api/teams/shop',
  '/api/usage?team=shop',
  '/api/audit',
  '/api/tokens',
  '/api/revocations',
]

describe('marker secrets in every binding', () => {
  it('K04: no page, refusal, failure or log line holds one, not even of a secret that is malformed', async () => {
    const upstream = await startUpstream(
      misbehave({ elsewhere: 'http://127.0.0.1:1', itself: () => upstream.origin }),
    )
    const at = (scheme: object, binding: string) => ({
      url: upstream.origin,
      sign: scheme,
      keys: { main: binding },
      routes: { '* /**': 'all' },
      timeoutMs: 300,
    })
    const edge = await startEdge({
      upstreams: {
        plug: at({ scheme: 'plugipay' }, 'PLUG_KEY'),
        bear: at({ scheme: 'bearer' }, 'BEARER_KEY'),
        query: at({ scheme: 'query', name: 'key' }, 'QUERY_KEY'),
        basic: at({ scheme: 'basic' }, 'BASIC_KEY'),
        aws: at({ scheme: 'aws-sigv4', service: 's3', region: 'us-east-1' }, 'AWS_KEY'),
        spaced: at({ scheme: 'bearer' }, 'SPACED_KEY'),
        broken: at({ scheme: 'bearer' }, 'BROKEN_KEY'),
        halved: at({ scheme: 'plugipay' }, 'HALVED_KEY'),
        jwk: at(
          { scheme: 'http-signatures', algorithm: 'ecdsa-p256-sha256', components: ['@method'] },
          'JWK_KEY',
        ),
      },
      secrets: {
        PLUG_KEY: `pk_test_x:${awkwardMarkerText('sk_test_')}`,
        BEARER_KEY: markerText(),
        QUERY_KEY: markerText(),
        AWS_KEY: `AKIDEXAMPLE:${markerText()}`,
        SPACED_KEY: `${markerText()} `,
        BROKEN_KEY: `${markerText()}\r\nx-injected: 1`,
        HALVED_KEY: markerText(),
        JWK_KEY: JSON.stringify({ keyid: 'k', jwk: { kty: 'EC', crv: 'P-256', d: markerText() } }),
      },
    })
    const statuses = new Set<number>()
    for (const page of pages) {
      for (const token of [null, edge.token(), 'wrong']) {
        statuses.add((await edge.call('GET', page, { token })).status)
        statuses.add((await edge.call('POST', page, { token, body: '{' })).status)
      }
    }
    const behaviours = [
      'ok',
      'silent',
      'reset-before-head',
      'unauthorized',
      'redirect-302-elsewhere',
      'status-999',
    ]
    for (const name of [
      'plug',
      'bear',
      'query',
      'basic',
      'aws',
      'spaced',
      'broken',
      'halved',
      'jwk',
      'unknown',
    ]) {
      for (const behaviour of behaviours) {
        statuses.add((await edge.call('GET', `/${name}/${behaviour}`)).status)
      }
      statuses.add((await edge.call('GET', `/${name}/a//b`)).status)
      statuses.add(
        (await edge.call('GET', `/${name}/ok`, { headers: [['countersign-key', 'other']] })).status,
      )
    }
    // All ways to end were taken; `stop` throws when a marker was seen in any of them.
    for (const status of [200, 400, 401, 403, 404, 502, 503, 504]) expect([...statuses]).toContain(status)
    await expect(edge.stop({ upstreams: [upstream] })).resolves.toBeUndefined()
    await upstream.stop()
  })
})
