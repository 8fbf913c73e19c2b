import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { makeJwt, startFake } from './fake-countersign.ts'

const page = readFileSync('docs/client.md', 'utf8')

it('the job without a stored secret does as docs/client.md shows it', async () => {
  const fake = await startFake()
  const idToken = makeJwt({ iss: 'https://token.actions.githubusercontent.com' })
  fake.personalTokens.set(idToken, { team: 'checkout' })
  fake.handle(({ target }) => (target.startsWith('/oidc') ? { body: { value: idToken } } : null))
  fake.handle(({ target, headers }) =>
    target === '/orders/orders' && headers.authorization !== undefined ? { body: '["order"]' } : null,
  )
  const client = pathToFileURL(resolve('src/client/index.ts')).href
  const [, code = ''] = /```js\n([\s\S]*?)```/.exec(page) ?? []
  const program = code
    .replace("'countersign/client'", `'${client}'`)
    .replace('https://edge.acme.example', fake.origin)
  const env = {
    ...process.env,
    ACTIONS_ID_TOKEN_REQUEST_URL: `${fake.origin}/oidc?api=1`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'made-up',
  }
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    env,
  })
  await fake.close()
  expect(stdout).toBe("[ 'order' ]\n")
  expect(fake.received.map(({ target }) => target)).toEqual([
    `/oidc?api=1&audience=${encodeURIComponent(fake.origin)}`,
    '/oauth/token',
    '/orders/orders',
  ])
})

it('docs/client.md names every option', () => {
  const source = readFileSync('src/client/create-fetch.ts', 'utf8')
  const options = new Set([...source.matchAll(/^ +readonly (\w+)\??:/gm)].map(([, name]) => name))
  const listed = new Set([...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name))
  expect(listed).toEqual(options)
})

it('the examples of the documentation pass the strictest check of types', () => {
  const pages = readdirSync('docs').filter((name) => name.endsWith('.md'))
  const blocks = pages.flatMap((name) =>
    [...readFileSync(`docs/${name}`, 'utf8').matchAll(/```ts\n(import \{ createFetch \}[\s\S]*?)```/g)].map(
      ([, code = '']) => code,
    ),
  )
  expect(blocks.length).toBeGreaterThanOrEqual(3)
  // In the project, since a consumer's compiler finds the types of Node there.
  const folder = mkdtempSync(resolve('node_modules/.documentation-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const sdk = 'declare module "plugipay" { export class Plugipay { constructor(options: object) } }'
  const files = blocks.map((code, at) => [`example-${at}.mts`, code] as const)
  for (const [name, text] of [...files, ['plugipay.d.ts', sdk] as const])
    writeFileSync(join(folder, name), text)
  const compilerOptions = {
    ...{ noEmit: true, target: 'es2022', module: 'nodenext', types: ['node'], lib: ['es2023'] },
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    ...{ allowImportingTsExtensions: true, skipLibCheck: true },
    paths: { 'countersign/client': [resolve('src/client/index.ts')] },
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*'] }))
  const tsc = resolve('node_modules/typescript/bin/tsc')
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
  expect([stdout, status]).toEqual(['', 0])
})
