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
  /** CPU per request over that of the base: median over the rounds, and the lowest and highest. */
  readonly ratio: number
  readonly ratioLow: number
  readonly ratioHigh: number
  /** Medians over the rounds: microseconds of CPU per request, requests per second, latency in microseconds. */
  readonly cpuMicros: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  /** How much of its core the Worker had, 0 to 1. Below 0.9 it was not saturated, and the ratio is worth less. */
  readonly busy: number
}

interface Window {
  readonly cpuMicros: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly busy: number
}

interface WindowOptions {
  readonly rounds: number
  readonly millis: number
  readonly warmMillis: number
}

export const measureGroup = async (
  group: Group,
  running: ReadonlyMap<WorkerName, RunningWorkerd>,
  traffic: Traffic,
  { rounds, millis, warmMillis }: WindowOptions,
): Promise<readonly Row[]> => {
  const windows = new Map<Candidate, Window[]>(group.candidates.map((candidate) => [candidate, []]))
  const measure = (candidate: Candidate, duration: number) =>
    measureWindow(candidate, group.connections, running, traffic, duration)
  for (const candidate of group.candidates) await measure(candidate, warmMillis * 4)
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
    return {
      group: group.name,
      candidate: candidate.name,
      ratio: median(ratios),
      ratioLow: Math.min(...ratios),
      ratioHigh: Math.max(...ratios),
      cpuMicros: median(taken.map((window) => window.cpuMicros)),
      perSecond: median(taken.map((window) => window.perSecond)),
      p50: median(taken.map((window) => window.p50)),
      p99: median(taken.map((window) => window.p99)),
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
    p50: result.p50,
    p99: result.p99,
    busy: spent / 1_000 / result.millis,
  }
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
}
