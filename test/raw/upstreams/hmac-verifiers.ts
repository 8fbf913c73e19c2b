/**
 * The upstreams' side of the catalogue's HMAC recipes, written from each API's description with node:crypto and
 * sharing nothing with `src/signing`: what was received, and what its signature should have been.
 */
import { createHash, createHmac } from 'node:crypto'
import type { ReceivedRequest } from './upstream.ts'

interface Verdict {
  readonly received: string | null | undefined
  readonly expected: string
}

type Verifier = (request: ReceivedRequest, key: HmacKey) => Verdict

export interface HmacKey {
  readonly secret: string
  readonly origin: string
}

const mac = (algorithm: string, key: string | Buffer, text: string | Buffer, encoding: 'hex' | 'base64') =>
  createHmac(algorithm, key).update(text).digest(encoding)

const textOf = ({ body }: ReceivedRequest): string => body.toString('latin1')
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const pathOf = ({ target }: ReceivedRequest): string => target.split('?')[0] ?? ''
const queryOf = ({ target }: ReceivedRequest): string =>
  target.slice(pathOf({ target } as ReceivedRequest).length + 1)

/** The pairs of a query but for the signature, which is its last. */
const unsignedPairs = (request: ReceivedRequest): { pairs: readonly string[]; signature: string } => {
  const pairs = queryOf(request).split('&')
  return { pairs: pairs.slice(0, -1), signature: decodeURIComponent(pairs.at(-1)?.split('=')[1] ?? '') }
}

const strict = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)

const sortedQuery = (pairs: readonly string[]): string =>
  pairs
    .map((pair) => pair.split('=').map((part) => strict(decodeURIComponent(part))))
    .map(([name = '', value = '']) => `${name}=${value}`)
    .sort()
    .join('&')

export const hmacVerifiers: Readonly<Record<string, Verifier>> = {
  'alibaba-cloud': (request, { secret }) => {
    const { pairs, signature } = unsignedPairs(request)
    const text = `${request.method}&${strict(pathOf(request))}&${strict(sortedQuery(pairs))}`
    return { received: signature, expected: mac('sha1', `${secret}&`, text, 'base64') }
  },
  binance: (request, { secret }) => {
    const { pairs, signature } = unsignedPairs(request)
    return { received: signature, expected: mac('sha256', secret, pairs.join('&'), 'hex') }
  },
  bybit: (request, { secret }) => ({
    received: request.header('x-bapi-sign'),
    expected: mac(
      'sha256',
      secret,
      bytes(
        `${request.header('x-bapi-timestamp')}${request.header('x-bapi-api-key')}${request.header('x-bapi-recv-window')}${queryOf(request)}${textOf(request)}`,
      ),
      'hex',
    ),
  }),
  'coinbase-exchange': (request, { secret }) => ({
    received: request.header('cb-access-sign'),
    expected: mac(
      'sha256',
      Buffer.from(secret, 'base64'),
      bytes(`${request.header('cb-access-timestamp')}${request.method}${request.target}${textOf(request)}`),
      'base64',
    ),
  }),
  gate: (request, { secret }) => ({
    received: request.header('sign'),
    expected: mac(
      'sha512',
      secret,
      [
        request.method,
        pathOf(request),
        queryOf(request),
        createHash('sha512').update(request.body).digest('hex'),
        request.header('timestamp'),
      ].join('\n'),
      'hex',
    ),
  }),
  'github-webhook': (request, { secret }) => ({
    received: request.header('x-hub-signature-256'),
    expected: `sha256=${mac('sha256', secret, request.body, 'hex')}`,
  }),
  kraken: (request, { secret }) => {
    const nonce = new URLSearchParams(textOf(request)).get('nonce') ?? ''
    const inner = createHash('sha256').update(nonce).update(request.body).digest()
    return {
      received: request.header('api-sign'),
      expected: mac(
        'sha512',
        Buffer.from(secret, 'base64'),
        Buffer.concat([bytes(pathOf(request)), inner]),
        'base64',
      ),
    }
  },
  okx: (request, { secret }) => ({
    received: request.header('ok-access-sign'),
    expected: mac(
      'sha256',
      secret,
      bytes(`${request.header('ok-access-timestamp')}${request.method}${request.target}${textOf(request)}`),
      'base64',
    ),
  }),
  pusher: (request, { secret }) => {
    const { pairs, signature } = unsignedPairs(request)
    const digest = createHash('md5').update(request.body).digest('hex')
    const text = `${request.method}\n${pathOf(request)}\n${sortedQuery(pairs)}`
    const told = pairs.includes(`body_md5=${digest}`) ? '' : 'the digest is of another body: '
    return { received: signature, expected: told + mac('sha256', secret, text, 'hex') }
  },
  'shopify-webhook': (request, { secret }) => ({
    received: request.header('x-shopify-hmac-sha256'),
    expected: mac('sha256', secret, request.body, 'base64'),
  }),
  'slack-webhook': (request, { secret }) => ({
    received: request.header('x-slack-signature'),
    expected: `v0=${mac('sha256', secret, bytes(`v0:${request.header('x-slack-request-timestamp')}:${textOf(request)}`), 'hex')}`,
  }),
  'stripe-webhook': (request, { secret }) => {
    const [, seconds = '', v1] =
      /^t=(\d{10}),v1=([0-9a-f]{64})$/.exec(request.header('stripe-signature') ?? '') ?? []
    return { received: v1, expected: mac('sha256', secret, bytes(`${seconds}.${textOf(request)}`), 'hex') }
  },
  'twilio-webhook': (request, { secret, origin }) => {
    const digest = createHash('sha256').update(request.body).digest('hex')
    const told = queryOf(request).endsWith(`bodySHA256=${digest}`) ? '' : 'the digest is of another body: '
    return {
      received: request.header('x-twilio-signature'),
      expected: told + mac('sha1', secret, `${origin}${request.target}`, 'base64'),
    }
  },
}
