/**
 * Raw `workerd serve`: what production runs, without the layers of `wrangler dev` that normalise a path or a
 * header before the Worker sees it. A run has its own folder, its own ports, and ends with the test.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { readCompatibility } from './bundle.ts'
import { kvWorker, type SecretsStore, storeWorker, workerdConfig } from './workerd-config.ts'

const binary = join(import.meta.dirname, '../../../node_modules/.bin/workerd')

const stopMillis = 1_500

export interface RunOptions {
  /** The Worker: a file (a bundle), or its text. */
  readonly worker: { readonly file: string } | { readonly text: string }
  /** Secrets and other text bindings. */
  readonly bindings?: Readonly<Record<string, string>>
  /** Bindings of the platform that the deployment lacks: ACCOUNTS, DIRECTORY, USAGE. */
  readonly without?: readonly string[]
  readonly secretsStore?: SecretsStore
  /** Whether the Worker exports TeamAccount and Directory; false for the small workers of the bench. */
  readonly objects?: boolean
  /** How many isolates of the Worker share the accounts; each has a port of its own. */
  readonly isolates?: number
  /** A folder for the objects' state, which then survives `kill`; without one it goes with the run. */
  readonly stateFolder?: string
  /** Put before the command, such as `taskset -c 0` or valgrind. */
  readonly commandPrefix?: readonly string[]
  /**
   * Where the Worker's log goes; 'kept' (default) is in `output`. A pipe that somebody reads costs the process that
   * writes: a seventh of what a small call takes (measured), which a bench must not count.
   */
  readonly stdout?: 'kept' | 'discarded'
  /** How long to wait for the first port. */
  readonly startMillisMax?: number
}

export interface RunningWorkerd extends AsyncDisposable {
  /** The first isolate's. */
  readonly port: number
  readonly ports: readonly number[]
  /** Where the KV namespace answers, as `kvWorker` says. */
  readonly kvPort: number
  readonly pid: number
  /** What the objects keep. */
  readonly stateFolder: string
  /** When the process was started, by `performance.now()`. */
  readonly spawnedAt: number
  /** Everything written to stdout (unless discarded) and stderr so far. */
  readonly output: () => string
  /** Ends the process and removes its folder (never `stateFolder`). */
  readonly stop: () => Promise<void>
  /** SIGKILL: what a crash leaves behind. */
  readonly kill: () => Promise<void>
}

export const startWorkerd = async (options: RunOptions): Promise<RunningWorkerd> => {
  const { worker, bindings = {}, objects = true, isolates = 1, commandPrefix = [] } = options
  const folder = await mkdtemp(join(tmpdir(), 'countersign-run-'))
  // Objects in memory have no SQLite, so that the state is always on disk.
  const stateFolder = options.stateFolder ?? join(folder, 'state')
  await mkdir(stateFolder, { recursive: true })
  if ('file' in worker) await copyFile(worker.file, join(folder, 'worker.js'))
  else await writeFile(join(folder, 'worker.js'), worker.text)
  await writeFile(join(folder, 'kv.js'), kvWorker)
  const { without = [], secretsStore = null } = options
  if (secretsStore !== null) await writeFile(join(folder, 'store.js'), storeWorker(secretsStore.url))

  const names = Object.keys(bindings)
  await Promise.all(names.map((name) => writeFile(join(folder, `binding-${name}`), bindings[name] ?? '')))
  const config = workerdConfig({
    compatibility: await readCompatibility(),
    bindingNames: names,
    objects,
    isolates,
    stateFolder,
    without,
    secretsStore,
  })
  await writeFile(join(folder, 'config.capnp'), config)

  const command = [...commandPrefix, binary, 'serve', '--control-fd=3', 'config.capnp']
  const spawnedAt = performance.now()
  const child = spawn(command[0] ?? binary, command.slice(1), {
    cwd: folder,
    stdio: ['ignore', options.stdout === 'discarded' ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  const output = collectOutput(child)
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      // At SIGTERM workerd waits for open streams, and notices only at their next byte that a client has left.
      const impatience = setTimeout(() => child.kill('SIGKILL'), stopMillis)
      child.kill(signal)
      await once(child, 'exit')
      clearTimeout(impatience)
    }
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const edges = Array.from({ length: isolates }, (_unused, index) => `http-${index}`)
    const [kvPort = 0, ...ports] = await listeningPorts(
      child,
      ['kv', ...edges],
      options.startMillisMax ?? 30_000,
    )
    const stop = () => end('SIGTERM')
    return {
      port: ports[0] ?? 0,
      ports,
      kvPort,
      stateFolder,
      pid: child.pid ?? 0,
      spawnedAt,
      output,
      stop,
      kill: () => end('SIGKILL'),
      [Symbol.asyncDispose]: stop,
    }
  } catch (fault) {
    await end('SIGKILL')
    throw new Error(`workerd did not start: ${String(fault)}\n${output()}`)
  }
}

const collectOutput = (child: ChildProcess): (() => string) => {
  const chunks: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8')
    stream?.on('data', (text: string) => chunks.push(text))
  }
  return () => chunks.join('')
}

/** workerd writes one JSON line to descriptor 3 for each socket, once it listens and its Worker is loaded. */
const listeningPorts = async (
  child: ChildProcess,
  sockets: readonly string[],
  millisMax: number,
): Promise<readonly number[]> => {
  const control = child.stdio[3] as Readable
  control.setEncoding('utf8')
  const ports = new Map<string, number>()
  const ready = (async () => {
    let text = ''
    for await (const chunk of control) {
      text += String(chunk)
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) {
        const event = JSON.parse(line) as { event: string; socket?: string; port?: number }
        if (event.event === 'listen') ports.set(event.socket ?? '', event.port ?? 0)
      }
      if (ports.size >= sockets.length) return
    }
    throw new Error('it ended before it listened')
  })()
  const timer = new AbortController()
  const timeout = new Promise<never>((_resolve, reject) => {
    const handle = setTimeout(() => reject(new Error(`no port after ${millisMax} ms`)), millisMax)
    timer.signal.addEventListener('abort', () => clearTimeout(handle))
  })
  await Promise.race([ready, timeout]).finally(() => timer.abort())
  return sockets.map((name) => ports.get(name) ?? 0)
}
