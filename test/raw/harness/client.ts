/** A client that sends exactly the bytes it is given, and keeps exactly the bytes that come back. */
import { connect, type Socket } from 'node:net'
import { headerValue, type RawMessage, readMessage } from './message.ts'

export interface Answer extends RawMessage {
  readonly status: number
  /** All values of a header joined as one list; null without any. */
  readonly header: (name: string) => string | null
  readonly text: () => string
}

export interface Exchange {
  /** Whole answers, and a last one that was cut short (`complete: false`). */
  readonly answers: readonly Answer[]
  /** How the reading ended: all expected answers came, or the other side closed or reset, or time ran out. */
  readonly end: 'answered' | 'closed' | 'reset' | 'timeout'
  readonly bytes: Buffer
}

interface ExchangeOptions {
  /** Read until so many final answers are whole; Infinity: until the other side closes. */
  readonly answers?: number
  readonly timeoutMillis?: number
  /** The requests have these methods, where a HEAD among them changes what an answer may hold. */
  readonly methods?: readonly string[]
}

/** Bytes of a request. `target` and `headers` are written as they are, one byte for each char (Latin-1). */
export const requestBytes = (
  method: string,
  target: string,
  { headers = [], body = '' }: RequestParts = {},
): Buffer => {
  const lines = [`${method} ${target} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`)]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body)])
}

interface RequestParts {
  readonly headers?: readonly (readonly [name: string, value: string])[]
  readonly body?: string | Uint8Array
}

/** The body as chunks of these pieces (RFC 9112, 7.1). */
export const chunked = (...pieces: readonly (string | Uint8Array)[]): Buffer =>
  Buffer.concat([
    ...pieces.flatMap((piece) => {
      const bytes = Buffer.from(piece)
      return [Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]
    }),
    Buffer.from('0\r\n\r\n'),
  ])

/** Sends the bytes on a connection of its own and reads the answers. */
export const exchange = async (
  port: number,
  bytes: string | Uint8Array,
  { answers = 1, timeoutMillis = 10_000, methods = [] }: ExchangeOptions = {},
): Promise<Exchange> => {
  const socket = await openSocket(port)
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  const received: Buffer[] = []
  return new Promise((resolve) => {
    const finish = (end: Exchange['end']) => {
      clearTimeout(timer)
      socket.destroy()
      const all = Buffer.concat(received)
      resolve({
        answers: readAnswers(all, methods, end !== 'answered' && end !== 'timeout'),
        end,
        bytes: all,
      })
    }
    const timer = setTimeout(() => finish('timeout'), timeoutMillis)
    socket.on('data', (chunk) => {
      received.push(chunk)
      if (!Number.isFinite(answers)) return
      const whole = readAnswers(Buffer.concat(received), methods, false).filter(
        (answer) => answer.complete && answer.status >= 200,
      )
      if (whole.length >= answers) finish('answered')
    })
    socket.on('end', () => finish('closed'))
    socket.on('error', () => finish('reset'))
  })
}

/** The first final answer on a socket that a test wrote to; calls `withoutAnswer` once when none is there yet. */
export const answerOf = (socket: Socket, withoutAnswer?: () => void): Promise<Answer | undefined> =>
  new Promise((resolve) => {
    const received: Buffer[] = []
    const look = (ended: boolean): void => {
      const [answer] = readAnswers(Buffer.concat(received), [], ended).filter(({ status }) => status >= 200)
      if (!ended && answer?.complete !== true) return
      socket.destroy()
      resolve(answer)
    }
    socket.on('data', (chunk) => {
      received.push(chunk)
      look(false)
    })
    socket.on('error', () => look(true))
    socket.on('close', () => look(true))
    if (withoutAnswer !== undefined) {
      setTimeout(() => {
        if (!socket.destroyed) withoutAnswer()
      }, 20)
    }
  })

/** A connected socket; the test writes and reads by itself. */
export const openSocket = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })

const readAnswers = (bytes: Buffer, methods: readonly string[], ended: boolean): readonly Answer[] => {
  const found: Answer[] = []
  let rest = bytes
  for (;;) {
    const finals = found.filter((answer) => answer.status >= 200).length
    const message = readMessage(rest, { kind: 'answer', ended, bodyless: methods[finals] === 'HEAD' })
    if (message === null) return found
    found.push({
      ...message,
      status: Number(message.startLine.split(' ')[1]),
      header: (name) => headerValue(message, name),
      text: () => message.body.toString('utf8'),
    })
    if (!message.complete || message.framing === 'close') return found
    rest = rest.subarray(message.bytes.length)
  }
}
