import { createHash, createHmac } from 'node:crypto'
import type { Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openSocket } from './harness/client.ts'
import { callBytes, type Edge, startEdge } from './harness/edge.ts'
import { readMessage } from './harness/message.ts'
import { answerBytes, bareAnswerBytes } from './upstreams/answers.ts'
import { type RawUpstream, type ReceivedRequest, startUpstream } from './upstreams/upstream.ts'

const teamNames = Array.from({ length: 20 }, (_unused, index) => `team-${index}`)
const bindingOf = (team: string) => `KEY_${team.replace('-', '_').toUpperCase()}`

/** Teams with the same grants, and how many of five calls pass. */
const twins = [
  ['free', 5],
  ['small', 1],
  ['large', 3],
  ['small-too', 1],
] as const

let upstream: RawUpstream
let edge: Edge

beforeAll(async () => {
  upstream = await startUpstream(answerInDisorder)
  const keys = Object.fromEntries(teamNames.map((team) => [team, bindingOf(team)]))
  edge = await startEdge({
    upstreams: {
      shared: { url: upstream.origin, sign: { scheme: 'plugipay' }, keys, routes: { '* /**': 'all' } },
      bear: {
        url: upstream.origin,
        sign: { scheme: 'bearer' },
        keys: { missing: 'MISSING_KEY', empty: 'EMPTY_KEY', spaced: 'SPACED_KEY', good: 'GOOD_KEY' },
        routes: { '* /**': 'all' },
      },
      plug: {
        url: upstream.origin,
        sign: { scheme: 'plugipay' },
        keys: { halved: 'HALVED_KEY', nameless: 'NAMELESS_KEY' },
        routes: { '* /**': 'all' },
      },
      signer: {
        url: upstream.origin,
        sign: { scheme: 'http-signatures', algorithm: 'ecdsa-p256-sha256', components: ['@method', '@path'] },
        keys: {
          'not-json': 'NOT_JSON_KEY',
          'wrong-curve': 'WRONG_CURVE_KEY',
          'no-private': 'NO_PRIVATE_KEY',
        },
        routes: { '* /**': 'all' },
      },
    },
    teams: {
      ...Object.fromEntries(
        teamNames.map((team) => [team, { grants: { shared: { keys: [team], scopes: ['*'] } } }]),
      ),
      ...Object.fromEntries(
        twins.map(([team, requests]) => [
          team,
          {
            grants: { bear: { keys: ['good'], scopes: ['*'] } },
            limits: requests === 5 ? [] : [{ name: 'all', requests, per: '1d' }],
            origins: [`https://${team}.test`],
          },
        ]),
      ),
      shop: {
        grants: {
          shared: { keys: ['team-0'], scopes: ['*'] },
          bear: { keys: ['missing', 'empty', 'spaced', 'good'], scopes: ['*'] },
          signer: { keys: ['not-json', 'wrong-curve', 'no-private'], scopes: ['*'] },
          plug: { keys: ['halved', 'nameless'], scopes: ['*'] },
        },
      },
    },
    secrets: {
      MISSING_KEY: null,
      EMPTY_KEY: '',
      SPACED_KEY: 'secret-with-a-line-break\n',
      HALVED_KEY: 'an-id-without-secret',
      NAMELESS_KEY: ':a-secret-without-id',
      NOT_JSON_KEY: '-----BEGIN PRIVATE KEY-----',
      WRONG_CURVE_KEY: JSON.stringify({
        keyid: 'k',
        jwk: { kty: 'EC', crv: 'P-384', x: 'AA', y: 'AA', d: 'AA' },
      }),
      NO_PRIVATE_KEY: JSON.stringify({ keyid: 'k', jwk: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' } }),
    },
  })
})

afterAll(async () => {
  await edge.stop({ upstreams: [upstream], allow500: true })
  await upstream.stop()
})

beforeEach(() => upstream.clear())

/** Answers late, early, badly or not at all, as the path's number says, so that calls of teams overlap in every way. */
const answerInDisorder = (request: ReceivedRequest, socket: Socket): void => {
  const fate = Number(/\/n\/(\d+)/.exec(request.target)?.[1] ?? 0) % 10
  const ok = answerBytes(200, { body: request.target })
  if (fate === 1) socket.resetAndDestroy()
  else if (fate === 2) socket.write(answerBytes(500, { body: request.target }))
  else if (fate === 3)
    socket.end(bareAnswerBytes(200, { headers: [['content-length', '999']], body: 'short' }))
  else if (fate < 7) setTimeout(() => socket.writable && socket.write(ok), fate * 3)
  else socket.write(ok)
}

/** Several calls on one connection, one after the other, whatever becomes of each. */
const callInTurn = async (
  requests: readonly Buffer[],
  seen: (index: number, text: string) => void,
): Promise<void> => {
  let socket = await openSocket(edge.port)
  for (const [index, request] of requests.entries()) {
    if (socket.destroyed) socket = await openSocket(edge.port)
    const current = socket
    const text = await new Promise<string>((resolve) => {
      let received = Buffer.alloc(0)
      const finish = () => {
        current.removeAllListeners()
        current.on('error', () => current.destroy())
        resolve(readMessage(received, { kind: 'answer', ended: true })?.body.toString() ?? '')
      }
      current.on('data', (chunk) => {
        received = Buffer.concat([received, chunk])
        if (readMessage(received, { kind: 'answer', ended: false })?.complete) finish()
      })
      current.on('error', () => current.destroy())
      current.on('close', finish)
      current.write(request)
    })
    seen(index, text)
  }
  socket.destroy()
}

describe('teams beside each other', () => {
  it('promise 10: with the same grants each has limits and origins of its own', async () => {
    const passed = new Map<string, number>()
    for (let round = 0; round < 5; round += 1) {
      for (const [team] of twins) {
        const headers = [['origin', `https://${team}.test`]] as const
        const { status } = await edge.call('GET', '/bear/n/8', { token: edge.token({ team }), headers })
        if (status === 200) passed.set(team, (passed.get(team) ?? 0) + 1)
      }
    }
    expect([...passed]).toEqual(twins)
    const headers = [['origin', 'https://small.test']] as const
    const answer = await edge.call('GET', '/bear/n/8', { token: edge.token({ team: 'large' }), headers })
    expect(answer.header('countersign-error')).toBe('origin_not_allowed')
  })

  it('K02: in 10,000 interleaved calls of 20 teams each is signed with the key of its own team and answered to its own caller', async () => {
    const calls = 10_000
    const lanes = 40
    const tokens = new Map(teamNames.map((team) => [team, edge.token({ team, sub: team })]))
    const crossed: string[] = []
    await Promise.all(
      Array.from({ length: lanes }, async (_unused, lane) => {
        const mine = Array.from({ length: calls / lanes }, (_none, index) => {
          const number = index * lanes + lane
          const team = teamNames[(number * 7 + lane) % teamNames.length] ?? ''
          return { target: `/${team}/n/${number}`, team }
        })
        const bytes = mine.map(({ target, team }) =>
          callBytes('GET', `/shared${target}`, tokens.get(team) ?? ''),
        )
        await callInTurn(bytes, (index, text) => {
          const target = mine[index]?.target ?? ''
          if (text.startsWith('/') && text !== target) crossed.push(`${target} was answered with ${text}`)
        })
      }),
    )
    expect(crossed).toEqual([])
    expect(upstream.requests.length).toBeGreaterThan(calls * 0.95)
    const badlySigned = upstream.requests.filter((request) => !isSignedByItsTeam(request))
    expect(badlySigned.map(({ target }) => target)).toEqual([])
  }, 120_000)

  /** The team stands in the path; the signature must be of its key. Without the clock window: the run may be long. */
  const isSignedByItsTeam = (request: ReceivedRequest): boolean => {
    const team = request.target.split('/')[1] ?? ''
    const [keyId, ...secret] = (edge.secrets[bindingOf(team)] ?? '').split(':')
    const emptyDigest = createHash('sha256').digest('hex')
    const input = [request.method, request.target, request.header('x-plugipay-timestamp'), emptyDigest].join(
      '\n',
    )
    const signature = createHmac('sha256', secret.join(':')).update(input).digest('hex')
    return (
      request.header('authorization') ===
      `Plugipay-HMAC-SHA256 keyId=${keyId}, scope=*, signature=${signature}`
    )
  }

  it('D04: a team that holds dozens of slow calls open fails nobody else', async () => {
    const token = edge.token({ team: 'team-1' })
    const sockets = await Promise.all(Array.from({ length: 100 }, () => openSocket(edge.port)))
    // A body that never ends: each of these waits inside Countersign.
    for (const socket of sockets) {
      socket.on('error', () => {})
      socket.write(callBytes('POST', '/shared/team-1/n/0', token, { headers: [['content-length', '1000']] }))
    }
    const answers = await Promise.all(
      teamNames
        .slice(2)
        .map((team) => edge.call('GET', `/shared/${team}/n/0`, { token: edge.token({ team }) })),
    )
    for (const socket of sockets) socket.destroy()
    expect(answers.map(({ status }) => status)).toEqual(teamNames.slice(2).map(() => 200))
  })
})

describe('a secret that cannot be used', () => {
  it.each([
    ['bear', 'missing', 'is missing'],
    ['bear', 'empty', 'is empty'],
    ['bear', 'spaced', 'ends in a line break'],
    ['plug', 'halved', 'lacks its second part'],
    ['plug', 'nameless', 'lacks its first part'],
  ])('K01: %s with the key %s, which %s: 503, and nothing is sent unsigned', async (name, key) => {
    const answer = await edge.call('GET', `/${name}/x`, { headers: [['countersign-key', key]] })
    expect({ status: answer.status, code: answer.header('countersign-error') }).toEqual({
      status: 503,
      code: 'credential_unavailable',
    })
    expect(upstream.requests).toEqual([])
  })

  it('K01: the other keys of the same upstream work on', async () => {
    const answer = await edge.call('GET', '/bear/x', { headers: [['countersign-key', 'good']] })
    expect(answer.status).toBe(200)
  })

  it.each(['not-json', 'wrong-curve', 'no-private'])(
    'K06: a private key that is %s is an error of the operator that tells the caller nothing',
    async (key) => {
      const answer = await edge.call('GET', '/signer/x', { headers: [['countersign-key', key]] })
      expect(['credential_unavailable', 'signer_error']).toContain(answer.header('countersign-error'))
      expect(answer.text()).not.toMatch(/BEGIN|jwk|P-384|JSON|at \w+ \(|DataError/)
      expect(upstream.requests).toEqual([])
    },
  )
})
