/** Bytes of answers. */

type HeaderLines = readonly (readonly [name: string, value: string])[]

export interface AnswerParts {
  readonly reason?: string
  readonly headers?: HeaderLines
  readonly body?: string | Uint8Array
}

/** An answer as it should be: with the length of its body. Header values are written one byte for each char. */
export const answerBytes = (
  status: number,
  { reason = 'X', headers = [], body = '' }: AnswerParts = {},
): Buffer => withHead(status, reason, [['content-length', String(Buffer.byteLength(body))], ...headers], body)

/** An answer with exactly these headers, which may lie. */
export const bareAnswerBytes = (
  status: number,
  { reason = 'X', headers = [], body = '' }: AnswerParts = {},
): Buffer => withHead(status, reason, headers, body)

const withHead = (
  status: number,
  reason: string,
  headers: HeaderLines,
  body: string | Uint8Array,
): Buffer => {
  const lines = [`HTTP/1.1 ${status} ${reason}`, ...headers.map(([name, value]) => `${name}: ${value}`)]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body)])
}
