import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
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
