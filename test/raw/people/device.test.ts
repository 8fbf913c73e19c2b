/** Logins by device (RFC 8628) from outside. */
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  adminKey,
  Browser,
  beginDevice,
  callOrders,
  cli,
  csrfOf,
  type Device,
  decide,
  failure,
  form,
  issued,
  logIn,
  type PeopleEdge,
  poll,
  refresh,
  signedInBrowser,
  startPeopleEdge,
  whoami,
} from './edge.ts'

let edge: PeopleEdge
beforeAll(async () => {
  edge = await startPeopleEdge()
})
afterAll(() => edge[Symbol.asyncDispose]())

describe('a login by device', () => {
  it('waits until a person approves, and gets a token of that person', async () => {
    const device = await beginDevice(edge)
    expect(device.user_code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
    expect(await failure(await poll(edge, device))).toBe('400 authorization_pending')
    const lin = await signedInBrowser(edge, 'lin')
    expect((await decide(lin, device)).status).toBe(200)
    const login = await issued(await poll(edge, device))
    expect(login).toMatchObject({ token_type: 'Bearer', expires_in: 600, scope: 'orders:order:*' })
    expect(decodeJwt(login.access_token)).toMatchObject({
      sub: 'signin/lin',
      team: 'checkout',
      aud: edge.url,
      client_id: 'countersign-cli',
      gid: expect.stringMatching(/^refresh:[0-9a-f]{32}$/),
    })
    expect((await callOrders(edge, login.access_token)).status).toBe(200)
  })

  it('administers, when that is what it asks for', async () => {
    const device = await beginDevice(edge)
    await decide(await signedInBrowser(edge, 'ada'), device)
    const login = await issued(await poll(edge, device, { resource: `${edge.url}/api` }))
    expect(await (await whoami(edge, login.access_token)).json()).toMatchObject({
      subject: 'signin/ada',
      role: 'admin',
      team: 'checkout',
    })
  })

  it('keeps the resource that it was asked for with, until a request names another (RFC 8707)', async () => {
    const administration = `${edge.url}/api`
    const device = await beginDevice(edge, { resource: administration })
    await decide(await signedInBrowser(edge, 'ada'), device)
    const login = await issued(await poll(edge, device))
    expect(decodeJwt(login.access_token).aud).toBe(administration)
    const renewed = await issued(await refresh(edge, login.refresh_token))
    expect(decodeJwt(renewed.access_token).aud).toBe(administration)
    const calling = await issued(await refresh(edge, renewed.refresh_token, { resource: edge.url }))
    expect(decodeJwt(calling.access_token).aud).toBe(edge.url)
  })

  it.each([
    ['a resource that is not ours', { resource: 'https://evil.test' }],
    ['administration for a page in a browser', { client_id: 'shop', resource: 'ours' }],
  ])('is not begun for %s', async (_what, fields) => {
    const resource = fields.resource === 'ours' ? `${edge.url}/api` : fields.resource
    const answer = await form(edge, '/oauth/device_authorization', { client_id: cli, ...fields, resource })
    expect(await failure(answer)).toBe('400 invalid_target')
  })

  it('asks who is not signed in to sign in first, and comes back', async () => {
    const device = await beginDevice(edge)
    const { url } = await new Browser().visit(device.verification_uri_complete)
    const next = new URL(url).searchParams.get('next')
    expect(url).toContain('/oauth/sign-in?')
    expect(next).toBe(`/device?user_code=${device.user_code}`)
  })

  it('T08: twenty polls at the moment of approval get one token', async () => {
    const device = await beginDevice(edge)
    await decide(await signedInBrowser(edge, 'lin'), device)
    const answers = await Promise.all(Array.from({ length: 20 }, () => poll(edge, device)))
    const good = answers.filter(({ status }) => status === 200)
    const bad = await Promise.all(answers.filter(({ status }) => status !== 200).map(failure))
    expect(good).toHaveLength(1)
    expect(new Set(bad)).toEqual(new Set(['400 invalid_grant']))
    const [winner] = good
    if (winner === undefined) throw new Error('nobody won')
    expect((await callOrders(edge, (await issued(winner)).access_token)).status).toBe(200)
  })

  it('T09: another client gets nothing for the code, and takes nothing from its own', async () => {
    const device = await beginDevice(edge)
    await decide(await signedInBrowser(edge, 'lin'), device)
    expect(await failure(await poll(edge, device, { client_id: 'shop' }))).toBe('400 invalid_grant')
    expect(await failure(await poll(edge, device, { client_id: 'other' }))).toBe('401 invalid_client')
    expect((await poll(edge, device)).status).toBe(200)
  })

  it('T10: who polls too fast is slowed down; a denied code stays denied', async () => {
    const device = await beginDevice(edge)
    expect(await failure(await poll(edge, device))).toBe('400 authorization_pending')
    expect(await failure(await poll(edge, device))).toBe('400 slow_down')
    const lin = await signedInBrowser(edge, 'lin')
    const page = await lin.open(device.verification_uri_complete)
    const csrf = await csrfOf(page)
    const answer = (decision: string) =>
      lin.post(`${edge.url}/device`, { csrf, user_code: device.user_code, decision })
    expect(await (await answer('deny')).text()).toContain('Not allowed')
    expect(await failure(await poll(edge, device))).toBe('400 access_denied')
    expect((await answer('approve')).status).toBe(404)
    expect(await failure(await poll(edge, device))).toBe('400 access_denied')
  })

  it('T11: looking at the page decides nothing, whoever looks', async () => {
    const device = await beginDevice(edge)
    const lin = await signedInBrowser(edge, 'lin')
    const text = await (await lin.open(device.verification_uri_complete)).text()
    for (const shown of [
      'countersign-cli',
      'orders:order:*',
      device.user_code,
      'signin/lin',
      'unknown address',
    ])
      expect(text).toContain(shown)
    await fetch(device.verification_uri_complete, { headers: { 'user-agent': 'chat-preview' } })
    await lin.open(`${device.verification_uri_complete}&decision=approve`)
    expect(await failure(await poll(edge, device))).toBe('400 authorization_pending')
  })

  it('T12: of codes that are guessed, thirty are looked at; then 429, right or wrong', async () => {
    const device = await beginDevice(edge)
    const kim = await signedInBrowser(edge, 'kim')
    const look = async (code: string) => (await kim.open(`${edge.url}/device?user_code=${code}`)).status
    const statuses: number[] = []
    for (let guess = 0; guess < 30; guess += 1) statuses.push(await look('BBBB-BBBB'))
    expect(new Set(statuses)).toEqual(new Set([404]))
    expect(await look('BBBB-BBBC')).toBe(429)
    expect(await look(device.user_code)).toBe(429)
  })

  it('T12: who is disabled between approval and poll lets nobody in', async () => {
    const device = await beginDevice(edge)
    edge.people['eve'] = { team: 'checkout' }
    await decide(await signedInBrowser(edge, 'eve'), device)
    const revoked = await fetch(`${edge.url}/api/revocations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ team: 'checkout', subject: 'signin/eve', issuer: 'countersign' }),
    })
    expect(revoked.status).toBe(201)
    expect(await failure(await poll(edge, device))).toBe('400 access_denied')
  })

  it('J08: neither code is a token', async () => {
    const device = await beginDevice(edge)
    for (const code of [device.device_code, device.user_code])
      expect(await failure(await callOrders(edge, code))).toBe('401 token_invalid')
  })

  it('needs a client that exists, and asks for nothing that nobody offers', async () => {
    const ask = (fields: Readonly<Record<string, string>>) =>
      form(edge, '/oauth/device_authorization', fields)
    expect(await failure(await ask({}))).toBe('400 invalid_request')
    expect(await failure(await ask({ client_id: 'nobody' }))).toBe('401 invalid_client')
    expect(await failure(await ask({ client_id: 'countersign-cli', scope: 'bad scope"' }))).toBe(
      '400 invalid_scope',
    )
  })

  describe('that would end in nothing', () => {
    beforeAll(() => {
      edge.people['dan'] = { team: 'search' }
    })

    const shown = async (person: string, { verification_uri_complete: page }: Device) => {
      const answer = await (await signedInBrowser(edge, person)).open(page)
      return { error: answer.headers.get('countersign-error'), text: await answer.text() }
    }

    it('says to who may call none of its scopes which those are and why, and still waits for who may', async () => {
      const device = await beginDevice(edge, { scope: 'orders:order:write' })
      const { error, text } = await shown('dan', device)
      expect(text).toContain('team search was granted nothing of orders:order:write')
      expect(text).not.toContain('value="approve"')
      expect(error).toBe('scope_insufficient')
      const approved = await decide(await signedInBrowser(edge, 'dan'), device)
      expect([approved.status, approved.headers.get('countersign-error')]).toEqual([
        403,
        'scope_insufficient',
      ])
      expect(await failure(await poll(edge, device))).toBe('400 authorization_pending')
      await decide(await signedInBrowser(edge, 'lin'), device)
      expect((await issued(await poll(edge, device))).scope).toBe('orders:order:write')
    })

    it('is denied by who may not allow it', async () => {
      const device = await beginDevice(edge, { scope: 'nowhere:x' })
      expect((await decide(await signedInBrowser(edge, 'dan'), device, 'deny')).status).toBe(200)
      expect(await failure(await poll(edge, device))).toBe('400 access_denied')
    })

    it('is one of a page in a browser for an admin without a team, and not one of a terminal', async () => {
      const page = await beginDevice(edge, { client_id: 'shop' })
      expect((await shown('root', page)).text).toContain('you belong to no team')
      for (const fields of [{}, { scope: 'orders:*', resource: `${edge.url}/api` }]) {
        const terminal = await beginDevice(edge, fields)
        expect(await shown('root', terminal)).toMatchObject({
          error: null,
          text: expect.stringContaining('value="approve"'),
        })
      }
    })
  })

  it('carries no more than was approved', async () => {
    const login = await logIn(edge, 'lin', { scope: 'orders:order:read' })
    expect(login.scope).toBe('orders:order:read')
    const post = await callOrders(edge, login.access_token, { method: 'POST', body: '{}' })
    expect(await failure(post)).toBe('403 scope_insufficient')
  })
})
