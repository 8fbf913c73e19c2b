/**
 * One request over node:http. `fetch` would do, but loading it takes longer than everything else that a call does
 * (measured: 40 ms of CPU beside 15 ms). Nothing is followed, nothing is kept open, bodies stream.
 */
import type { IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http'
import type { Readable } from 'node:stream'
import type { CallBody } from './body.ts'

export interface Answer {
  readonly status: number
  readonly statusText: string
  readonly headers: AnswerHeaders
  /** Decoded where it was compressed. */
  readonly body: AsyncIterable<Buffer>
  readonly text: () => Promise<string>
  /** Lets go of a body that nobody reads. */
  readonly discard: () => void
}

export interface AnswerHeaders {
  /** Case does not matter; what came several times is joined with commas. */
  readonly get: (name: string) => string | null
  readonly entries: () => readonly (readonly [name: string, value: string])[]
}

export interface OutgoingRequest {
  readonly url: URL
  readonly method: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: CallBody | null
}

const connectMillis = 10_000

/** Resolves when the answer begins. Rejects with Node's own errors, whose `code` says why. */
export const send = async ({ url, method, headers, body }: OutgoingRequest): Promise<Answer> => {
  // Not by `import`: it reads every export of node:http, and one of them loads all of `fetch`.
  const { request: start } = process.getBuiltinModule(url.protocol === 'https:' ? 'node:https' : 'node:http')
  const options: RequestOptions = { method, headers: Object.fromEntries(headers), agent: false }
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const request = start(url, options, resolve)
  request.on('error', reject)
  const timer = setTimeout(() => {
    request.destroy(Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' }))
  }, connectMillis)
  request.on('socket', (socket) => socket.once('connect', () => clearTimeout(timer)))
  request.on('close', () => clearTimeout(timer))
  if (body === null) request.end()
  else body.sendTo(request)
  return toAnswer(await promise)
}

const toAnswer = async (message: IncomingMessage): Promise<Answer> => {
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
    text: async () => {
      const chunks: Buffer[] = []
      for await (const chunk of body) chunks.push(chunk)
      return Buffer.concat(chunks).toString('utf8')
    },
    discard: () => {
      message.destroy()
    },
  }
}

const headerText = (headers: IncomingHttpHeaders, name: string): string | null => {
  const value = headers[name]
  return value === undefined ? null : [value].flat().join(', ')
}

/** We ask for no compression; some answer with it all the same. */
const decoded = async (message: IncomingMessage): Promise<Readable> => {
  const encoding = message.headers['content-encoding']
  if (encoding !== 'gzip' && encoding !== 'br' && encoding !== 'deflate') return message
  const { createBrotliDecompress, createUnzip } = await import('node:zlib')
  const decoder = encoding === 'br' ? createBrotliDecompress() : createUnzip()
  message.on('error', (error) => decoder.destroy(error))
  return message.pipe(decoder)
}
