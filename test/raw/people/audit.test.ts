/** What people's logins leave in the audit log: every change, with its team and the address that it came from. */
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  adminKey,
  beginDevice,
  cli,
  csrfOf,
  decide,
  logIn,
  type PeopleEdge,
  signedInBrowser,
  startPeopleEdge,
} from './edge.ts'

let edge: PeopleEdge
beforeAll(async () => {
  edge = await startPeopleEdge()
})
afterAll(() => edge[Symbol.asyncDispose]())

interface Entry {
  readonly id: number
  readonly [member: string]: unknown
}

const log = async (): Promise<readonly Entry[]> => {
  const answer = await fetch(`${edge.url}/api/audit?team=checkout`, {
    headers: { authorization: `Bearer ${adminKey}` },
  })
  return ((await answer.json()) as { items: readonly Entry[] }).items
}

/** What the action added to the log of the team, the oldest first. */
const added = async (action: () => Promise<unknown>): Promise<readonly Entry[]> => {
  const [last] = await log()
  await action()
  return (await log()).filter(({ id }) => id > (last?.id ?? 0)).reverse()
}

const address = '203.0.113.7'

const post = (path: string, fields: Readonly<Record<string, string>>): Promise<Response> =>
  fetch(`${edge.url}${path}`, {
    method: 'POST',
    headers: { 'cf-connecting-ip': address },
    body: new URLSearchParams({ client_id: cli, ...fields }),
  })

it('says that a holder ended one access token, once', async () => {
  const { access_token: token } = await logIn(edge, 'lin')
  const entries = await added(async () => {
    expect((await post('/oauth/revoke', { token })).status).toBe(200)
    expect((await post('/oauth/revoke', { token })).status).toBe(200)
  })
  const { jti } = decodeJwt(token)
  expect(entries).toMatchObject([
    { actor: 'holder', action: 'token.revoked', team: 'checkout', target: jti, from: address },
  ])
  expect(entries[0]?.['detail']).toEqual({ subject: 'signin/lin' })
})

it('says that a login ended, of which team and from where', async () => {
  const ended = { actor: 'holder', action: 'grant.ended', team: 'checkout', from: address }
  const left = await logIn(edge, 'lin')
  expect(await added(() => post('/oauth/revoke', { token: left.refresh_token }))).toMatchObject([ended])
  const stolen = await logIn(edge, 'lin')
  const renew = { grant_type: 'refresh_token', refresh_token: stolen.refresh_token }
  await post('/oauth/token', renew)
  expect(await added(() => post('/oauth/token', renew))).toMatchObject([
    { ...ended, detail: { reason: 'refresh token presented twice' } },
  ])
})

it('says that a person denied a device, and signed out', async () => {
  const lin = await signedInBrowser(edge, 'lin')
  const device = await beginDevice(edge)
  expect(await added(() => decide(lin, device, 'deny'))).toMatchObject([
    { actor: 'signin/lin', action: 'grant.denied', team: 'checkout', target: cli },
  ])
  const csrf = await csrfOf(await lin.open(`${edge.url}/dashboard/tokens`))
  expect(await added(() => lin.post(`${edge.url}/oauth/sign-out`, { csrf }))).toMatchObject([
    { actor: 'signin/lin', action: 'session.ended', team: 'checkout' },
  ])
})
