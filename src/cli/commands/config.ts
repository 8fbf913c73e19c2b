import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Command } from 'commander'
import { examples, runs } from '../command.ts'
import type { Context } from '../context.ts'
import { Failure } from '../failure.ts'
import { placeOfFault } from '../import-fault.ts'
import { errorCode } from '../private-files.ts'

export function declareConfig(program: Command): void {
  const config = program.command('config').description('look after countersign.config.ts')
  const check = config
    .command('check')
    .description('read the configuration as the Worker does, offline; say every fault with its path')
    .argument('[file]', 'the configuration', 'countersign.config.ts')
  runs(check, runCheck)
  examples(check, ['countersign config check', 'countersign config check deploy/edge.config.ts --json'])
}

async function runCheck({ terminal }: Context, _: object, args: readonly string[]): Promise<void> {
  const file = resolve(args[0] ?? 'countersign.config.ts')
  const input = await importDefault(file)
  const { parseConfig } = await import('../../config/parse.ts')
  const parsed = parseConfig(input, { signingKeys: true })
  if ('config' in parsed) {
    const { url, upstreams, issuers } = parsed.config
    const teams = [...parsed.config.teams.keys()].length
    const found = { file, url, upstreams: upstreams.size, teams, issuers: issuers.size - 1 }
    terminal.show({ ok: true, ...found, faults: [] }, () => `${file} is sound.`)
    terminal.remark(`${count(upstreams.size, 'upstream')}, ${count(teams, 'team')}, for ${url}`)
    return
  }
  const { faults } = parsed
  terminal.show({ ok: false, file, faults }, () =>
    faults.map(({ path, message }) => `${path === '' ? '(the whole)' : path}: ${message}`).join('\n'),
  )
  throw new Failure('failure', `${file} has ${count(faults.length, 'fault')}.`, { code: 'config_invalid' })
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

async function importDefault(file: string): Promise<unknown> {
  let module: object
  try {
    module = await import(pathToFileURL(file).href)
  } catch (error) {
    throw importFailure(file, error)
  }
  if ('default' in module) return module.default
  throw new Failure('failure', `${file} has no default export.`, {
    hint: 'End it with: export default defineConfig({ ... })',
  })
}

function importFailure(file: string, error: unknown): Failure {
  const said = error instanceof Error ? error.message : String(error)
  const missing = errorCode(error) === 'ERR_MODULE_NOT_FOUND' && said.includes(`'${file}'`)
  if (missing) {
    return new Failure('notFound', `There is no ${file}.`, { hint: 'Name it: countersign config check FILE' })
  }
  if (errorCode(error) === 'ERR_UNKNOWN_FILE_EXTENSION') {
    return new Failure('failure', `This Node (${process.version}) does not read TypeScript.`, {
      hint: 'Use Node 22.18 or later for config check.',
    })
  }
  // A TypeScript file whose nearest package.json says nothing, or commonjs, is no module to Node.
  const hint = /token 'export'|import statement outside/.test(said)
    ? { hint: 'Put "type": "module" into the package.json beside it, or name the file .mts.' }
    : {}
  return new Failure('failure', `${placeOfFault(file, error)} cannot be read: ${said.split('\n')[0]}`, hint)
}
