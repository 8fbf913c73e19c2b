/**
 * `npm run bench:accounts`: what accounts add to a call. The production build against the same sources with a
 * wallet that admits everything and books nothing, in CPU at saturation and, with --instructions, in instructions.
 * valgrind runs some fifty times slower than life, so the sync of each second falls on fifty times fewer calls;
 * a third build takes one lease for all of them, and is what a call costs between two syncs.
 * The copies are made for the measurement alone and never leave the temporary folder.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildBundle } from '../test/raw/harness/bundle.ts'
import { type RunningWorkerd, type RunOptions, startWorkerd } from '../test/raw/harness/workerd.ts'
import { type Candidate, makeBindings, requestSets, type WorkerName } from './candidates.ts'
import { configurationSource } from './configuration.ts'
import { countInstructions, hasValgrind } from './instructions.ts'
import { onProxyCore, startTraffic } from './processes.ts'
import { measureGroup } from './windows.ts'

const { values: flags } = parseArgs({
  options: { instructions: { type: 'boolean', default: false }, rounds: { type: 'string', default: '13' } },
})

const repository = join(import.meta.dirname, '..')

/** Takes the place of src/accounts/wallet.ts. */
const freeWallet = `
const dispatch = { settle() {} }
class Unit {
  constructor(permit) { this.permit = permit }
  commit() { return dispatch }
  renew() { return Promise.resolve() }
  release() {}
  rateLimit() { return null }
}
export const createWallet = () => ({ admit: (permit) => new Unit(permit), refused() {} })
`

/** Values of src/core/limits.ts that make one lease last. */
const lasting = ['leaseMillis', 'leaseRenewMillis', 'flushMillis'] as const

/** The production bundle of the sources with one file written anew. */
const buildWith = (file: string, change: (text: string) => string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-accounts-cost-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['src', 'wrangler.toml', 'package.json', 'tsconfig.json', 'tsconfig.base.json'])
    cpSync(join(repository, name), join(folder, name), { recursive: true })
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, file), change(readFileSync(join(folder, file), 'utf8')))
  writeFileSync(join(folder, 'configuration.ts'), configurationSource(10, 10))
  execFileSync(
    join(repository, 'node_modules/.bin/wrangler'),
    [
      'deploy',
      '--dry-run',
      '--alias',
      `#config:${join(folder, 'configuration.ts')}`,
      '--outdir',
      join(folder, 'out'),
    ],
    {
      cwd: folder,
      env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false' },
      stdio: 'pipe',
    },
  )
  return join(folder, 'out/worker.js')
}

const small = (name: string, worker: WorkerName, base?: true): Candidate => ({
  name,
  worker,
  requests: 'get',
  ...(base === undefined ? {} : { base }),
})

await using traffic = await startTraffic()
const { bindings, issuer } = makeBindings(traffic.upstream)
for (const [name, requests] of requestSets(issuer)) if (name === 'get') await traffic.define(name, requests)
const passThrough: RunOptions = {
  worker: { file: join(import.meta.dirname, 'workers/pass-through.js') },
  bindings,
  objects: false,
}
const free: RunOptions = {
  worker: { file: buildWith('src/accounts/wallet.ts', () => freeWallet) },
  bindings,
}
const metered: RunOptions = { worker: { file: await buildBundle(configurationSource(10, 10)) }, bindings }
const oneLease: RunOptions = {
  worker: {
    file: buildWith('src/core/limits.ts', (text) =>
      lasting.reduce(
        (changed, name) => changed.replace(new RegExp(`${name} = [\\d_]+`), `${name} = 1_000_000_000`),
        text,
      ),
    ),
  },
  bindings,
}
// The names of the bench's own Workers stand for these.
const runs = new Map<WorkerName, RunOptions>([
  ['passThrough', passThrough],
  ['naive', free],
  ['countersign', metered],
  ['countersignLarge', oneLease],
])
const candidates = [
  small('pass-through', 'passThrough', true),
  small('without accounts', 'naive'),
  small('with accounts', 'countersign'),
]

const running = new Map<WorkerName, RunningWorkerd>()
for (const [name, run] of runs)
  if (name !== 'countersignLarge')
    running.set(name, await startWorkerd({ ...run, commandPrefix: onProxyCore }))
try {
  const group = { name: 'GET', connections: 32, candidates }
  const options = { rounds: Number(flags.rounds), millis: 500, warmMillis: 100 }
  for (const row of await measureGroup(group, running, traffic, options))
    console.log(
      `${row.candidate.padEnd(18)} ${row.ratio.toFixed(3)} (half within ${row.ratioQuartiles.map((ratio) => ratio.toFixed(2)).join(' to ')})  ${row.cpuMicros.toFixed(1)} us  ${row.perSecond.toFixed(0)}/s  busy ${row.busy.toFixed(2)}`,
    )
} finally {
  for (const worker of running.values()) await worker.stop()
}
if (flags.instructions && hasValgrind()) {
  const pairs = [...candidates, small('with one lease', 'countersignLarge')].flatMap((candidate) => {
    const run = runs.get(candidate.worker)
    return run === undefined ? [] : [[candidate, run] as const]
  })
  for (const row of await countInstructions(pairs, traffic, { warm: 3_000, counted: 1_500 }))
    console.log(
      `${row.candidate.padEnd(18)} ${Math.round(row.instructions).toLocaleString('en-US')} instructions, ${row.ratio.toFixed(3)}`,
    )
}
