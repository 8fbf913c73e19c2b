/** The processes of a run: where they may run, what they cost, and how to talk to them. */
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { LoadOrder, LoadResult } from './load.ts'

const hasTaskset = (() => {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' })
    return availableParallelism() > 1
  } catch {
    return false
  }
})()

/** Proxy and traffic run on different cores, so that neither waits for the other; without taskset they may not. */
export const onProxyCore: readonly string[] = hasTaskset ? ['taskset', '-c', '0'] : []

const keepOffProxyCore = (pid: number | undefined): void => {
  if (!hasTaskset) return
  execFileSync('taskset', ['-apc', `1-${availableParallelism() - 1}`, String(pid)], { stdio: 'ignore' })
}

export interface Traffic extends AsyncDisposable {
  /** Origin of the upstream. */
  readonly upstream: string
  readonly define: (name: string, requests: readonly Uint8Array[]) => Promise<void>
  readonly run: (order: Omit<Extract<LoadOrder, { kind: 'run' }>, 'kind'>) => Promise<LoadResult>
}

export const startTraffic = async (): Promise<Traffic> => {
  const options = { serialization: 'advanced' } as const
  const upstream = fork(join(import.meta.dirname, 'upstream.ts'), [], options)
  const load = fork(join(import.meta.dirname, 'load.ts'), [], options)
  for (const child of [upstream, load]) keepOffProxyCore(child.pid)
  keepOffProxyCore(process.pid)
  const [{ port }] = (await once(upstream, 'message')) as [{ port: number }]
  const ask = async (order: LoadOrder): Promise<unknown> => {
    load.send(order)
    const [answer] = await once(load, 'message')
    return answer
  }
  return {
    upstream: `http://127.0.0.1:${port}`,
    define: async (name, requests) => {
      await ask({ kind: 'define', name, requests })
    },
    run: async (order) => (await ask({ kind: 'run', ...order })) as LoadResult,
    [Symbol.asyncDispose]: async () => {
      for (const child of [upstream, load]) {
        child.disconnect()
        if (child.exitCode === null) await once(child, 'exit')
      }
    },
  }
}

/** CPU time of all threads so far, in microseconds, user and kernel. */
export const cpuMicros = (pid: number): number => {
  const threads = readdirSync(`/proc/${pid}/task`)
  const nanos = threads.map((thread) => {
    const [onCpu = '0'] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')
    return Number(onCpu)
  })
  return nanos.reduce((sum, value) => sum + value, 0) / 1_000
}

/** In MB. */
export interface Memory {
  /** The most that the process has held at once. */
  readonly peak: number
  /** Of what it holds now: pages of files that are mapped, the runtime's binary above all. They are kept once read. */
  readonly mapped: number
}

export const memoryOf = (pid: number): Memory => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1_024
  return { peak: megabytes('VmHWM'), mapped: megabytes('RssFile') }
}
