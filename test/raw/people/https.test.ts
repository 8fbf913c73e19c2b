/** Sessions where the origin is https, and where no provider is configured. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { adminKey, type Edge, form, startEdge, url } from '../oauth/edge.ts'

let edge: Edge
beforeAll(async () => {
  edge = await startEdge()
})
afterAll(() => edge[Symbol.asyncDispose]())

it('the cookie is bound to its host: __Host-, Secure, HttpOnly, Lax, without a domain', async () => {
  const answer = await form(edge, '/oauth/sign-in', { key: adminKey }, { origin: url })
  expect(answer.status).toBe(303)
  const [cookie = ''] = answer.headers.getSetCookie()
  expect(cookie).toMatch(
    /^__Host-countersign-session=csa_[0-9A-Za-z]{43}; Path=\/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure$/,
  )
  const value = cookie.split(';')[0] ?? ''
  const open = (sent: string) => edge.fetch('/dashboard/tokens', { headers: { cookie: sent } })
  expect((await open(value)).status).toBe(200)
  // Without the prefix a neighbour, or anybody on the network, could have set it.
  expect((await open(value.replace('__Host-', ''))).status).toBe(303)
})

it('a form of the same page over http is another origin', async () => {
  const answer = await form(edge, '/oauth/sign-in', { key: adminKey }, { origin: 'http://edge.test' })
  expect(answer.status).toBe(403)
  expect(answer.headers.getSetCookie()).toEqual([])
})

it('without a provider there is the admin key, and no way to a provider', async () => {
  const page = await (await edge.fetch('/oauth/sign-in')).text()
  expect(page).toContain('Admin key')
  expect(page).not.toContain('Continue with')
  expect((await edge.fetch('/oauth/sign-in/start')).status).toBe(404)
  expect((await edge.fetch('/oauth/sign-in/callback?code=a&state=b')).status).toBe(404)
})
