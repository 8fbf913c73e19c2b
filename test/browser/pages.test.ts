/**
 * How the pages read: on a narrow phone, in both colour schemes, and to a screen reader, which hears the
 * accessibility tree that Chromium builds.
 */
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { adminKey, beginDevice, cli, type PeopleEdge, startPeopleEdge } from '../raw/people/edge.ts'
import { launchChromium } from './chromium.ts'

let chromium: Browser
let edge: PeopleEdge
/** Cookies of an admin; how often one may sign in with the admin key is bounded. */
let admin: StorageState

type StorageState = Awaited<ReturnType<BrowserContext['storageState']>>

beforeAll(async () => {
  chromium = await launchChromium()
  edge = await startPeopleEdge()
  const context = await chromium.newContext()
  const page = await context.newPage()
  await page.goto(`${edge.url}/oauth/sign-in`)
  await page.locator('details summary').click()
  await page.getByLabel('Admin key').fill(adminKey)
  await page.keyboard.press('Enter')
  await page.waitForURL(/dashboard/)
  admin = await context.storageState()
  await context.close()
})
afterAll(async () => {
  await chromium.close()
  await edge[Symbol.asyncDispose]()
})

const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

type Visitor = 'nobody' | 'admin'

/** Every page of ours, with how a person comes there. */
const pages: readonly (readonly [name: string, as: Visitor, open: (page: Page) => Promise<unknown>])[] = [
  ['sign-in', 'nobody', (page) => page.goto(`${edge.url}/oauth/sign-in`)],
  [
    'sign-in, with a wrong key',
    'nobody',
    async (page) => {
      await page.goto(`${edge.url}/oauth/sign-in`)
      await page.locator('details summary').click()
      await page.getByLabel('Admin key').fill('not the key')
      await page.keyboard.press('Enter')
      await page.getByRole('alert').waitFor()
    },
  ],
  ['device', 'admin', (page) => page.goto(`${edge.url}/device`)],
  [
    'approval of a device',
    'admin',
    async (page) => {
      const { user_code: code } = await beginDevice(edge)
      await page.goto(`${edge.url}/device`)
      await page.getByLabel('Code').fill(code)
      await page.keyboard.press('Enter')
      await page.getByRole('button', { name: 'Allow', exact: true }).waitFor()
    },
  ],
  [
    'consent',
    'admin',
    async (page) => {
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: cli,
        redirect_uri: 'http://127.0.0.1:1/callback',
        code_challenge: challenge,
        code_challenge_method: 'S256',
        state: 'a-state',
      })
      await page.goto(`${edge.url}/oauth/authorize?${query}`)
      await page.getByRole('button', { name: 'Allow', exact: true }).waitFor()
    },
  ],
  ['tokens', 'admin', (page) => page.goto(`${edge.url}/dashboard/tokens`)],
  [
    'a new token',
    'admin',
    async (page) => {
      await page.goto(`${edge.url}/dashboard/tokens`)
      await page.getByLabel('Name', { exact: true }).fill('a name of quite some length, to be wrapped')
      await page.getByRole('checkbox').first().check()
      await page.getByRole('button', { name: 'Make the token' }).click()
      await page.locator('output').waitFor()
    },
  ],
  ['sign-out', 'admin', (page) => page.goto(`${edge.url}/oauth/sign-out`)],
  ['all problems', 'nobody', (page) => page.goto(`${edge.url}/problems`)],
  ['one problem', 'nobody', (page) => page.goto(`${edge.url}/problems/rate_limited`)],
]

/** WCAG 2.2: relative luminance and contrast, of every text and its nearest background. */
const lowContrast = `(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number)
  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
  const backgroundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor)
      if (colour.length === 3 || colour[3] > 0.99) return colour
    }
    return [255, 255, 255]
  }
  const found = []
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '')
    if (!own || element.getClientRects().length === 0) continue
    const [one, other] = [parse(getComputedStyle(element).color), backgroundOf(element)].map(luminance)
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
    if (contrast < 4.5) found.push(element.textContent.trim().slice(0, 40) + ' ' + contrast.toFixed(2))
  }
  return found
})()`

const unnamed = `[...document.querySelectorAll('input:not([type=hidden]),select,textarea')]
  .filter((field) => field.labels.length === 0 && !field.hasAttribute('aria-label')).map((field) => field.outerHTML)`

const contextOf = (visitor: Visitor, options: BrowserContextOptions = {}): Promise<BrowserContext> =>
  chromium.newContext({ ...options, ...(visitor === 'admin' ? { storageState: admin } : {}) })

describe.each(pages)('the page: %s', (name, visitor, open) => {
  it.each(['light', 'dark'] as const)(
    'fits a screen of 320 pixels and has the contrast of WCAG AA (%s)',
    async (colorScheme) => {
      const context = await contextOf(visitor, { colorScheme, viewport: { width: 320, height: 640 } })
      try {
        const page = await context.newPage()
        await open(page)
        const shots = process.env['COUNTERSIGN_SCREENSHOTS']
        if (shots !== undefined)
          await page.screenshot({ path: `${shots}/${name}-${colorScheme}.png`, fullPage: true })
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320)
        expect(await page.evaluate(lowContrast)).toEqual([])
      } finally {
        await context.close()
      }
    },
  )

  it('tells a screen reader its language, title, one main part under one heading, and the name of every field', async () => {
    const context = await contextOf(visitor)
    try {
      const page = await context.newPage()
      await open(page)
      expect(await page.evaluate('document.documentElement.lang')).toBe('en')
      const heading = page.getByRole('main').getByRole('heading', { level: 1 })
      expect(await page.title()).toBe(`${await heading.textContent()} · Countersign`)
      expect(await page.evaluate(unnamed)).toEqual([])
      for (const button of await page.getByRole('button').all())
        expect((await button.textContent())?.trim()).not.toBe('')
    } finally {
      await context.close()
    }
  })
})

describe('more tokens than one page holds', () => {
  const makeTokens = async (count: number): Promise<void> => {
    for (let made = 0; made < count; made += 1) {
      const answer = await fetch(`${edge.url}/api/tokens`, {
        method: 'POST',
        headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ name: `token ${made}`, team: 'search', scopes: [], expiresIn: '30d' }),
      })
      expect(answer.status).toBe(201)
    }
  }

  it('are all there, a page behind a link that the keyboard reaches and that needs no script', async () => {
    await makeTokens(201)
    const context = await contextOf('admin', { javaScriptEnabled: false })
    try {
      const page = await context.newPage()
      const names = () => page.locator('.list strong').allTextContents()
      const older = page.getByRole('link', { name: 'Older tokens' })
      await page.goto(`${edge.url}/dashboard/tokens?team=search`)
      expect(await names()).toEqual(Array.from({ length: 200 }, (_, at) => `token ${200 - at}`))
      await older.focus()
      await page.keyboard.press('Enter')
      await page.waitForURL(/cursor=/)
      expect(await page.getByRole('heading', { level: 2 }).last().textContent()).toBe('Tokens of search')
      expect(await names()).toEqual(['token 0'])
      expect(await older.count()).toBe(0)
      const place = page.url()
      await page.getByRole('button', { name: 'Revoke token 0' }).click()
      await page.getByText('(revoked)').waitFor()
      expect(page.url()).toBe(place)
    } finally {
      await context.close()
    }
  })

  it('are no reason to show anything for a cursor that no page handed out', async () => {
    const context = await contextOf('admin')
    try {
      const page = await context.newPage()
      const answer = await page.goto(`${edge.url}/dashboard/tokens?team=search&cursor=200`)
      expect(answer?.status()).toBe(400)
      expect(await page.getByRole('alert').textContent()).toBe('Send cursor as next was in the page before.')
    } finally {
      await context.close()
    }
  })
})
