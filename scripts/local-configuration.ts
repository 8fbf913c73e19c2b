/** The configuration of a local run: imported, parsed, and every fault told at once. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseConfig } from '../src/config/parse.ts'
import type { Configuration } from '../src/core/configuration.ts'
import { workerPortDefault } from '../src/sandbox/ports.ts'
import { sandboxMark } from '../src/sandbox/secrets.ts'
import { Complaint } from './complaint.ts'

export interface LocalConfiguration {
  /** Absolute: what the Worker imports as `#config`. */
  readonly file: string
  readonly configuration: Configuration
}

/** `npm` runs scripts in the project's folder; a FILE on the command line is meant from where the person stands. */
export const fileFromCommandLine = (file: string): string => resolve(process.env['INIT_CWD'] ?? '.', file)

/** The sandboxes' configuration, moved to another port when it is not the usual one. */
export const sandboxConfigFile = (port: number): string => {
  if (port === workerPortDefault) return resolve('src/sandbox/config.ts')
  const folder = resolve('.wrangler/countersign')
  mkdirSync(folder, { recursive: true })
  const file = resolve(folder, `sandbox-${port}.ts`)
  const source = JSON.stringify(resolve('src/sandbox/config.ts'))
  writeFileSync(file, `import { sandboxConfig } from ${source}\n\nexport default sandboxConfig(${port})\n`)
  return file
}

export const loadConfiguration = async (file: string): Promise<LocalConfiguration> => {
  const parsed = parseConfig(await importDefault(file), { signingKeys: true })
  if ('config' in parsed) return { file, configuration: parsed.config }
  const count = parsed.faults.length === 1 ? 'a fault' : `${parsed.faults.length} faults`
  const lines = parsed.faults.map(
    ({ path, message }) => `  ${path === '' ? '(the whole)' : path}: ${message}`,
  )
  throw new Complaint(`${file} has ${count}:\n${lines.join('\n')}`)
}

const importDefault = async (file: string): Promise<unknown> => {
  if (!existsSync(file)) throw new Complaint(`There is no file ${file}.`)
  try {
    const module: unknown = await import(pathToFileURL(file).href)
    if (typeof module === 'object' && module !== null && 'default' in module) return module.default
  } catch (error) {
    throw new Complaint(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  throw new Complaint(`${file} has no default export. End it with: export default defineConfig({ ... })`)
}

export interface UnsetBinding {
  readonly binding: string
  readonly neededBy: string
  readonly fault: 'missing' | 'made up for the sandboxes'
}

/** Secret bindings that the configuration names and nobody has given a value of their own. */
export const unsetBindings = (
  { upstreams, signIn }: Configuration,
  secrets: Readonly<Record<string, string>>,
): readonly UnsetBinding[] => {
  const needed: (readonly [binding: string, neededBy: string])[] = []
  for (const upstream of upstreams.values()) {
    for (const key of upstream.keys.values()) {
      for (const binding of key.versions) needed.push([binding, `key ${key.name} of ${upstream.name}`])
    }
  }
  if (signIn?.clientSecret) needed.push([signIn.clientSecret, 'signIn'])
  return needed.flatMap(([binding, neededBy]): readonly UnsetBinding[] => {
    const value = secrets[binding] ?? ''
    if (value === '') return [{ binding, neededBy, fault: 'missing' }]
    return value.includes(sandboxMark) ? [{ binding, neededBy, fault: 'made up for the sandboxes' }] : []
  })
}

/** Everything that a team was granted, as the `scope` of a token. */
export const grantedScope = (configuration: Configuration, team: string): string => {
  const known = configuration.teams.get(team)
  if (known === undefined) {
    const names = [...configuration.teams.keys()].join(', ')
    throw new Complaint(`The configuration has no team ${team}. It has: ${names}.`)
  }
  return [...known.grants]
    .flatMap(([upstream, { scopes }]) => [
      ...[...scopes.exact].map((scope) => `${upstream}:${scope}`),
      ...scopes.prefixes.map((prefix) => `${upstream}:${prefix}*`),
    ])
    .join(' ')
}
