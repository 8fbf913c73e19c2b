/** A real Chromium, out of an npm package: no system package is needed, and nothing is downloaded. */
import chromium from '@sparticuz/chromium'
import { type Browser, chromium as playwright } from 'playwright-core'

export const launchChromium = async (): Promise<Browser> =>
  playwright.launch({
    executablePath: await chromium.executablePath(),
    // What the package needs to run anywhere, but not its switches that loosen what we test (web security, origins).
    args: [
      ...chromium.args.filter((arg) => !/web-security|site-isolation|isolate-origins/.test(arg)),
      '--no-sandbox',
    ],
    headless: true,
  })
