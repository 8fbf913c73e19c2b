import { afterAll, beforeAll, expect, test } from 'vitest'
import { api, callOrders, type Edge, exchange, failure, jwtType, startEdge, url } from './edge.ts'

let edge: Edge
beforeAll(async () => {
  edge = await startEdge()
})
afterAll(async () => {
  await edge[Symbol.asyncDispose]()
})

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

const claims = (over: Readonly<Record<string, unknown>>) => ({
  repository: 'acme/shop',
  ref: 'refs/heads/main',
  sub: 'repo:acme/shop',
  ...over,
})

const exchanged = (jwt: string, over: Readonly<Record<string, string>> = {}) =>
  exchange(edge, jwt, { subject_token_type: jwtType, ...over })

const accessToken = async (response: Response): Promise<string> => {
  if (response.status !== 200) throw new Error(`no token: ${response.status} ${await response.text()}`)
  return ((await response.json()) as { access_token: string }).access_token
}

const revoke = async (body: object): Promise<void> => {
  const response = await api(edge, '/revocations', { method: 'POST', body: { team: 'checkout', ...body } })
  expect(response.status).toBe(201)
}

const kinds = [
  ['its jti', () => ({ jti: 'jti-0', issuer: 'github' })],
  ['its subject', () => ({ subject: 'repo:acme/sub-1', issuer: 'github' })],
  ['all that its issuer issued before', () => ({ before: new Date().toISOString(), issuer: 'github' })],
  ['all that was issued before', () => ({ before: new Date().toISOString() })],
] as const

for (const [at, [name, revocation]] of kinds.entries()) {
  test(`T07: a JWT that was revoked by ${name} is exchanged for nothing, and what it was exchanged for ends`, async () => {
    const jwt = edge.github.token(claims({ jti: `jti-${at}`, sub: `repo:acme/sub-${at}` }))
    const calls = await accessToken(await exchanged(jwt))
    const administers = await accessToken(await exchanged(jwt, { resource: `${url}/api` }))
    // Tokens know seconds: the next one has begun.
    await pause(1_000)
    expect((await callOrders(edge, calls)).status).toBe(200)
    expect((await api(edge, '/whoami', { token: administers })).status).toBe(200)
    await revoke(revocation())
    await pause(2_000)
    expect(await failure(await callOrders(edge, calls))).toBe('401 token_revoked')
    expect(await failure(await api(edge, '/whoami', { token: administers }))).toBe('401 token_revoked')
    expect(await failure(await exchanged(jwt))).toBe('400 invalid_request')
    const other = edge.github.token(claims({ jti: `other-${at}`, sub: `repo:acme/other-${at}` }))
    expect((await callOrders(edge, await accessToken(await exchanged(other)))).status).toBe(200)
  })
}
