/**
 * The load generator, a process of its own: keeps a number of connections busy, one request at a time on
 * each, and counts answers and the time they took. Own code on node:net, because autocannon needs about as
 * much CPU for a request as the Worker under test and could not saturate it from one core.
 */
import { connect, type Socket } from 'node:net'

/** Requests by name, sent in turn; cold tokens are a set of many. */
export type LoadOrder =
  | { readonly kind: 'define'; readonly name: string; readonly requests: readonly Uint8Array[] }
  | {
      readonly kind: 'run'
      readonly name: string
      readonly port: number
      readonly connections: number
      /** Until this much time or this many requests have passed, whichever is first. */
      readonly millis: number
      readonly requests: number
    }

export interface LoadResult {
  readonly requests: number
  readonly millis: number
  /** From the first byte sent to the last byte received, in microseconds; one for each request. */
  readonly latencies: Float64Array
  /** Answers by status; a connection that ended counts as status 0. */
  readonly statuses: Readonly<Record<number, number>>
}

type Run = Extract<LoadOrder, { kind: 'run' }>

const sets = new Map<string, { readonly requests: readonly Buffer[]; next: number }>()
const pools = new Map<number, Socket[]>()
const headEnd = Buffer.from('\r\n\r\n')

const run = async ({ name, port, connections, millis, requests }: Run): Promise<LoadResult> => {
  const set = sets.get(name)
  if (set === undefined) throw new Error(`no requests are defined as ${name}`)
  const sockets = await connected(port, connections)
  const latencies: number[] = []
  const statuses: Record<number, number> = {}
  const begin = performance.now()
  let sent = 0
  const next = (): Buffer | null => {
    if (sent >= requests || performance.now() - begin >= millis) return null
    sent += 1
    const request = set.requests[set.next % set.requests.length] ?? null
    set.next += 1
    return request
  }
  const done = (status: number, took: number): void => {
    statuses[status] = (statuses[status] ?? 0) + 1
    latencies.push(took * 1_000)
  }
  await Promise.all(sockets.map((socket) => keepBusy(socket, next, done)))
  const took = performance.now() - begin
  pools.set(
    port,
    sockets.filter((socket) => !socket.destroyed),
  )
  return { requests: latencies.length, millis: took, latencies: Float64Array.from(latencies), statuses }
}

const connected = (port: number, count: number): Promise<readonly Socket[]> => {
  const pool = (pools.get(port) ?? []).filter((socket) => !socket.destroyed).slice(0, count)
  const missing = Array.from(
    { length: count - pool.length },
    () =>
      new Promise<Socket>((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port, noDelay: true })
        socket.once('error', reject)
        socket.once('connect', () => {
          socket.off('error', reject).on('error', () => socket.destroy())
          resolve(socket)
        })
      }),
  )
  return Promise.all([...pool, ...missing])
}

/** Sends the next request when the answer to the last one is whole, until there is none. */
const keepBusy = (
  socket: Socket,
  next: () => Buffer | null,
  done: (status: number, took: number) => void,
): Promise<void> =>
  new Promise((resolve) => {
    let sentAt = 0
    let received: Buffer | null = null
    const send = (): void => {
      const request = next()
      if (request === null) {
        finish()
        return
      }
      sentAt = performance.now()
      socket.write(request)
    }
    const onData = (data: Buffer): void => {
      received = received === null ? data : Buffer.concat([received, data])
      const status = wholeAnswer(received)
      if (status === null) return
      received = null
      done(status, performance.now() - sentAt)
      send()
    }
    const onEnd = (): void => {
      done(0, performance.now() - sentAt)
      finish()
    }
    const finish = (): void => {
      socket.off('data', onData).off('close', onEnd)
      resolve()
    }
    socket.on('data', onData).once('close', onEnd)
    send()
  })

/** The status of the answer when all of it is there; null otherwise. */
const wholeAnswer = (bytes: Buffer): number | null => {
  const end = bytes.indexOf(headEnd)
  if (end < 0) return null
  const head = bytes.toString('latin1', 0, end)
  const status = Number(head.slice(9, 12))
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) return bytes.length >= end + 4 + Number(length) ? status : null
  return bytes.subarray(-5).toString('latin1') === '0\r\n\r\n' ? status : null
}

process.on('message', async (order: LoadOrder) => {
  if (order.kind === 'define') {
    sets.set(order.name, { requests: order.requests.map((bytes) => Buffer.from(bytes)), next: 0 })
    process.send?.('defined')
    return
  }
  process.send?.(await run(order))
})
process.on('disconnect', () => process.exit())
