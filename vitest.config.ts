import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

/** No test is timed; this only ends one that hangs, on a machine that may be busy with something else. */
const testTimeout = 60_000

/** Pure parts run in Node; `*.workerd.test.ts` runs inside workerd, against the Worker of wrangler.toml. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          environment: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.workerd.test.ts', 'test/raw/**', 'test/browser/**'],
          testTimeout,
        },
      },
      {
        // Bytes over sockets to `workerd serve` on the production bundle: test/raw/harness.
        test: {
          name: 'raw',
          environment: 'node',
          include: ['test/raw/**/*.test.ts'],
          testTimeout,
          hookTimeout: 180_000,
        },
      },
      {
        // People's pages in a Chromium out of an npm package, against the same build: test/browser.
        test: {
          name: 'browser',
          environment: 'node',
          include: ['test/browser/**/*.test.ts'],
          testTimeout,
          hookTimeout: 180_000,
        },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: './wrangler.toml' } })],
        test: {
          name: 'workerd',
          include: ['test/**/*.workerd.test.ts'],
          exclude: ['test/accounts/**'],
          testTimeout,
        },
      },
      {
        // The account alone, with limits and a clock of the tests' own.
        plugins: [cloudflareTest({ wrangler: { configPath: './test/workerd/accounts/wrangler.toml' } })],
        test: { name: 'accounts', include: ['test/accounts/*.workerd.test.ts'], testTimeout },
      },
    ],
  },
})
