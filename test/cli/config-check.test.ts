import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Home, makeHome } from './run-cli.ts'

let home: Home
beforeEach(() => {
  home = makeHome()
})
afterEach(() => home.remove())

const put = (source: string, name = 'countersign.config.ts'): string => {
  writeFileSync(join(home.path, name), source)
  return join(home.path, name)
}

it('finds nothing wrong with the example of the repository', async () => {
  const ended = await home.run(['config', 'check', resolve('countersign.config.ts')])
  expect(ended).toMatchObject({ code: 0, stdout: `${resolve('countersign.config.ts')} is sound.\n` })
})

it('tells every fault with its path and ends with 1', async () => {
  put(`export default { url: 'https://edge.acme.example/', upstreams: {
    orders: { url: 'http://orders.acme.example', sign: { scheme: 'bearer' }, keys: { main: 'lower case' }, routs: {} } } }`)
  const { code, stdout, stderr } = await home.run(['config', 'check'])
  expect(code).toBe(1)
  expect(stdout).toMatch(/^url: /m)
  expect(stdout).toMatch(/^upstreams\.orders\.url: /m)
  expect(stdout).toMatch(/^upstreams\.orders\.keys\.main: /m)
  expect(stdout).toMatch(/^upstreams\.orders\.routs: unknown field/m)
  expect(stderr).toMatch(/countersign: .*countersign\.config\.ts has \d+ faults\./)
})

it('gives the faults as JSON', async () => {
  put('export default { url: 1, upstreams: {}, teams: {} }')
  const { code, stdout, stderr } = await home.run(['config', 'check', '--json'])
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, faults: [{ path: 'url' }] })
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'config_invalid', exitCode: 1 } })
})

it.each([
  ['a comma that is missing', "export default {\n  url: 'x'\n  teams: {},\n}", 3],
  ['a name that nothing declares', 'const a: number = 1\n\nexport default { a, upstreams: plugipay() }', 3],
])('names the line of %s', async (_, source, line) => {
  put(source)
  const { stderr } = await home.run(['config', 'check'])
  expect(stderr).toContain(`countersign.config.ts:${line} cannot be read: `)
})

it.each([
  ['a file that is not there', null, 5, 'There is no'],
  ['a file without a default export', 'export const a = 1', 1, 'has no default export'],
  ['a file that does not parse', 'export default {', 1, 'cannot be read'],
  ['a file that throws', "throw new Error('from the file')", 1, 'from the file'],
  ['an import that is missing', "import './gone.ts'; export default {}", 1, 'cannot be read'],
])('says what is wrong with %s', async (_, source, code, said) => {
  if (source !== null) put(source)
  const ended = await home.run(['config', 'check'])
  expect(ended).toMatchObject({ code, stdout: '' })
  expect(ended.stderr).toMatch(said)
  expect(ended.stderr).not.toMatch(/\n\s+at /)
})

it('says what makes a module of a file that Node takes for CommonJS', async () => {
  put('{ "type": "commonjs" }', 'package.json')
  put('export default {}')
  const { code, stderr } = await home.run(['config', 'check'])
  expect(code).toBe(1)
  expect(stderr).toMatch('Put "type": "module" into the package.json')
})

it('does not take a file for sound that never comes to its end', async () => {
  put('{ "type": "module" }', 'package.json')
  put('export default await new Promise(() => {})')
  expect(await home.run(['config', 'check'])).toMatchObject({ code: 1, stdout: '' })
})
