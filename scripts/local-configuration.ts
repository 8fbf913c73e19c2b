/** The configuration of a local run: imported, parsed, and every fault told at once. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { placeOfFault } from '../src/cli/import-fault.ts'
import { type ConfigFault, parseConfig } from '../src/config/parse.ts'
import type { Configuration } from '../src/core/configuration.ts'
import { sandboxConfig } from '../src/sandbox/config.ts'
import { workerPortDefault } from '../src/sandbox/ports.ts'
import { sandboxMark } from '../src/sandbox/secrets.ts'
import { Complaint } from './complaint.ts'

/** `npm` runs scripts in the project's folder; a FILE on the command line is meant from where the person stands. */
export const fileFromCommandLine = (file: string): string => resolve(process.env['INIT_CWD'] ?? '.', file)

/** Complains about what is none; `free` says what 0 is good for. */
export const portFromCommandLine = (port: string, free = ''): number => {
  if (/^\d{1,5}$/.test(port) && Number(port) <= 65_000 && (free !== '' || port !== '0')) return Number(port)
  throw new Complaint(`--port takes a number up to 65000${free}.`)
}

export const loadConfiguration = async (file: string): Promise<Configuration> =>
  parsed(await importDefault(file), file)

export const sandboxConfiguration = (port: number): Configuration =>
  parsed(sandboxConfig(port), sandboxConfigFile)

const parsed = (input: unknown, file: string): Configuration => {
  const result = parseConfig(input, { signingKeys: true })
  if ('config' in result) return result.config
  throw new Complaint(showFaults(file, result.faults))
}

/** As a person would write it: from where they are, unless it is somewhere else. */
export const shownPath = (file: string): string => {
  const near = relative('.', file)
  return near.startsWith('..') ? file : near
}

/** `FILE has 2 faults:` and a line for each, with its path. */
export const showFaults = (file: string, faults: readonly ConfigFault[]): string => {
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`
  const lines = faults.map(({ path, message }) => `  ${path === '' ? '(the whole)' : path}: ${message}`)
  return `${shownPath(file)} has ${count}:\n${lines.join('\n')}`
}

const sandboxConfigFile = resolve('src/sandbox/config.ts')

export interface ConfigurationModule {
  /** Absolute: what the Worker imports as `#config`. */
  readonly file: string
  readonly remove: () => void
}

/** The sandboxes' configuration as a module; for another port than the usual one it is written for the time of the run. */
export const sandboxModule = (port: number): ConfigurationModule => {
  if (port === workerPortDefault) return { file: sandboxConfigFile, remove: () => {} }
  const folder = resolve('.wrangler/countersign')
  const file = resolve(folder, `sandbox-${port}.ts`)
  const from = JSON.stringify(relative(folder, sandboxConfigFile))
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, `import { sandboxConfig } from ${from}\n\nexport default sandboxConfig(${port})\n`)
  return { file, remove: () => rmSync(file, { force: true }) }
}

const importDefault = async (file: string): Promise<unknown> => {
  if (!existsSync(file)) throw new Complaint(`There is no file ${shownPath(file)}.`)
  try {
    const module: unknown = await import(pathToFileURL(file).href)
    if (typeof module === 'object' && module !== null && 'default' in module) return module.default
  } catch (error) {
    throw new Complaint(
      `${placeOfFault(file, error, shownPath(file))} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  throw new Complaint(
    `${shownPath(file)} has no default export. End it with: export default defineConfig({ ... })`,
  )
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
