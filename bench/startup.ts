/** Time from the start of the process to its first answer. */
import { exchange, requestBytes } from '../test/raw/harness/client.ts'
import { type RunOptions, startWorkerd } from '../test/raw/harness/workerd.ts'
import { cpuMicros, onProxyCore } from './processes.ts'
import { median } from './windows.ts'

export interface StartupRow {
  readonly candidate: string
  /** Milliseconds: median over the starts, and what it is above the empty Worker's. */
  readonly millis: number
  readonly overEmpty: number
  readonly low: number
  readonly high: number
  /** Process time until then, which a busy machine stretches less: median, and what it is above the empty Worker's. */
  readonly cpuMillis: number
  readonly cpuOverEmpty: number
}

interface Start {
  readonly millis: number
  readonly cpuMillis: number
}

export interface StartupCandidate {
  readonly name: string
  readonly options: RunOptions
  /**
   * What is asked first. `/healthz` is told before anything is assembled; `/readyz` needs the configuration and every
   * key, and more than a first call does.
   */
  readonly path: '/healthz' | '/readyz'
}

/** The first of the candidates is the unit. */
export const measureStartup = async (
  candidates: readonly StartupCandidate[],
  starts: number,
): Promise<readonly StartupRow[]> => {
  const taken = new Map<string, Start[]>(candidates.map(({ name }) => [name, []]))
  for (let round = 0; round < starts; round += 1) {
    for (const candidate of candidates) taken.get(candidate.name)?.push(await startOnce(candidate))
  }
  const rows = candidates.map(({ name: candidate }) => {
    const list = taken.get(candidate) ?? []
    const times = list.map(({ millis }) => millis)
    return {
      candidate,
      millis: median(times),
      low: Math.min(...times),
      high: Math.max(...times),
      cpuMillis: median(list.map(({ cpuMillis }) => cpuMillis)),
    }
  })
  return rows.map((row) => ({
    ...row,
    overEmpty: row.millis - (rows[0]?.millis ?? Number.NaN),
    cpuOverEmpty: row.cpuMillis - (rows[0]?.cpuMillis ?? Number.NaN),
  }))
}

const startOnce = async ({ options, path }: StartupCandidate): Promise<Start> => {
  const worker = await startWorkerd({ ...options, commandPrefix: onProxyCore })
  const { answers } = await exchange(
    worker.port,
    requestBytes('GET', path, { headers: [['host', 'edge.bench.example']] }),
  )
  const millis = performance.now() - worker.spawnedAt
  const cpuMillis = cpuMicros(worker.pid) / 1_000
  await worker.stop()
  if (answers[0]?.status !== 200) throw new Error(`the first answer was ${answers[0]?.status}`)
  return { millis, cpuMillis }
}
