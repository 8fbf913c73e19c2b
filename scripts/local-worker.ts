/** The Worker in workerd on this machine, as `wrangler dev` runs it, but ours to stop. */
import { createServer } from 'node:net'
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
