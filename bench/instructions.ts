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

export interface InstructionRow {
  readonly candidate: string
  readonly requests: string
  /** Per request. */
  readonly instructions: number
  readonly ratio: number
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
  const counts: { readonly candidate: Candidate; readonly instructions: number }[] = []
  for (const [candidate, run] of candidates) {
    counts.push({ candidate, instructions: await countOne(candidate, run, traffic, options) })
  }
  const unit = counts[0]?.instructions ?? Number.NaN
  return counts.map(({ candidate, instructions }) => ({
    candidate: candidate.name,
    requests: candidate.requests,
    instructions,
    ratio: instructions / unit,
  }))
}

const countOne = async (
  candidate: Candidate,
  run: RunOptions,
  traffic: Traffic,
  { warm, counted, profileFolder }: InstructionOptions,
): Promise<number> => {
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
    return (await totalOf(folder, stem)) / counted
  } finally {
    await worker.stop()
    await rm(scratch, { recursive: true, force: true })
  }
}

const control = async (worker: RunningWorkerd, ...args: readonly string[]): Promise<void> => {
  await promisify(execFile)('callgrind_control', [...args, String(worker.pid)], { timeout: 120_000 })
}

/** The totals of the first dump: the one that was asked for, before the one at the end. */
const totalOf = async (folder: string, stem: string): Promise<number> => {
  const dumps = (await readdir(folder)).filter((name) => name.startsWith(`${stem}.`)).sort()
  const text = await readFile(join(folder, dumps[0] ?? stem), 'utf8')
  const total = /^(?:totals|summary): (\d+)/m.exec(text)?.[1]
  if (total === undefined) throw new Error('callgrind wrote no totals')
  return Number(total)
}
