/**
 * HTTP/1.1 messages read from bytes by rules of our own (RFC 9112), so that no library smooths over what a
 * test looks at: the head as it stood, each header line apart, and whether the body was whole.
 */

export interface RawMessage {
  /** Request line or status line. */
  readonly startLine: string
  /** In order, names as they were written, values trimmed. Read as Latin-1: one char for each byte. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
  /** How the end of the body is told; `none`: there can be no body. */
  readonly framing: 'length' | 'chunked' | 'close' | 'none'
  /** False when the connection ended before the body did. With `close` nobody can tell. */
  readonly complete: boolean
  /** The bytes of the head with its empty line, and of all of the message as far as it came. */
  readonly head: Buffer
  readonly bytes: Buffer
}

interface ReadOptions {
  /** What a message without length and chunks means: a request ends, an answer lasts until the close. */
  readonly kind: 'request' | 'answer'
  /** No more bytes will come. */
  readonly ended: boolean
  /** An answer to HEAD has no body whatever its headers say. */
  readonly bodyless?: boolean
}

/** The first message in `bytes`, or null as long as its head is not there. */
export const readMessage = (bytes: Buffer, options: ReadOptions): RawMessage | null => {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return null
  const [startLine = '', ...lines] = bytes.subarray(0, headEnd).toString('latin1').split('\r\n')
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return colon < 0 ? ([line, ''] as const) : ([line.slice(0, colon), line.slice(colon + 1).trim()] as const)
  })
  const head = bytes.subarray(0, headEnd + 4)
  const rest = bytes.subarray(headEnd + 4)
  const read = readBody(rest, { ...options, startLine, headers })
  return { startLine, headers, head, ...read, bytes: bytes.subarray(0, head.length + read.length) }
}

/** All values of that name, in order; names compare without case. */
export const headerValues = (message: Pick<RawMessage, 'headers'>, name: string): readonly string[] =>
  message.headers.filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, value]) => value)

/** The values of that name joined as one list, or null without any. */
export const headerValue = (message: Pick<RawMessage, 'headers'>, name: string): string | null => {
  const values = headerValues(message, name)
  return values.length === 0 ? null : values.join(', ')
}

interface Body {
  readonly body: Buffer
  readonly framing: RawMessage['framing']
  readonly complete: boolean
  /** Bytes taken on the wire. */
  readonly length: number
}

const readBody = (
  rest: Buffer,
  {
    kind,
    ended,
    bodyless = false,
    startLine,
    headers,
  }: ReadOptions & Pick<RawMessage, 'startLine' | 'headers'>,
): Body => {
  const status = kind === 'answer' ? Number(startLine.split(' ')[1]) : 0
  const none: Body = { body: Buffer.alloc(0), framing: 'none', complete: true, length: 0 }
  if (bodyless || (kind === 'answer' && (status < 200 || status === 204 || status === 304))) return none

  if (headerValue({ headers }, 'transfer-encoding')?.toLowerCase().endsWith('chunked'))
    return readChunks(rest)
  const declared = headerValue({ headers }, 'content-length')
  if (declared !== null) {
    const body = rest.subarray(0, Number(declared))
    return { body, framing: 'length', complete: body.length === Number(declared), length: body.length }
  }
  if (kind === 'request') return none
  return { body: rest, framing: 'close', complete: ended, length: rest.length }
}

const readChunks = (rest: Buffer): Body => {
  const chunks: Buffer[] = []
  const result = (complete: boolean, length: number): Body => ({
    body: Buffer.concat(chunks),
    framing: 'chunked',
    complete,
    length,
  })
  let at = 0
  for (;;) {
    const lineEnd = rest.indexOf('\r\n', at)
    if (lineEnd < 0) return result(false, rest.length)
    const size = Number.parseInt(rest.subarray(at, lineEnd).toString('latin1'), 16)
    const start = lineEnd + 2
    if (size === 0) {
      const trailerEnd =
        rest.indexOf('\r\n', start) === start ? start + 2 : rest.indexOf('\r\n\r\n', start) + 4
      return trailerEnd < start + 2 ? result(false, rest.length) : result(true, trailerEnd)
    }
    chunks.push(rest.subarray(start, Math.min(start + size, rest.length)))
    if (rest.length < start + size + 2 || Number.isNaN(size)) return result(false, rest.length)
    at = start + size + 2
  }
}
