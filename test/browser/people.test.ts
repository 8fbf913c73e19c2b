/** People at their pages, in a real Chromium, signed in by a certified provider. No page of ours has a script. */
import { resolve } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Home, makeHome } from '../cli/run-cli.ts'
import { adminKey, beginDevice, type PeopleEdge, startPeopleEdge } from '../raw/people/edge.ts'
import { launchChromium } from './chromium.ts'
import { type CertifiedProvider, startCertifiedProvider } from './provider.ts'
import { type Site, shopPage, startSite } from './shop.ts'

let chromium: Browser
let provider: CertifiedProvider
let shop: Site
let stranger: Site
let edge: PeopleEdge
let context: BrowserContext
let page: Page
let home: Home
/** What pages of ours complained about: scripts and styles that the policy refused, above all. */
let complaints: string[]

beforeAll(async () => {
  chromium = await launchChromium()
  provider = await startCertifiedProvider()
  shop = await startSite(() => shopPage(edge.url))
  stranger = await startSite(() => shopPage(edge.url))
  edge = await startPeopleEdge({
    issuer: provider.url,
    clients: { shop: { redirectUris: [`${shop.origin}/callback`] } },
    origins: [shop.origin],
  })
  provider.register(edge.url)
})
afterAll(async () => {
  await chromium.close()
  await edge[Symbol.asyncDispose]()
  await Promise.all([provider.close(), shop.close(), stranger.close()])
})

beforeEach(async () => {
  context = await chromium.newContext()
  page = await context.newPage()
  complaints = []
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) complaints.push(message.text())
  })
  home = makeHome()
})
afterEach(async () => {
  await context.close()
  home.remove()
})

const bySignIn = async (name: string): Promise<void> => {
  await page.getByRole('link', { name: 'Continue with' }).click()
  await page.locator('input[name=login]').fill(name)
  await page.locator('input[name=password]').fill('any')
  await page.locator('button[type=submit]').click()
  await page.locator('button[type=submit]').click()
}

const heading = () => page.getByRole('heading', { level: 1 }).textContent()

describe('a person', () => {
  it('signs in at the company, makes a token, revokes it, and signs out', async () => {
    await page.goto(`${edge.url}/dashboard/tokens`)
    expect(await heading()).toBe('Sign in')
    await bySignIn('lin')
    await page.waitForURL(`${edge.url}/dashboard/tokens`)
    expect(await page.locator('header').textContent()).toContain('signin/lin')
    const [cookie] = (await context.cookies(edge.url)).filter(({ name }) => name.includes('session'))
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax' })
    expect(await page.evaluate('document.cookie')).toBe('')

    await page.getByLabel('Name').fill('laptop')
    await page.getByLabel('orders:order:*').check()
    await page.getByRole('button', { name: 'Make the token' }).click()
    expect(await page.locator('output').textContent()).toMatch(/^cst_/)
    await page.getByRole('button', { name: 'Revoke laptop' }).click()
    await page.waitForURL(/team=checkout/)
    expect(await page.getByRole('listitem').filter({ hasText: 'laptop' }).textContent()).toContain(
      '(revoked)',
    )

    await page.getByRole('button', { name: 'Sign out' }).click()
    expect(await heading()).toBe('You are signed out')
    await page.goto(`${edge.url}/dashboard/tokens`)
    expect(await heading()).toBe('Sign in')
    expect(complaints).toEqual([])
  })

  it('signs in with the admin key, by the keyboard alone', async () => {
    await page.goto(`${edge.url}/oauth/sign-in`)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    await page.keyboard.type('not the key')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').waitFor()
    await page.getByLabel('Admin key').fill(adminKey)
    await page.keyboard.press('Enter')
    await page.waitForURL(`${edge.url}/dashboard/tokens`)
    expect(await page.locator('header').textContent()).toContain('admin-key')
    expect(complaints).toEqual([])
  })

  it('logs in a terminal by its code, and the terminal calls an upstream', async () => {
    const ended = home.run(['login', '--url', edge.url, '--device'], {
      onOutput: onceFound(/code ([A-Z]{4}-[A-Z]{4})/, async (code) => {
        await page.goto(`${edge.url}/device`)
        await bySignIn('ada')
        await page.getByLabel('Code').fill(code.toLowerCase().replace('-', ' '))
        await page.keyboard.press('Enter')
        await page.getByRole('button', { name: 'Allow', exact: true }).click()
        await page.getByText('Go back to your device').waitFor()
      }),
    })
    expect(await ended).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('as signin/ada (admin of checkout)'),
    })
    expect(await home.run(['call', 'orders/orders'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('ok'),
    })
    expect(complaints).toEqual([])
  })

  it('logs in a terminal of the same computer, by its page', async () => {
    const ended = await home.run(['login', '--url', edge.url, '--browser'], {
      env: { BROWSER: resolve('/bin/true') },
      onOutput: onceFound(/\n {2}(http:\S+)\n/, async (address) => {
        await page.goto(address)
        await bySignIn('ada')
        await page.getByRole('button', { name: 'Allow', exact: true }).click()
        await page.getByText('You are logged in').waitFor()
      }),
    })
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('as signin/ada') })
    expect(await home.run(['call', 'orders/orders'])).toMatchObject({ code: 0 })
    expect(await home.run(['logout'])).toMatchObject({ code: 0 })
    expect(complaints).toEqual([])
  })
})

describe('a page on another origin', () => {
  it('that is allowed gets a token and calls an upstream; one that is not cannot', async () => {
    await page.goto(shop.origin)
    await page.getByRole('button', { name: 'Log in' }).click()
    await bySignIn('lin')
    await page.getByRole('button', { name: 'Allow', exact: true }).click()
    await page.waitForURL(`${shop.origin}/callback?*`)
    await expect
      .poll(() => page.locator('#result').textContent())
      .toBe('{"scope":"orders:order:read","status":200,"body":"ok"}')
    const token: unknown = await page.evaluate('window.token')

    const calls = `Promise.allSettled([
      fetch('${edge.url}/orders/orders', { headers: { authorization: 'Bearer ${String(token)}' } }),
      fetch('${edge.url}/oauth/token', { method: 'POST', body: new URLSearchParams({ grant_type: 'refresh_token' }) }),
      fetch('${edge.url}/dashboard/tokens', { credentials: 'include' }),
    ]).then((all) => all.map(({ status }) => status))`
    await page.goto(stranger.origin)
    expect(await page.evaluate(calls)).toEqual(['rejected', 'rejected', 'rejected'])
    await page.goto(shop.origin)
    expect(await page.evaluate(calls)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
  })

  it('A03, T11: cannot approve a device for who is signed in', async () => {
    await page.goto(`${edge.url}/dashboard/tokens`)
    await bySignIn('lin')
    await page.waitForURL(`${edge.url}/dashboard/tokens`)
    const device = await beginDevice(edge)
    await page.goto(stranger.origin)
    const [answer] = await Promise.all([
      page.waitForResponse(`${edge.url}/device`),
      page.evaluate(`{
        const form = document.createElement('form')
        form.method = 'post'
        form.action = '${edge.url}/device'
        form.innerHTML = '<input name=user_code value=${device.user_code}><input name=decision value=approve>'
        document.body.append(form)
        form.submit()
      }`),
    ])
    // Without its SameSite cookie the form is nobody's: it leads to the sign-in page, or is refused.
    expect([303, 403]).toContain(answer.status())
    await expect.poll(heading).toMatch(/^(?:Sign in|That did not come from this page)$/)
    await page.goto(device.verification_uri_complete)
    expect(await heading()).toBe('Allow the Countersign command line?')
  })

  it('A05: shows none of our pages in a frame', async () => {
    await page.goto(stranger.origin)
    const refused = page.waitForEvent('console', (message) => /frame-ancestors/.test(message.text()))
    await page.evaluate(`{
      const frame = document.createElement('iframe')
      frame.src = '${edge.url}/oauth/sign-in'
      document.body.append(frame)
    }`)
    expect((await refused).text()).toContain("frame-ancestors 'none'")
    for (const frame of page.frames().slice(1)) expect(await frame.content()).not.toContain('Admin key')
  })
})

/** Calls it once, with the first group, when what a process says has this form. A failure there fails the test. */
const onceFound = (form: RegExp, act: (found: string) => Promise<void>) => {
  let done = false
  return (text: string): void => {
    const [, found] = form.exec(text) ?? []
    if (found === undefined || done) return
    done = true
    void act(found)
  }
}
