/** Time from the start of the process to its first answer. */
import { exchange, requestBytes } from '../test/raw/harness/client.ts'
import { type RunOptions, startWorkerd } from '../test/raw/harness/workerd.ts'
import { onProxyCore } from './processes.ts'
import { median } from './windows.ts'

export interface StartupRow {
  readonly candidate: string
  /** Milliseconds: median over the starts, and what it is above the empty Worker's. */
  readonly millis: number
  readonly overEmpty: number
  readonly low: number
  readonly high: number
}

/** The first of the options is the unit. */
export const measureStartup = async (
  candidates: readonly (readonly [name: string, options: RunOptions])[],
  starts: number,
): Promise<readonly StartupRow[]> => {
  const taken = new Map<string, number[]>(candidates.map(([name]) => [name, []]))
  for (let round = 0; round < starts; round += 1) {
    for (const [name, options] of candidates) taken.get(name)?.push(await startOnce(options))
  }
  const unit = median(taken.get(candidates[0]?.[0] ?? '') ?? [])
  return candidates.map(([candidate]) => {
    const times = taken.get(candidate) ?? []
    const millis = median(times)
    const [low, high] = [Math.min(...times), Math.max(...times)]
    return { candidate, millis, overEmpty: millis - unit, low, high }
  })
}

const startOnce = async (options: RunOptions): Promise<number> => {
  const worker = await startWorkerd({ ...options, commandPrefix: onProxyCore })
  const { answers } = await exchange(
    worker.port,
    requestBytes('GET', '/healthz', { headers: [['host', 'edge.bench.example']] }),
  )
  const took = performance.now() - worker.spawnedAt
  await worker.stop()
  if (answers[0]?.status !== 200) throw new Error(`the first answer was ${answers[0]?.status}`)
  return took
}
