/** `createFetch` in a real Chromium: a page of one origin, Countersign at another, a stranger at a third. */
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import {
  type Fake,
  makeJwt,
  problem,
  type Received,
  type Reply,
  startFake,
} from '../client/fake-countersign.ts'
import { launchChromium } from './chromium.ts'

let browser: Browser
let library: string
let site: Fake
let edge: Fake
let stranger: Fake
let page: Page

beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: ['src/client/index.ts'],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    globalName: 'countersign',
  })
  library = outputFiles[0]?.text ?? ''
  browser = await launchChromium()
  page = await browser.newPage()
}, 120_000)
afterAll(() => browser.close())

const cors = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': '*',
  'access-control-allow-headers': 'authorization, countersign-key, content-type',
  'access-control-allow-methods': 'GET, POST',
}

/** Answers preflights, and everything else as it says. */
const answers = (fake: Fake, reply: (request: Received) => Reply): void =>
  fake.handle((request) => {
    if (request.method === 'OPTIONS') return { status: 204, headers: cors }
    const { headers, ...rest } = reply(request)
    return { ...rest, headers: { ...cors, ...headers } }
  })

const calls = (fake: Fake) => fake.received.filter(({ method }) => method !== 'OPTIONS')

beforeEach(async () => {
  ;[site, edge, stranger] = await Promise.all([startFake(), startFake(), startFake()])
  const html = `<!doctype html><title>shop</title><script>${library}</script>`
  site.handle(() => ({ headers: { 'content-type': 'text/html' }, body: html }))
  answers(stranger, () => ({ body: '"stranger"' }))
  await page.goto(site.origin)
}, 60_000)
afterEach(() => Promise.all([site.close(), edge.close(), stranger.close()]))

/** Calls from the page, with a provider that hands out these tokens one after the other. */
const callFromPage = (path: string, tokens: readonly string[], init: object = {}): Promise<unknown> =>
  page.evaluate(`(async () => {
    const tokens = ${JSON.stringify(tokens)}
    const tokenProvider = () => tokens.shift()
    const fetch = countersign.createFetch({ url: '${edge.origin}', tokenProvider, key: 'test' })
    const response = await fetch('${path}', ${JSON.stringify(init)})
    return [response.status, await response.text()]
  })()`)

const jwt = (jti: string): string => makeJwt({ jti, exp: Math.floor(Date.now() / 1000) + 300 })

it('calls with the token and the key, past a preflight', async () => {
  answers(edge, () => ({ body: '"hello"' }))
  const token = jwt('a')
  const post = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }
  expect(await callFromPage('/plugipay/a', [token], post)).toEqual([200, '"hello"'])
  expect(calls(edge)).toMatchObject([
    {
      method: 'POST',
      target: '/plugipay/a',
      body: '{}',
      headers: { authorization: `Bearer ${token}`, 'countersign-key': 'test', origin: site.origin },
    },
  ])
}, 60_000)

it('asks for a new token when one was revoked, and calls once more', async () => {
  const [old, fresh] = [jwt('old'), jwt('fresh')]
  answers(edge, ({ headers }) =>
    headers.authorization === `Bearer ${fresh}`
      ? { body: '"hello"' }
      : problem(401, 'token_revoked', 'Revoked.'),
  )
  expect(await callFromPage('/plugipay/a', [old, fresh])).toEqual([200, '"hello"'])
}, 60_000)

it('L05: a redirect to another host carries no token', async () => {
  answers(edge, () => ({ status: 302, headers: { location: `${stranger.origin}/b` } }))
  expect(await callFromPage('/plugipay/a', [jwt('a')])).toEqual([200, '"stranger"'])
  expect(calls(stranger)).toHaveLength(1)
  expect(JSON.stringify(stranger.received)).not.toMatch(/Bearer|eyJ/)
}, 60_000)
