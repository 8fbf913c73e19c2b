import type { Moment, SignableBody, SignRequest } from '../../src/signing/scheme.ts'

interface RequestParts {
  readonly method?: string
  readonly origin?: string
  readonly path?: string
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: SignableBody
}

/** A request as the pipeline hands it to a scheme. */
export const signRequest = ({
  method = 'GET',
  origin = 'https://api.example.com',
  path = '/',
  query = '',
  headers = {},
  body = { kind: 'empty' },
}: RequestParts = {}): SignRequest => {
  const fields = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  return {
    method,
    origin,
    host: new URL(origin).host,
    path,
    query,
    header: (name) => fields.get(name) ?? null,
    headerNames: () => [...fields.keys()],
    body,
  }
}

/** A fixed time, and nonces that count up. */
export const momentAt = (now: number): Moment => {
  let count = 0
  return {
    now,
    nonce: () => {
      count += 1
      return count.toString(16).padStart(32, '0')
    },
  }
}

export const textBody = (text: string): SignableBody =>
  text === '' ? { kind: 'empty' } : { kind: 'bytes', bytes: new Uint8Array(new TextEncoder().encode(text)) }
