import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import example from '../../countersign.config.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { problems } from '../../src/core/problems.ts'
import sandbox from '../../src/sandbox/config.ts'
import { schemes } from '../../src/signing/index.ts'

const readme = readFileSync('README.md', 'utf8')
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  scripts: Readonly<Record<string, string>>
}

const section = (title: string): string =>
  readme.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? ''

describe('README', () => {
  it('lists every error with its status and title, and no other', () => {
    const rows = [...section('Errors').matchAll(/^\| (\d{3}) \| `(\w+)` \| (.+) \|$/gm)]
    const listed = rows.map(([, status, code, title]) => [code, Number(status), title])
    const known = Object.entries(problems).map(([code, { status, title }]) => [code, status, title])
    expect(new Set(listed.map(String))).toEqual(new Set(known.map(String)))
  })

  it('lists every signing scheme, and no other', () => {
    const listed = [...section('Configuration').matchAll(/^ {2}\| `([\w-]+)` \|.*\|$/gm)].map(
      ([, name]) => name,
    )
    expect(new Set(listed)).toEqual(new Set(Object.keys(schemes)))
  })

  it('names only commands that package.json has', () => {
    const named = [...readme.matchAll(/\bnpm (?:run (?:-s )?)?([a-z:]+)\b/g)].map(([, name]) => name ?? '')
    const commands = named.filter((name) => !['ci', 'registry', 'install'].includes(name))
    expect(commands).toContain('start')
    expect(commands.filter((name) => scripts[name] === undefined)).toEqual([])
  })

  it('names only files that are there', () => {
    const named = [
      ...readme.matchAll(/`((?:src|scripts|docs|test|bench)\/[\w./-]*|[\w-]+\.(?:config\.ts|toml))`/g),
    ]
    expect(named.map(([, file]) => file ?? '').filter((file) => !existsSync(file))).toEqual([])
  })

  it('leads to every page of docs', () => {
    const pages = readdirSync('docs').filter((name) => name.endsWith('.md'))
    expect(pages.filter((name) => !readme.includes(`](docs/${name})`))).toEqual([])
  })

  it('and the pages of docs link only to what is there', () => {
    const pages = ['README.md', ...readdirSync('docs').map((name) => `docs/${name}`)]
    const links = pages
      .filter((page) => page.endsWith('.md'))
      .flatMap((page) =>
        [...readFileSync(page, 'utf8').matchAll(/\]\(([\w./-]+\.\w+)\)/g)].map(([, target]) =>
          join(page, '..', target ?? ''),
        ),
      )
    expect(links.length).toBeGreaterThan(10)
    expect(links.filter((target) => !existsSync(target))).toEqual([])
  })

  it('shows a configuration that parses', () => {
    const [, code] = /```ts\n([\s\S]*?)```/.exec(section('Configuration')) ?? []
    const data = (code ?? '')
      .replace(/^import .*$/gm, '')
      .replace('export default defineConfig(', 'console.log(JSON.stringify(')
      .replace(/\}\)\s*$/, '}))')
    const imports = [...(code ?? '').matchAll(/import \{ (\w+) \} from '\.\/(.*)'/g)]
      .filter(([, name]) => name !== 'defineConfig')
      .map(([, name, file]) => `const { ${name} } = await import('${process.cwd()}/${file}')`)
    const program = [...imports, data].join('\n')
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    })
    expect(parseConfig(JSON.parse(output), { signingKeys: true })).toHaveProperty('config')
  })
})

describe('the configurations that come along', () => {
  it.each([
    ['countersign.config.ts', example],
    ['src/sandbox/config.ts', sandbox],
  ] as const)('%s has no fault', (_file, config) => {
    expect(parseConfig(config, { signingKeys: true })).toHaveProperty('config')
  })

  it('the example holds no secret, only names of bindings', () => {
    expect(readFileSync('countersign.config.ts', 'utf8')).not.toMatch(/(?:sk|pk|op)_(?:live|test)_|Bearer /)
  })
})
