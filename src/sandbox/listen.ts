/**
 * A sandbox upstream: an API on loopback that answers from the bytes on the wire and remembers what it saw.
 * It shares no code with the product, so that a request which it accepts was accepted by somebody else.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

/** Larger bodies are hashed to their end, but only their beginning is kept. */
const bodyBytesKept = 1_048_576
const requestsKeptDefault = 1_000

export interface ReceivedRequest {
  readonly method: string
  /** The request target as it stood in the request line: never decoded, never normalised. */
  readonly target: string
  /** In the order in which they came, names as they were written. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** The first MiB; `bodyBytes` and `bodySha256` are of the whole. */
  readonly body: Buffer
  readonly bodyBytes: number
  /** Hex. */
  readonly bodySha256: string
  /** Milliseconds since 1970, by the sandbox's clock. */
  readonly receivedAt: number
}

/** What a sandbox found when it looked at the credentials of a request. */
export type Verdict =
  | {
      readonly accepted: true
      /** Which key the request proved to have, by its public part. */
      readonly key: string
      /** The string that was signed, as the sandbox put it together by itself; null where nothing is signed. */
      readonly signed: string | null
    }
  | { readonly accepted: false; readonly code: string }

export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON; without one the answer has no body. */
  readonly body?: unknown
  readonly verdict: Verdict
}

export interface Exchange {
  readonly request: ReceivedRequest
  readonly verdict: Verdict
  readonly status: number
}

/** An API is a function from what was received to the reply; everything that it stores is its own. */
export type Api = (request: ReceivedRequest) => Reply

export interface Sandbox {
  readonly name: string
  readonly url: string
  /** The latest exchanges, the oldest first. */
  readonly requests: readonly Exchange[]
  readonly close: () => Promise<void>
}

interface ListenOptions {
  /** 0, the default, takes any free port. */
  readonly port?: number
  readonly requestsKept?: number
  readonly now?: () => number
}

/** The values of a header in the order in which they came; several fields are several values. */
export function fieldValues(request: ReceivedRequest, name: string): readonly string[] {
  return request.fields.filter(([field]) => field.toLowerCase() === name).map(([, value]) => value)
}

/** The value of a header that was sent exactly once; null otherwise, so that nobody picks among several. */
export function onlyField(request: ReceivedRequest, name: string): string | null {
  const values = fieldValues(request, name)
  return values.length === 1 ? (values[0] ?? null) : null
}

/** Starts an API on 127.0.0.1. Rejects with the error of `listen` (`EADDRINUSE`, ...). */
export async function listen(name: string, api: Api, options: ListenOptions = {}): Promise<Sandbox> {
  const { port = 0, requestsKept = requestsKeptDefault, now = Date.now } = options
  const requests: Exchange[] = []

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const request = await receive(incoming, now)
    const reply = api(request)
    requests.push({ request, verdict: reply.verdict, status: reply.status })
    if (requests.length > requestsKept) requests.shift()
    send(outgoing, reply)
  }

  const server = createServer((incoming, outgoing) => {
    // A caller that went away mid-body leaves nobody to answer.
    serve(incoming, outgoing).catch(() => outgoing.destroy())
  })
  // Idle connections stay open longer than any proxy's pool keeps them, so that none is reused while it closes.
  server.keepAliveTimeout = 60_000

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the sandbox listens on a TCP port')

  return {
    name,
    url: `http://127.0.0.1:${address.port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function receive(incoming: IncomingMessage, now: () => number): Promise<ReceivedRequest> {
  const hash = createHash('sha256')
  const kept: Buffer[] = []
  let keptBytes = 0
  let bodyBytes = 0
  for await (const chunk of incoming) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a body comes in bytes')
    hash.update(chunk)
    bodyBytes += chunk.length
    if (keptBytes < bodyBytesKept) {
      const part = chunk.subarray(0, bodyBytesKept - keptBytes)
      kept.push(part)
      keptBytes += part.length
    }
  }
  return {
    method: incoming.method ?? '',
    target: incoming.url ?? '',
    fields: pairs(incoming.rawHeaders),
    body: Buffer.concat(kept),
    bodyBytes,
    bodySha256: hash.digest('hex'),
    receivedAt: now(),
  }
}

function pairs(flat: readonly string[]): readonly (readonly [string, string])[] {
  const fields: (readonly [string, string])[] = []
  for (let index = 0; index + 1 < flat.length; index += 2) {
    fields.push([flat[index] ?? '', flat[index + 1] ?? ''])
  }
  return fields
}

function send(outgoing: ServerResponse, reply: Reply): void {
  for (const [name, value] of Object.entries(reply.headers ?? {})) outgoing.setHeader(name, value)
  outgoing.statusCode = reply.status
  if (reply.body === undefined) {
    outgoing.end()
    return
  }
  const text = `${JSON.stringify(reply.body)}\n`
  outgoing.setHeader('content-type', 'application/json')
  outgoing.setHeader('content-length', Buffer.byteLength(text))
  outgoing.end(text)
}
