/**
 * A raw TCP upstream that keeps the exact bytes of every request it received and answers as a behaviour
 * tells: with any bytes, whole or not, at any pace.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { headerValue, type RawMessage, readMessage } from '../harness/message.ts'

export interface ReceivedRequest extends RawMessage {
  readonly method: string
  /** The request target exactly as it stood in the request line. */
  readonly target: string
  readonly header: (name: string) => string | null
}

/** Answers one whole request; the connection stays open unless the behaviour ends it. */
export type Behaviour = (request: ReceivedRequest, socket: Socket) => void | Promise<void>

export interface RawUpstream extends AsyncDisposable {
  readonly port: number
  /** `http://127.0.0.1:<port>`. */
  readonly origin: string
  /** Whole requests, in the order in which they ended. */
  readonly requests: ReceivedRequest[]
  /** Heads of requests whose body never ended, once their connection is closed. */
  readonly unfinished: ReceivedRequest[]
  readonly connections: () => number
  /** Connections that are open now. */
  readonly open: () => number
  /** Forgets what was recorded. */
  readonly clear: () => void
  readonly stop: () => Promise<void>
}

interface UpstreamOptions {
  /** Called as soon as the head of a request is there, before its body: to stop reading, reset, answer early. */
  readonly onHead?: (request: ReceivedRequest, socket: Socket) => 'handled' | undefined
  readonly onConnect?: (socket: Socket) => 'handled' | undefined
  /** False for large uploads: bodies are counted and thrown away. */
  readonly keepBodies?: boolean
}

export const startUpstream = async (
  behave: Behaviour,
  { onHead, onConnect, keepBodies = true }: UpstreamOptions = {},
): Promise<RawUpstream> => {
  const requests: ReceivedRequest[] = []
  const unfinished: ReceivedRequest[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer({ noDelay: true }, (socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    if (onConnect?.(socket) === 'handled') return
    const reader = requestReader(keepBodies, (request) => onHead?.(request, socket) === 'handled')
    socket.on('data', (chunk) => {
      for (const request of reader.push(chunk)) {
        requests.push(request)
        void behave(request, socket)
      }
    })
    socket.on('close', () => {
      const rest = reader.rest()
      if (rest !== null) unfinished.push(rest)
    })
  })
  const port = await listen(server)
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    requests,
    unfinished,
    connections: () => connections,
    open: () => sockets.size,
    clear: () => {
      requests.length = 0
      unfinished.length = 0
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })

/** Takes a connection apart into requests without reading a long body again and again. */
const requestReader = (keepBodies: boolean, onHead: (request: ReceivedRequest) => boolean) => {
  let pending: Buffer[] = []
  let pendingBytes = 0
  /** Bytes that the current request needs at least, once its head is known. */
  let wanted = 0
  let handled = false
  const skipped = { bytes: 0 }

  const push = (chunk: Buffer): readonly ReceivedRequest[] => {
    if (handled) return []
    pending.push(chunk)
    pendingBytes += chunk.length
    if (!keepBodies && wanted > 0 && pendingBytes + skipped.bytes < wanted) {
      // Only the head stays; what is skipped still counts.
      const [first = chunk, ...others] = pending
      skipped.bytes += others.reduce((sum, other) => sum + other.length, 0)
      pending = [first]
      pendingBytes = first.length
      return []
    }
    if (pendingBytes + skipped.bytes < wanted) return []
    const whole: ReceivedRequest[] = []
    for (;;) {
      const bytes = Buffer.concat(pending)
      const message = readMessage(bytes, { kind: 'request', ended: false })
      if (message === null) break
      if (wanted === 0) {
        handled = onHead(received(message))
        if (handled) return whole
      }
      const complete = message.complete || (skipped.bytes > 0 && pendingBytes + skipped.bytes >= wanted)
      if (!complete) {
        wanted = message.head.length + Number(headerValue(message, 'content-length') ?? '1')
        pending = [bytes]
        break
      }
      whole.push(received({ ...message, complete }))
      const rest = skipped.bytes > 0 ? Buffer.alloc(0) : bytes.subarray(message.bytes.length)
      pending = rest.length === 0 ? [] : [rest]
      pendingBytes = rest.length
      wanted = 0
      skipped.bytes = 0
    }
    return whole
  }
  const rest = (): ReceivedRequest | null => {
    if (handled) return null
    const message = readMessage(Buffer.concat(pending), { kind: 'request', ended: true })
    return message === null ? null : received(message)
  }
  return { push, rest }
}

const received = (message: RawMessage): ReceivedRequest => {
  const [method = '', target = ''] = message.startLine.split(' ')
  return { ...message, method, target, header: (name) => headerValue(message, name) }
}
