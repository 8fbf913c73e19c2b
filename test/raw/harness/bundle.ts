/**
 * The production bundle of the Worker, as `wrangler deploy` would upload it, around a configuration that a
 * test chooses. Built once for each content (sources, configuration, lockfile) and kept in the system's
 * temporary folder, so that several test files share one build.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const repository = join(import.meta.dirname, '../../..')

/**
 * A `#config` module whose data comes from the text binding TEST_CONFIGURATION, so that one bundle serves
 * every test: what differs between tests (ports of upstreams, teams, limits) is data.
 */
export const configurationFromBinding = `import { env } from 'cloudflare:workers'
export default JSON.parse(env.TEST_CONFIGURATION)
`

/** Builds (or finds) the bundle around this source of a `#config` module; gives the path of its one file. */
export const buildBundle = async (configurationSource: string): Promise<string> => {
  const root = join(tmpdir(), 'countersign-bundles')
  const folder = join(root, await contentKey(configurationSource))
  const bundle = join(folder, 'worker.js')
  if (existsSync(bundle)) return bundle

  await mkdir(root, { recursive: true })
  const scratch = await mkdtemp(join(root, 'building-'))
  const configuration = join(scratch, 'configuration.ts')
  await writeFile(configuration, configurationSource)
  await wrangler(['deploy', '--dry-run', '--alias', `#config:${configuration}`, '--outdir', scratch])
  // Another test file may have finished the same build in the meantime; its files are the same as ours.
  await rename(scratch, folder).catch(() => rm(scratch, { recursive: true }))
  return bundle
}

/** What wrangler.toml says of the runtime: tests run under the same date and flags as production. */
export const readCompatibility = async (): Promise<{
  readonly date: string
  readonly flags: readonly string[]
}> => {
  const text = await readFile(join(repository, 'wrangler.toml'), 'utf8')
  const date = /^compatibility_date = "([^"]+)"/m.exec(text)?.[1]
  const flags = /^compatibility_flags = \[([^\]]*)\]/m.exec(text)?.[1]
  if (date === undefined || flags === undefined)
    throw new Error('wrangler.toml names no compatibility date or flags')
  return { date, flags: [...flags.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? '') }
}

const wrangler = async (args: readonly string[]): Promise<void> => {
  const environment = { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false' }
  await promisify(execFile)(join(repository, 'node_modules/.bin/wrangler'), [...args], {
    cwd: repository,
    env: environment,
    timeout: 120_000,
    maxBuffer: 16 * 1_048_576,
  })
}

const contentKey = async (configurationSource: string): Promise<string> => {
  const hash = createHash('sha256').update(configurationSource)
  const sources = (await readdir(join(repository, 'src'), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
  for (const file of [...sources, join(repository, 'wrangler.toml'), join(repository, 'package-lock.json')]) {
    hash.update(`\0${file.slice(repository.length)}\0`).update(await readFile(file))
  }
  return hash.digest('hex').slice(0, 32)
}
