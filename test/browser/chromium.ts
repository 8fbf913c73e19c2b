/** A real Chromium, out of an npm package: no system package is needed, and nothing is downloaded. */
import chromium from '@sparticuz/chromium'
import { type Browser, chromium as playwright } from 'playwright-core'

export const launchChromium = async (): Promise<Browser> =>
  playwright.launch({
    executablePath: await chromium.executablePath(),
    // None of the package's own switches: they loosen what we test, and put all pages into one process.
    args: ['--no-sandbox', '--disable-gpu'],
    headless: true,
  })
