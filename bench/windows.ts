/**
 * CPU per request at saturation. Candidates take turns in short windows, so that a neighbour on the machine
 * slows all of them alike, and each is compared with the base of its own round.
 */
import type { RunningWorkerd } from '../test/raw/harness/workerd.ts'
import type { Candidate, Group, WorkerName } from './candidates.ts'
import { cpuMicros, type Traffic } from './processes.ts'

export interface Row {
  readonly group: string
  readonly candidate: string
  /** CPU per request over that of the base: median over the rounds, between which half of them lie, and all. */
  readonly ratio: number
  readonly ratioQuartiles: readonly [low: number, high: number]
  readonly ratioRange: readonly [low: number, high: number]
  /** Medians over the rounds: microseconds of CPU per request, requests per second. */
  readonly cpuMicros: number
  readonly perSecond: number
  /**
   * Of all requests of all rounds, in microseconds. A full collection of V8 stops every connection at once, some
   * hundred milliseconds in ten thousand requests: so p99 is the length of such a stop where it meets a request in a
   * hundred, and says little else.
   */
  readonly p50: number
  readonly p99: number
  /** How much of its core the Worker had, 0 to 1. Below 0.9 it was not saturated, and the ratio is worth less. */
  readonly busy: number
}

interface Window {
  readonly cpuMicros: number
  readonly perSecond: number
  readonly latencies: Float64Array
  readonly busy: number
}

interface WindowOptions {
  readonly rounds: number
  readonly millis: number
  readonly warmMillis: number
}

const warmUpMillis = 1_500

export const measureGroup = async (
  group: Group,
  running: ReadonlyMap<WorkerName, RunningWorkerd>,
  traffic: Traffic,
  { rounds, millis, warmMillis }: WindowOptions,
): Promise<readonly Row[]> => {
  const windows = new Map<Candidate, Window[]>(group.candidates.map((candidate) => [candidate, []]))
  const measure = (candidate: Candidate, duration: number) =>
    measureWindow(candidate, group.connections, running, traffic, duration)
  // Until V8 has optimised what it will; no round that is measured shall be the first.
  for (const candidate of group.candidates) await measure(candidate, warmUpMillis)
  for (let round = 0; round < rounds; round += 1) {
    // Every second round backwards: what drifts within a round evens out.
    const order = round % 2 === 0 ? group.candidates : [...group.candidates].reverse()
    for (const candidate of order) {
      await measure(candidate, warmMillis)
      windows.get(candidate)?.push(await measure(candidate, millis))
    }
  }
  const bases = group.candidates.filter((candidate) => candidate.base)
  const baseOf = (round: number): number =>
    bases.reduce((sum, base) => sum + (windows.get(base)?.[round]?.cpuMicros ?? 0), 0) / bases.length
  return group.candidates.map((candidate) => {
    const taken = windows.get(candidate) ?? []
    // The second copy is compared with the first alone: that is the error of everything else.
    const unit = (round: number): number =>
      candidate.base ? (windows.get(bases[0] ?? candidate)?.[round]?.cpuMicros ?? 0) : baseOf(round)
    const ratios = taken.map((window, round) => window.cpuMicros / unit(round))
    const latencies = taken.flatMap((window) => [...window.latencies])
    return {
      group: group.name,
      candidate: candidate.name,
      ratio: median(ratios),
      ratioQuartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
      ratioRange: [Math.min(...ratios), Math.max(...ratios)],
      cpuMicros: median(taken.map((window) => window.cpuMicros)),
      perSecond: median(taken.map((window) => window.perSecond)),
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
      busy: median(taken.map((window) => window.busy)),
    }
  })
}

const measureWindow = async (
  candidate: Candidate,
  connections: number,
  running: ReadonlyMap<WorkerName, RunningWorkerd>,
  traffic: Traffic,
  millis: number,
): Promise<Window> => {
  const worker = running.get(candidate.worker)
  if (worker === undefined) throw new Error(`${candidate.worker} is not running`)
  const before = cpuMicros(worker.pid)
  const result = await traffic.run({
    name: candidate.requests,
    port: worker.port,
    connections,
    millis,
    requests: Number.POSITIVE_INFINITY,
  })
  const spent = cpuMicros(worker.pid) - before
  if (Object.keys(result.statuses).some((status) => status !== '200')) {
    const statuses = JSON.stringify(result.statuses)
    throw new Error(
      `${candidate.name}: not every answer was 200: ${statuses}\n${worker.output().slice(-2_000)}`,
    )
  }
  return {
    cpuMicros: spent / result.requests,
    perSecond: (result.requests / result.millis) * 1_000,
    latencies: result.latencies,
    busy: spent / 1_000 / result.millis,
  }
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** Between two values in proportion to where it falls. */
export const quantile = (values: readonly number[], share: number): number => {
  const sorted = Float64Array.from(values).sort()
  const at = (sorted.length - 1) * share
  const below = sorted[Math.floor(at)] ?? Number.NaN
  const above = sorted[Math.ceil(at)] ?? below
  return below + (above - below) * (at % 1)
}
