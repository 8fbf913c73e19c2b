/** What is left behind: on the disk, in the log, and what a deployment without its secrets does. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findMarkers } from '../harness/markers.ts'
import {
  accessToken,
  adminKey,
  api,
  callOrders,
  exchange,
  failure,
  form,
  jwtType,
  makeSigningKeyText,
  makeToken,
  startEdge,
  url,
} from './edge.ts'

test('T07: after every flow, neither storage nor log holds a token or a key in plain text', async () => {
  const stateFolder = await mkdtemp(join(tmpdir(), 'countersign-dump-'))
  const signingKey = await makeSigningKeyText()
  const edge = await startEdge({ stateFolder, signingKey })
  const claims = { repository: 'acme/shop', ref: 'refs/heads/main', jti: 'one' }
  const ciToken = edge.github.token(claims)
  const ci = await accessToken(edge, ciToken, { subject_token_type: jwtType })
  const kept = await makeToken(edge, { service: true, expiresIn: 'never' })
  const revoked = await makeToken(edge)
  const calling = await accessToken(edge, kept.token)
  const administering = await accessToken(edge, kept.token, { resource: `${url}/api` })
  await callOrders(edge, calling)
  await callOrders(edge, ci)
  await api(edge, '/tokens', { token: administering })
  await api(edge, `/tokens/${revoked.id}`, { method: 'DELETE' })
  await exchange(edge, revoked.token)
  await exchange(edge, `${kept.token}x`)
  await exchange(edge, kept.token, { scope: 'nothing' })
  await form(edge, '/oauth/revoke', { token: calling })
  await form(edge, '/oauth/revoke', { token: revoked.token })
  await api(edge, '/whoami', { token: calling })
  const log = edge.workerd.output()
  await edge[Symbol.asyncDispose]()

  const files = (await readdir(stateFolder, { recursive: true, withFileTypes: true })).filter((file) =>
    file.isFile(),
  )
  const dump = (
    await Promise.all(files.map(async (file) => readFile(join(file.parentPath, file.name), 'latin1')))
  ).join('\n')
  await rm(stateFolder, { recursive: true })
  expect(dump).toContain(kept.id)
  expect(log).toContain('"event":"call"')

  const secretOf = (token: string): string => token.split('_')[2] ?? ''
  const signatureOf = (jwt: string): string => jwt.split('.')[2] ?? ''
  const markers = [
    { name: 'personal token', text: kept.token },
    { name: 'its secret', text: secretOf(kept.token) },
    { name: 'revoked token', text: secretOf(revoked.token) },
    { name: 'calling token', text: signatureOf(calling) },
    { name: 'token for administration', text: signatureOf(administering) },
    { name: 'CI token', text: signatureOf(ciToken) },
    { name: 'exchanged token', text: signatureOf(ci) },
    { name: 'admin key', text: adminKey },
    { name: 'signing key', text: (JSON.parse(signingKey) as { d: string }).d },
  ]
  expect(markers.every(({ text }) => text.length > 30)).toBe(true)
  expect(findMarkers(dump, markers)).toEqual([])
  expect(findMarkers(log, markers)).toEqual([])
})

test.each([
  ['missing', null],
  ['empty', ''],
  ['too short', 'changeme'],
])('A02: with an admin key that is %s, nothing starts', async (_what, key) => {
  await using edge = await startEdge({ adminKey: key })
  expect(await failure(await api(edge, '/whoami', { token: key === '' || key === null ? 'x' : key }))).toBe(
    '500 config_invalid',
  )
  expect(await failure(await callOrders(edge, 'any.calling.token'))).toBe('500 config_invalid')
  expect((await edge.fetch('/readyz')).status).toBe(503)
})

test('without a signing key the token service is off and says so, and the admin key still administers', async () => {
  await using edge = await startEdge({ signingKey: null })
  const { token } = await makeToken(edge)
  for (const response of [
    await exchange(edge, token),
    await form(edge, '/oauth/revoke', { token }),
    await edge.fetch('/.well-known/oauth-authorization-server'),
    await edge.fetch('/.well-known/jwks.json'),
  ]) {
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({
      error: 'temporarily_unavailable',
      error_description: expect.stringContaining('is off'),
    })
  }
  expect((await api(edge, '/tokens')).status).toBe(200)
  expect(await failure(await api(edge, '/tokens', { token: 'a.b.c' }))).toBe('401 token_invalid')
})

test('T16: while the signing key is exchanged, no token that is still good is refused', async () => {
  const stateFolder = await mkdtemp(join(tmpdir(), 'countersign-rotation-'))
  const [oldKey, newKey] = await Promise.all([makeSigningKeyText(), makeSigningKeyText()])
  const rings = [[oldKey], [oldKey, newKey], [newKey, oldKey], [newKey]]
  let before: string | null = null
  let personal: string | null = null
  for (const ring of rings) {
    await using edge = await startEdge({ stateFolder, signingKey: `[${ring.join(',')}]` })
    personal ??= (await makeToken(edge)).token
    if (before !== null) expect((await callOrders(edge, before)).status).toBe(200)
    before = await accessToken(edge, personal)
    expect((await callOrders(edge, before)).status).toBe(200)
    const { keys } = (await (await edge.fetch('/.well-known/jwks.json')).json()) as { keys: object[] }
    expect(keys).toHaveLength(ring.length)
    expect(JSON.stringify(keys)).not.toContain('"d"')
  }
  await rm(stateFolder, { recursive: true })
})
