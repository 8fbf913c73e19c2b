/**
 * Instructions per request by valgrind's callgrind, which counts the same within one percent whatever else
 * the machine does. It sees no kernel time and runs the JIT's code as it is.
 */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type RunningWorkerd, type RunOptions, startWorkerd } from '../test/raw/harness/workerd.ts'
import type { Candidate } from './candidates.ts'
import type { Traffic } from './processes.ts'
import { type Cause, instructionsByCause } from './profile.ts'

export interface InstructionRow {
  readonly candidate: string
  readonly requests: string
  /** Per request. */
  readonly instructions: number
  readonly ratio: number
  /**
   * Without the calls to the account. They come once a second, and under valgrind a second has some fifty requests
   * where it has thousands otherwise.
   */
  readonly ratioWithoutAccount: number
  /** Per request, with what each calls. */
  readonly causes: Readonly<Record<Cause, number>>
}

interface InstructionOptions {
  readonly warm: number
  readonly counted: number
  /** Where the profiles are kept, one file for each candidate; thrown away without one. */
  readonly profileFolder?: string
}

export const hasValgrind = (): boolean => {
  try {
    execFileSync('valgrind', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** The first candidate is the unit. */
export const countInstructions = async (
  candidates: readonly (readonly [candidate: Candidate, run: RunOptions])[],
  traffic: Traffic,
  options: InstructionOptions,
): Promise<readonly InstructionRow[]> => {
  const counts: (Counted & { readonly candidate: Candidate })[] = []
  for (const [candidate, run] of candidates) {
    const counted = await countOne(candidate, run, traffic, options)
    console.error(`${candidate.name}: ${Math.round(counted.instructions / 1_000)} k instructions`)
    counts.push({ candidate, ...counted })
  }
  const unit = counts[0]?.instructions ?? Number.NaN
  return counts.map(({ candidate, instructions, causes }) => ({
    candidate: candidate.name,
    requests: candidate.requests,
    instructions,
    ratio: instructions / unit,
    ratioWithoutAccount: (instructions - causes['account called']) / unit,
    causes,
  }))
}

interface Counted {
  readonly instructions: number
  readonly causes: Readonly<Record<Cause, number>>
}

const countOne = async (
  candidate: Candidate,
  run: RunOptions,
  traffic: Traffic,
  { warm, counted, profileFolder }: InstructionOptions,
): Promise<Counted> => {
  const scratch = await mkdtemp(join(tmpdir(), 'countersign-callgrind-'))
  const folder = profileFolder ?? scratch
  const stem = `${candidate.worker}-${candidate.requests}`.replaceAll(/[^\w.-]+/g, '-')
  const valgrind = ['valgrind', '--tool=callgrind', '--smc-check=all-non-file', '--instr-atstart=no']
  const output = [`--callgrind-out-file=${join(folder, stem)}`, `--log-file=${join(scratch, 'log')}`]
  const worker = await startWorkerd({
    ...run,
    commandPrefix: [...valgrind, ...output],
    startMillisMax: 120_000,
  })
  try {
    const send = (requests: number) =>
      traffic.run({ name: candidate.requests, port: worker.port, connections: 8, millis: 300_000, requests })
    await send(warm)
    await control(worker, '-i', 'on')
    // What runs for the first time under instrumentation is translated anew; that is not counted.
    await send(Math.ceil(counted / 10))
    await control(worker, '-z')
    const { statuses } = await send(counted)
    if (statuses[200] !== counted) throw new Error(`${candidate.name}: ${JSON.stringify(statuses)}`)
    await control(worker, '-d', stem)
    const profile = await firstDump(folder, stem)
    const causes = Object.entries(instructionsByCause(profile)).map(([cause, sum]) => [cause, sum / counted])
    return {
      instructions: (await totalOf(profile)) / counted,
      causes: Object.fromEntries(causes) as Counted['causes'],
    }
  } finally {
    await worker.stop()
    await rm(scratch, { recursive: true, force: true })
  }
}

const control = async (worker: RunningWorkerd, ...args: readonly string[]): Promise<void> => {
  await promisify(execFile)('callgrind_control', [...args, String(worker.pid)], { timeout: 120_000 })
}

/** The dump that was asked for; another is written when the process ends. */
const firstDump = async (folder: string, stem: string): Promise<string> => {
  const dumps = (await readdir(folder)).filter((name) => name.startsWith(`${stem}.`)).sort()
  return join(folder, dumps[0] ?? stem)
}

const totalOf = async (profile: string): Promise<number> => {
  const total = /^(?:totals|summary): (\d+)/m.exec(await readFile(profile, 'utf8'))?.[1]
  if (total === undefined) throw new Error('callgrind wrote no totals')
  return Number(total)
}
