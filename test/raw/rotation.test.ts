/**
 * K03: a key is rotated while calls go on. Until rotation has a state of its own, the order in the configuration is the
 * ring, so each step is a deployment: a process of its own here, beside the one that it replaces.
 */
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Edge, startEdge } from './harness/edge.ts'
import { markerText } from './harness/markers.ts'
import { answerBytes } from './upstreams/answers.ts'
import { plugipayFault } from './upstreams/plugipay-verifier.ts'
import { type RawUpstream, startUpstream } from './upstreams/upstream.ts'

type Version = 'V1' | 'V2'

const secrets = {
  V1: { keyId: 'key-one', secret: markerText() },
  V2: { keyId: 'key-two', secret: markerText() },
}

/** An upstream that knows both versions, verifies by itself, and forgets one when it is told to. */
let upstream: RawUpstream
let revoked: Version | null
/** Calls that were signed with each, whatever they were answered. */
let uses: Record<Version, number>
let badlySigned: string[]
let waiting: { readonly met: () => boolean; readonly resolve: () => void }[]

beforeEach(async () => {
  revoked = null
  uses = { V1: 0, V2: 0 }
  badlySigned = []
  waiting = []
  upstream = await startUpstream((request, socket) => {
    const authorization = request.header('authorization') ?? ''
    const version = authorization.includes(`keyId=${secrets.V1.keyId},`) ? 'V1' : 'V2'
    const fault = plugipayFault(request, secrets[version])
    if (fault !== null) badlySigned.push(fault)
    uses[version] += 1
    socket.write(
      revoked === version || fault !== null
        ? answerBytes(401, { body: JSON.stringify({ error: { code: 'INVALID_KEY' } }) })
        : answerBytes(200, { body: 'done' }),
    )
    for (const { met, resolve } of waiting) if (met()) resolve()
  })
})

afterEach(() => upstream.stop())

/** Resolves with the call by which it is so. */
const until = (met: () => boolean): Promise<void> => new Promise((resolve) => waiting.push({ met, resolve }))

const used = async (version: Version, more: number): Promise<void> => {
  const before = uses[version]
  await until(() => uses[version] >= before + more)
}

const deploy = (versions: readonly Version[]): Promise<Edge> =>
  startEdge({
    upstreams: {
      pay: {
        url: upstream.origin,
        sign: { scheme: 'plugipay' },
        keys: { main: versions },
        routes: { '* /**': 'all' },
        keyRefused: { status: 401, codes: ['INVALID_KEY'] },
      },
    },
    secrets: Object.fromEntries(
      versions.map((version) => [version, `${secrets[version].keyId}:${secrets[version].secret}`]),
    ),
  })

const body = '{"amount":1}'
const callsInFlight = 20

/** So many callers, each with one call after the other, at the deployments that serve. */
const startLoad = (first: Edge) => {
  const failures: string[] = []
  const inFlight = new Map<Edge, Set<Promise<void>>>()
  let serving: readonly Edge[] = [first]
  let calls = 0
  const callOnce = async (edge: Edge): Promise<void> => {
    calls += 1
    const answer = await (calls % 2 === 0
      ? edge.call('GET', '/pay/charges?page=1')
      : edge.call('POST', '/pay/charges', { body }))
    if (answer.status !== 200) failures.push(`${answer.status} ${answer.text()}`)
  }
  const caller = async (number: number): Promise<void> => {
    for (let turn = number; ; turn += 1) {
      const edge = serving[turn % Math.max(1, serving.length)]
      if (edge === undefined) return
      const running = inFlight.get(edge) ?? new Set()
      inFlight.set(edge, running)
      const call = callOnce(edge).catch((error: unknown) => void failures.push(String(error)))
      running.add(call)
      await call
      running.delete(call)
    }
  }
  const callers = Promise.all(Array.from({ length: callsInFlight }, (_unused, number) => caller(number)))
  return {
    failures,
    /** From now on new calls go to these. */
    serve: (...edges: readonly Edge[]) => {
      serving = edges
    },
    /** Stops a deployment that serves no longer, when its last call was answered. */
    drain: async (edge: Edge) => {
      await Promise.all(inFlight.get(edge) ?? [])
      await edge.stop({ upstreams: [upstream] })
    },
    end: async (): Promise<number> => {
      serving = []
      await callers
      return calls
    },
  }
}

it('K03: in four steps no call fails, and after the old version was revoked nothing is signed with it', async () => {
  const first = await deploy(['V1'])
  const load = startLoad(first)
  await used('V1', 100)

  const second = await deploy(['V2', 'V1'])
  load.serve(first, second)
  await Promise.all([used('V1', 100), used('V2', 100)])

  load.serve(second)
  await load.drain(first)
  revoked = 'V1'
  const usesAtTheCut = uses.V1
  await used('V2', 100)

  const third = await deploy(['V2'])
  load.serve(second, third)
  await used('V2', 100)
  load.serve(third)
  await load.drain(second)
  await used('V2', 100)

  const calls = await load.end()
  await third.stop({ upstreams: [upstream] })
  expect(load.failures).toEqual([])
  expect(badlySigned).toEqual([])
  expect(uses.V1).toBe(usesAtTheCut)
  // Each call once: no failover was needed.
  expect(uses.V1 + uses.V2).toBe(calls)
})

it('K03: in the wrong order, calls that can be sent twice go on with the version that stands by', async () => {
  const first = await deploy(['V1', 'V2'])
  const load = startLoad(first)
  await used('V1', 100)
  revoked = 'V1'
  await used('V2', 100)

  const second = await deploy(['V2', 'V1'])
  load.serve(second)
  const sha256 = createHash('sha256').update(body).digest('base64')
  const streamed = await first.call('POST', '/pay/charges', {
    body,
    headers: [['content-digest', `sha-256=:${sha256}:`]],
  })
  await load.drain(first)
  const usesAtTheCut = uses.V1
  await used('V2', 100)

  await load.end()
  await second.stop({ upstreams: [upstream] })
  expect(load.failures).toEqual([])
  expect(badlySigned).toEqual([])
  expect(uses.V1).toBe(usesAtTheCut)
  expect([streamed.status, streamed.header('countersign-error')]).toEqual([401, null])
})
