/**
 * One request over node:http. `fetch` would do, but loading it takes longer than everything else that a call does
 * (measured: 40 ms of CPU beside 15 ms). Nothing is followed, nothing is kept open, bodies stream.
 */
import type {
  ClientRequest,
  IncomingHttpHeaders,
  IncomingMessage,
  RequestOptions,
  request as startHttp,
} from 'node:http'
import type { Readable } from 'node:stream'

export interface Answer {
  readonly status: number
  readonly statusText: string
  readonly headers: AnswerHeaders
  /** Decoded where it was compressed. */
  readonly body: AsyncIterable<Buffer>
  /** Rejects with the code `EMSGSIZE` when there are more than `bytesMax`. */
  readonly bytes: (bytesMax: number) => Promise<Buffer>
  /** Lets go of a body that nobody reads. */
  readonly discard: () => void
}

export interface AnswerHeaders {
  /** Case does not matter; what came several times is joined with commas. */
  readonly get: (name: string) => string | null
  readonly entries: () => readonly (readonly [name: string, value: string])[]
}

export interface OutgoingBody {
  /** null: not known before it ends; it goes out chunked. */
  readonly bytes: number | null
  readonly sendTo: (request: ClientRequest) => void
}

export interface OutgoingRequest {
  readonly url: URL
  readonly method: string
  /** Names in lower case; the length of the body is added. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: OutgoingBody | null
  /** How long all of it may take; without it, only connecting has a limit. */
  readonly timeoutMillis?: number
}

const connectMillis = 10_000

/** Resolves when the answer begins. Rejects with Node's own errors, whose `code` says why. */
export async function send(outgoing: OutgoingRequest): Promise<Answer> {
  const { url, method, body, timeoutMillis } = outgoing
  const { start, agent } = protocolOf(url)
  const headers = new Map(outgoing.headers)
  if (body !== null && body.bytes !== null) headers.set('content-length', String(body.bytes))
  const options: RequestOptions = { method, headers: Object.fromEntries(headers), agent }
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const request = start(url, options, resolve)
  request.on('error', reject)
  const connecting = limit(request, connectMillis)
  request.on('socket', (socket) => {
    // A proxy's has been connected for a while.
    if (!socket.connecting) clearTimeout(connecting)
    socket.once('connect', () => clearTimeout(connecting))
  })
  if (timeoutMillis !== undefined) limit(request, timeoutMillis)
  if (body === null) request.end()
  else body.sendTo(request)
  return toAnswer(await promise)
}

/** Plain http is for this machine only, and takes no way round. */
function protocolOf({ protocol }: URL): Pick<RequestOptions, 'agent'> & { readonly start: typeof startHttp } {
  // Not by `import`: it reads every export of node:http, and one of them loads all of `fetch`.
  if (protocol === 'http:') return { start: process.getBuiltinModule('node:http').request, agent: false }
  const { request, Agent } = process.getBuiltinModule('node:https')
  // HTTPS_PROXY and NO_PROXY, which Node reads since 22.21 and 24.5.
  return { start: request, agent: new Agent({ keepAlive: false, proxyEnv: process.env }) }
}

/** Ends the request after that time, with the code of a connection that timed out. */
function limit(request: ClientRequest, millis: number): NodeJS.Timeout {
  const timer = setTimeout(() => {
    request.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }))
  }, millis)
  request.on('close', () => clearTimeout(timer))
  return timer
}

export function textBody(text: string): OutgoingBody {
  return {
    bytes: Buffer.byteLength(text),
    sendTo: (request) => {
      request.end(text)
    },
  }
}

async function toAnswer(message: IncomingMessage): Promise<Answer> {
  const body = await decoded(message)
  const { headers, statusCode = 0, statusMessage = '' } = message
  return {
    status: statusCode,
    statusText: statusMessage,
    headers: {
      get: (name) => headerText(headers, name.toLowerCase()),
      entries: () => Object.keys(headers).map((name) => [name, headerText(headers, name) ?? '']),
    },
    body,
    bytes: async (bytesMax) => {
      const chunks: Buffer[] = []
      let left = bytesMax
      for await (const chunk of body) {
        left -= chunk.length
        if (left < 0) throw Object.assign(new Error('more than was asked for'), { code: 'EMSGSIZE' })
        chunks.push(chunk)
      }
      return Buffer.concat(chunks)
    },
    discard: () => {
      message.destroy()
    },
  }
}

function headerText(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name]
  return value === undefined ? null : [value].flat().join(', ')
}

/** We ask for no compression; some answer with it all the same. */
async function decoded(message: IncomingMessage): Promise<Readable> {
  const encoding = message.headers['content-encoding']
  if (encoding !== 'gzip' && encoding !== 'br' && encoding !== 'deflate') return message
  const { createBrotliDecompress, createUnzip } = await import('node:zlib')
  const decoder = encoding === 'br' ? createBrotliDecompress() : createUnzip()
  message.on('error', (error) => decoder.destroy(error))
  return message.pipe(decoder)
}
