/**
 * The repository checks its own layout: imports point one way, the pure parts stay pure, the pipeline's brands
 * are made in one place each.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'

interface Import {
  /** `src/http/proxy.ts` */
  readonly from: string
  /** A path inside of the repository, or the name of a package. */
  readonly to: string
  /** Erased when it runs: cannot make a cycle. */
  readonly typeOnly: boolean
}

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((file) => join('src', file))
  .filter((file) => /\.tsx?$/.test(file))

const importForm =
  /(?:^|\n)\s*(?:import|export)\s+(type\s+)?((?:[^'";]*?\sfrom\s+)?)['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g

const importsOf = (file: string): readonly Import[] =>
  [...readFileSync(file, 'utf8').matchAll(importForm)].map(([, type, , fixed, dynamic]) => {
    const name = fixed ?? dynamic ?? ''
    const to = name.startsWith('.') ? normalize(join(dirname(file), name)) : name
    return { from: file, to, typeOnly: type !== undefined }
  })

const imports = sources.flatMap(importsOf)

/** `src/http/proxy.ts` -> `http`; `src/worker.ts` -> `worker`; packages keep their name. */
const room = (path: string): string =>
  path.startsWith('src/') ? (path.split('/')[1] ?? '').replace(/\.tsx?$/, '') : path

const isPackage = (path: string): boolean => !path.startsWith('src/')

/** What each room may import, beside itself. `node` stands for Node's built-in modules. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: ['structured-headers'],
  signing: ['core', 'structured-headers'],
  upstreams: ['core', 'signing'],
  config: ['core', 'signing', 'upstreams', 'jose'],
  identity: ['core', 'signing', 'jose'],
  credentials: ['core', 'signing'],
  accounts: ['core', 'cloudflare:workers'],
  tokens: ['core', 'cloudflare:workers'],
  http: [
    ...['core', 'signing', 'upstreams', 'config', 'identity', 'credentials', 'accounts', 'tokens'],
    ...['hono', 'jose', 'structured-headers'],
  ],
  cli: [
    'core',
    'config',
    'signing',
    'client',
    'node',
    'jose',
    'commander',
    '@clack/prompts',
    'oauth4webapi',
    'open',
  ],
  client: [],
  sandbox: ['node'],
}

/** WebCrypto has no MD5 on Node; Node's module has it there and on workerd. */
const nodeFiles = ['src/signing/md5.ts']

/** Only these two Durable Object files may know the platform. */
const objectFiles = ['src/accounts/team-account.ts', 'src/tokens/directory.ts']

const packageName = (to: string): string => {
  if (to.startsWith('node:')) return 'node'
  const [scope = '', name = ''] = to.split('/')
  return to.startsWith('@') ? `${scope}/${name}` : to.startsWith('cloudflare:') ? to : scope
}

const allowed = ({ from, to, typeOnly }: Import): boolean => {
  const [own, target] = [room(from), isPackage(to) ? packageName(to) : room(to)]
  if (own === 'worker' || own === target) return true
  if (from === 'src/sandbox/config.ts') return ['config', 'upstreams'].includes(target)
  if (own === 'core' && target === 'signing') return typeOnly
  if (own === 'sandbox' && target === 'config') return typeOnly
  if (own === 'client') return typeOnly
  if (target === 'node' && nodeFiles.includes(from)) return true
  if (target === 'cloudflare:workers') return typeOnly || objectFiles.includes(from)
  return mayImport[own]?.includes(target) ?? false
}

describe('imports', () => {
  it('are found at all', () => {
    expect(imports.length).toBeGreaterThan(50)
  })

  it('point one way', () => {
    const wrong = imports.filter((one) => !allowed(one)).map(({ from, to }) => `${from} -> ${to}`)
    expect(wrong).toEqual([])
  })

  it('name files that exist, with their ending', () => {
    const wrong = imports.filter(({ to }) => to.startsWith('src/') && !existsSync(to))
    expect(wrong).toEqual([])
  })

  it('make no cycle', () => {
    expect(findCycle(imports.filter(({ typeOnly, to }) => !typeOnly && to.startsWith('src/')))).toEqual([])
  })

  it('leave no room of src without a rule', () => {
    const rooms = new Set(sources.map(room))
    expect([...rooms].filter((name) => name !== 'worker' && mayImport[name] === undefined)).toEqual([])
  })
})

/** The files of one cycle, in order; empty when there is none. */
const findCycle = (edges: readonly Import[]): readonly string[] => {
  const next = new Map<string, string[]>()
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to])
  const finished = new Set<string>()
  const visit = (file: string, path: readonly string[]): readonly string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (finished.has(file)) return []
    for (const to of next.get(file) ?? []) {
      const cycle = visit(to, [...path, file])
      if (cycle.length > 0) return cycle
    }
    finished.add(file)
    return []
  }
  for (const file of next.keys()) {
    const cycle = visit(file, [])
    if (cycle.length > 0) return cycle
  }
  return []
}

/** Code without its comments and the text of its strings, so that a word in a sentence is no use of it. */
const codeOf = (file: string): string =>
  readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|[^:'"`\\])\/\/.*$/gm, '$1')
    .replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''")

describe('the pure parts', () => {
  const impure: readonly (readonly [name: string, form: RegExp])[] = [
    ['the clock', /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\b/],
    ['randomness', /\bMath\.random\b|\brandomUUID\b|\bgetRandomValues\b/],
    ['the network', /(?<![.\w])fetch\(|\bWebSocket\b/],
    ['the console', /\bconsole\b/],
    ['the environment', /(?<![.\w])env\b|\bprocess\b/],
    ['timers', /\bsetTimeout\b|\bsetInterval\b/],
  ]
  const pure = sources.filter((file) => ['core', 'signing'].includes(room(file)))

  it.each(impure)('core and signing do not touch %s', (_name, form) => {
    expect(pure.length).toBeGreaterThan(10)
    expect(pure.filter((file) => form.test(codeOf(file)))).toEqual([])
  })
})
