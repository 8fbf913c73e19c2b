/** The Worker in workerd on this machine, as `wrangler dev` runs it, but ours to stop. */
import childProcess, { type ChildProcess, type SpawnOptions } from 'node:child_process'
import { createServer } from 'node:net'
import { basename } from 'node:path'
import { Complaint } from './complaint.ts'

const startMillisMax = 45_000

export interface LocalWorker {
  readonly dispose: () => Promise<void>
}

interface LocalWorkerOptions {
  /** Absolute path of the configuration that the Worker imports as `#config`. */
  readonly configFile: string
  readonly port: number
  /** The folder in which Durable Objects and KV outlive the process; null: they end with it. */
  readonly stateFolder: string | null
  /** One line of the Worker's log, as it was written. */
  readonly onLog: (line: string) => void
}

export const startLocalWorker = async (options: LocalWorkerOptions): Promise<LocalWorker> => {
  // Nothing of a local run leaves the machine. wrangler reads these when it is imported.
  process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false'
  process.env['WRANGLER_SEND_METRICS'] = 'false'
  process.env['WRANGLER_WRITE_LOGS'] = 'false'
  shieldFromSignals()
  const { unstable_startWorker: startWorker } = await import('wrangler')

  const worker = await startWorker({
    config: 'wrangler.toml',
    build: { alias: { '#config': options.configFile } },
    dev: {
      server: { hostname: '127.0.0.1', port: options.port },
      inspector: false,
      persist: options.stateFolder ?? false,
      logLevel: 'error',
      watch: options.stateFolder !== null,
      structuredLogsHandler: ({ message }: { readonly message: string }) => options.onLog(message),
    },
  } as never)
  let timer: NodeJS.Timeout | undefined
  try {
    // A first build that fails leaves `ready` pending for ever; only the event tells.
    await Promise.race([
      worker.ready,
      new Promise((_, reject) => {
        worker.raw.once('error', (event: { readonly cause?: unknown }) => reject(startFault(event.cause)))
        timer = setTimeout(() => reject(startFault('it did not become ready within 45 s')), startMillisMax)
      }),
    ])
  } catch (error) {
    await worker.dispose()
    throw error
  } finally {
    clearTimeout(timer)
  }
  return { dispose: () => worker.dispose() }
}

/**
 * Ctrl-C reaches every process of the terminal's group. workerd would end with it, before the use of the last
 * second is in the books, and wrangler would tell of a crash; so it is started deaf to it, for which wrangler has
 * no option, and ends when we dispose of it. It stays in the group: who kills all of that leaves nothing behind.
 * Until `signalToStop` listens instead, a signal ends all of it at once.
 */
function shieldFromSignals(): void {
  if (process.platform === 'win32') return
  const { spawn } = childProcess
  const shielded: ChildProcess[] = []
  const spawnShielded = (command: string, args: readonly string[], options: SpawnOptions) => {
    if (!basename(command).startsWith('workerd')) return spawn(command, args, options)
    const child = spawn('/bin/sh', ['-c', 'trap "" INT HUP; exec "$0" "$@"', command, ...args], options)
    shielded.push(child)
    return child
  }
  childProcess.spawn = spawnShielded as typeof spawn
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.prependOnceListener(signal, () => {
      for (const child of shielded) child.kill('SIGKILL')
      process.exit(130)
    })
  }
}

const startFault = (cause: unknown): Complaint => {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new Complaint(`The Worker did not start: ${reason}`)
}

/** Complains in words when something else listens there already. */
export const requireFreePort = async (port: number, who: string): Promise<void> => {
  const code = await new Promise<string | null>((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(null)))
  })
  if (code === null) return
  throw new Complaint(
    code === 'EADDRINUSE'
      ? `Port ${port}, which ${who} needs, is taken, perhaps by another npm start. Stop that one, or move everything: npm start -- --port 9000`
      : `Port ${port}, which ${who} needs, cannot be opened (${code}).`,
  )
}

/** A port with free ones where the sandboxes follow it. */
export const findFreePorts = async (needed: (port: number) => readonly number[]): Promise<number> => {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const port = 20_000 + Math.floor(Math.random() * 20_000)
    try {
      for (const each of needed(port)) await requireFreePort(each, 'a sandbox')
      return port
    } catch {
      // Taken: another one.
    }
  }
  throw new Complaint('No free ports were found. Name one: npm start -- --port 9000')
}
