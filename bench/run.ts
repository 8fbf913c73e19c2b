/**
 * `npm run bench`: what Countersign costs, in units of a bare pass-through Worker, on raw workerd and the
 * production build. Prints tables and writes JSON to bench/out/.
 *
 *   --quick           fewer and shorter windows: a look, not a figure to publish
 *   --rounds N        windows of each candidate (default 25)
 *   --only cpu,startup,memory,instructions
 *   --instructions    count instructions too, where valgrind is installed (some minutes)
 *   --candidates TEXT count instructions of the pass-through and of candidates whose name holds this
 *   --schemes         count instructions of each signing scheme instead, in units of Plugipay's; of those whose name
 *                     holds the text of --candidates
 *   --profiles DIR    keep callgrind's files there, for callgrind_annotate
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { cpus, release, type } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type RunningWorkerd, startWorkerd } from '../test/raw/harness/workerd.ts'
import {
  buildBundles,
  bundleKilobytes,
  type Candidate,
  groups,
  makeBindings,
  requestSets,
  type WorkerName,
  workers,
} from './candidates.ts'
import { countInstructions, hasValgrind, type InstructionRow } from './instructions.ts'
import { type MemoryRow, measureMemory } from './memory.ts'
import { onProxyCore, startTraffic, type Traffic } from './processes.ts'
import { type Report, reportText, schemesText } from './report.ts'
import { countSchemes } from './schemes.ts'
import { measureStartup, type StartupRow } from './startup.ts'
import { measureGroup, type Row } from './windows.ts'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    only: { type: 'string', default: 'cpu,startup,memory' },
    instructions: { type: 'boolean', default: false },
    candidates: { type: 'string', default: '' },
    schemes: { type: 'boolean', default: false },
    profiles: { type: 'string' },
  },
})

const settings = flags.quick
  ? { rounds: 5, millis: 250, warmMillis: 60, starts: 5, memoryRuns: 1, warm: 1_500, counted: 500 }
  : { rounds: 25, millis: 250, warmMillis: 60, starts: 15, memoryRuns: 5, warm: 3_000, counted: 1_500 }
const rounds = flags.rounds === undefined ? settings.rounds : Number(flags.rounds)
const parts = new Set([...flags.only.split(','), ...(flags.instructions ? ['instructions'] : [])])

const profiles = flags.profiles === undefined ? {} : { profileFolder: flags.profiles }

type Workers = ReturnType<typeof workers>

const main = async (): Promise<void> => {
  const bundles = await buildBundles()
  await using traffic = await startTraffic()
  const { bindings, issuer } = makeBindings(traffic.upstream)
  const all = workers(bundles, bindings)
  for (const [name, requests] of requestSets(issuer)) await traffic.define(name, requests)

  const cpu = parts.has('cpu') ? await measureCpu(all, traffic) : []
  const startup: readonly StartupRow[] = parts.has('startup')
    ? await measureStartup(
        [
          { name: 'empty', options: all.empty, path: '/healthz' },
          { name: 'pass-through', options: all.passThrough, path: '/healthz' },
          { name: 'Countersign', options: all.countersign, path: '/healthz' },
          { name: 'Countersign, ready', options: all.countersign, path: '/readyz' },
          { name: 'Countersign, 10,000 routes, ready', options: all.countersignRoutes, path: '/readyz' },
          {
            name: 'Countersign, 10,000 teams and routes, ready',
            options: all.countersignLarge,
            path: '/readyz',
          },
        ],
        settings.starts,
      )
    : []
  const { passThrough, passThroughWithObjects, minimal, countersign } = all
  const memory: readonly MemoryRow[] = parts.has('memory')
    ? await measureMemory({
        passThrough,
        passThroughWithObjects,
        minimal,
        countersign,
        issuer,
        traffic,
        runs: settings.memoryRuns,
      })
    : []
  const instructions = parts.has('instructions') ? await measureInstructions(all, traffic) : []

  const report: Report = {
    at: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      system: `${type()} ${release()}`,
    },
    versions: { node: process.version, workerd: versionOf('workerd'), wrangler: versionOf('wrangler') },
    bundleKilobytes: bundleKilobytes(bundles),
    settings: { ...settings, rounds, quick: flags.quick },
    cpu,
    startup,
    memory,
    instructions,
  }
  await keep('latest.json', report)
  console.log(reportText(report))
}

const compareSchemes = async (): Promise<void> => {
  if (!hasValgrind()) throw new Error('valgrind is not installed: instructions cannot be counted')
  await using traffic = await startTraffic()
  const rows = await countSchemes(traffic, { ...settings, ...profiles, named: flags.candidates })
  await keep('schemes.json', rows)
  console.log(schemesText(rows))
}

const keep = async (name: string, data: unknown): Promise<void> => {
  const folder = join(import.meta.dirname, 'out')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, name), `${JSON.stringify(data, null, 2)}\n`)
}

const measureCpu = async (all: Workers, traffic: Traffic): Promise<readonly Row[]> => {
  const running = new Map<WorkerName, RunningWorkerd>()
  try {
    const names = new Set(groups.flatMap((group) => group.candidates.map((candidate) => candidate.worker)))
    for (const name of names) {
      running.set(name, await startWorkerd({ ...all[name], commandPrefix: onProxyCore, stdout: 'discarded' }))
    }
    const rows: Row[] = []
    for (const group of groups) {
      console.error(`measuring ${group.name} ...`)
      rows.push(...(await measureGroup(group, running, traffic, { ...settings, rounds })))
    }
    return rows
  } finally {
    for (const worker of running.values()) await worker.stop()
  }
}

const measureInstructions = async (all: Workers, traffic: Traffic): Promise<readonly InstructionRow[]> => {
  if (!hasValgrind()) {
    console.error('valgrind is not installed: instructions are not counted')
    return []
  }
  const candidates = groups
    .flatMap((group): readonly Candidate[] => group.candidates)
    .filter(({ requests, worker }) => requests.startsWith('get') && worker !== 'passThroughCopy')
    .filter(({ name, base }) => base || name.includes(flags.candidates))
  return countInstructions(
    candidates.map((candidate) => [candidate, all[candidate.worker]] as const),
    traffic,
    { ...settings, ...profiles },
  )
}

const versionOf = (packageName: string): string => {
  const manifest = createRequire(import.meta.url)(`${packageName}/package.json`) as { version: string }
  return manifest.version
}

await (flags.schemes ? compareSchemes() : main())
