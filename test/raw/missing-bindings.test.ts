import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer } from './harness/client.ts'
import { type Edge, startEdge } from './harness/edge.ts'
import { markerText } from './harness/markers.ts'
import { answerBytes } from './upstreams/answers.ts'
import { type RawUpstream, startUpstream } from './upstreams/upstream.ts'

const form = ['content-type', 'application/x-www-form-urlencoded'] as const
const json = ['content-type', 'application/json'] as const
const session = ['cookie', `__Host-countersign-session=csp_${'A'.repeat(43)}`] as const

/** A call of each part of Countersign: the data plane, the token service, the administration, the pages. */
const surface: Readonly<Record<string, (edge: Edge, admin: string) => Promise<Answer>>> = {
  call: (edge) => edge.call('POST', '/orders/x', { body: 'x' }),
  'GET /api/teams': (edge, token) => edge.call('GET', '/api/teams', { token }),
  'GET /api/usage': (edge, token) => edge.call('GET', '/api/usage?team=shop', { token }),
  'GET /api/revocations': (edge, token) => edge.call('GET', '/api/revocations?team=shop', { token }),
  'POST /api/revocations': (edge, token) =>
    edge.call('POST', '/api/revocations', { token, headers: [json], body: '{"team":"shop","jti":"x"}' }),
  'PATCH /api/teams/shop': (edge, token) =>
    edge.call('PATCH', '/api/teams/shop', { token, headers: [json], body: '{"suspended":false}' }),
  'GET /api/audit': (edge, token) => edge.call('GET', '/api/audit', { token }),
  'GET /api/tokens': (edge, token) => edge.call('GET', '/api/tokens', { token }),
  'device login': (edge) =>
    edge.call('POST', '/oauth/device_authorization', {
      token: null,
      headers: [form],
      body: 'client_id=countersign-cli',
    }),
  'page of a session': (edge) => edge.call('GET', '/dashboard/tokens', { token: null, headers: [session] }),
  'sign-in with the admin key': (edge, key) =>
    edge.call('POST', '/oauth/sign-in', {
      token: null,
      headers: [form, ['origin', 'https://edge.test'], ['sec-fetch-site', 'same-origin']],
      body: `key=${encodeURIComponent(key)}`,
    }),
}

/** What each answers when all is there. */
const whole = {
  call: 200,
  'GET /api/teams': 200,
  'GET /api/usage': 200,
  'GET /api/revocations': 200,
  'POST /api/revocations': 201,
  'PATCH /api/teams/shop': 200,
  'GET /api/audit': 200,
  'GET /api/tokens': 200,
  'device login': 200,
  'page of a session': 303,
  'sign-in with the admin key': 303,
}

/** What else it answers without that binding. */
const without = {
  ACCOUNTS: {
    call: 503,
    'GET /api/teams': 503,
    'GET /api/usage': 503,
    'GET /api/revocations': 503,
    'POST /api/revocations': 503,
    'PATCH /api/teams/shop': 503,
  },
  DIRECTORY: {
    // What was done stands, and is done again without harm; that it cannot be written down is told.
    'POST /api/revocations': 503,
    'PATCH /api/teams/shop': 503,
    'GET /api/audit': 503,
    'GET /api/tokens': 503,
    'device login': 503,
    'page of a session': 503,
    'sign-in with the admin key': 503,
  },
  USAGE: {},
}

describe.each(Object.entries(without))('P05: a deployment without the binding %s', (name, refused) => {
  const admin = markerText()
  let upstream: RawUpstream
  let edge: Edge

  beforeAll(async () => {
    upstream = await startUpstream((_request, socket) => void socket.write(answerBytes(200)))
    edge = await startEdge({
      upstreams: {
        orders: {
          url: upstream.origin,
          sign: { scheme: 'plugipay' },
          keys: { main: 'ORDERS_KEY' },
          routes: { '* /**': 'all' },
        },
      },
      without: [name],
      secrets: { COUNTERSIGN_ADMIN_KEY: admin },
    })
  })

  afterAll(async () => {
    await edge.stop({ signed: [{ upstream, binding: 'ORDERS_KEY' }] })
    await upstream.stop()
  })

  it('is degraded, and its log names the binding once', async () => {
    const ready = await edge.call('GET', '/readyz', { token: null })
    expect([ready.status, ready.text()]).toEqual([200, '{"status":"degraded"}'])
    await Promise.all([1, 2, 3].map(() => edge.call('GET', '/orders/x')))
    const told = edge.running.output().match(/"event":"binding_missing".*/g)
    expect(told).toEqual([`"event":"binding_missing","binding":"${name}"}`])
  })

  it('does what can be done without it, and refuses the rest with a reason in the log', async () => {
    upstream.clear()
    const statuses: Record<string, number> = {}
    for (const [what, call] of Object.entries(surface)) statuses[what] = (await call(edge, admin)).status
    expect(statuses).toEqual({ ...whole, ...refused })
    expect(upstream.requests).toHaveLength(statuses['call'] === 200 ? 1 : 0)
    const reasons = edge.running.output().match(new RegExp(`the binding ${name} is missing`, 'g')) ?? []
    expect(reasons.length).toBeGreaterThanOrEqual(Object.keys(refused).length)
  })
})
