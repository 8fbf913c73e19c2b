import { generateKeyPairSync } from 'node:crypto'
import type { SchemeName } from '../../src/signing/index.ts'
import { signRequest, textBody } from './requests.ts'

/** Part of every secret below: wherever it shows up, a secret has leaked. */
export const marker = 'bWFya2VyLW5ldmVyLXNob3du'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwk = privateKey.export({ format: 'jwk' })

interface SchemeExample {
  /** Where its vectors are: a folder of ../shared/vectors, or a test file with those of its specification. */
  readonly vectors: readonly string[]
  readonly sign: Readonly<Record<string, unknown>>
  readonly secret: string
  /** What must never be seen; the marker where the form of the secret has room for it. */
  readonly hidden: readonly string[]
  /** Whether the credential itself travels: then edits hold it, and `sends` must say so. */
  readonly travels: boolean
}

const jwkSecret = JSON.stringify({ keyid: 'our-key', issuer: 'service@example.com', jwk })

/** Every scheme of the table, with options and a secret; one that is missing here does not compile. */
export const schemeExamples: Readonly<Record<SchemeName, SchemeExample>> = {
  'aws-sigv4': {
    vectors: ['aws-sigv4', 'aws-sigv4.test.ts'],
    sign: { scheme: 'aws-sigv4', service: 's3', region: 'eu-central-1' },
    secret: `AKIAMADEUP:${marker}`,
    hidden: [marker],
    travels: false,
  },
  basic: {
    vectors: ['credentials-as-they-are.test.ts'],
    sign: { scheme: 'basic' },
    secret: `user:${marker}`,
    hidden: [marker, btoa(`user:${marker}`)],
    travels: true,
  },
  bearer: {
    vectors: ['credentials-as-they-are.test.ts'],
    sign: { scheme: 'bearer' },
    secret: marker,
    hidden: [marker],
    travels: true,
  },
  header: {
    vectors: ['credentials-as-they-are.test.ts'],
    sign: { scheme: 'header', name: 'x-api-key', prefix: 'Token ' },
    secret: marker,
    hidden: [marker],
    travels: true,
  },
  hmac: {
    vectors: ['hmac/hmac.test.ts', '../upstreams/vectors.ts'],
    sign: {
      scheme: 'hmac',
      algorithm: 'sha256',
      string: [{ part: 'method' }, '\n', { part: 'path' }, { part: 'query' }],
      headers: { 'x-key': [{ part: 'key-id' }], 'x-signature': [{ part: 'signature' }] },
    },
    secret: `our-key:${marker}`,
    hidden: [marker],
    travels: false,
  },
  'http-signatures': {
    vectors: ['rfc9421', 'structured-field-tests', 'http-signatures.test.ts'],
    sign: { scheme: 'http-signatures', algorithm: 'hmac-sha256', components: ['@method', 'content-digest'] },
    secret: `our-key:${marker}`,
    hidden: [marker, atob(marker)],
    travels: false,
  },
  jwt: {
    vectors: ['jwt.test.ts'],
    sign: { scheme: 'jwt', algorithm: 'ES256' },
    secret: jwkSecret,
    hidden: [String(jwk.d)],
    travels: false,
  },
  'oauth-client-credentials': {
    vectors: ['oauth.test.ts'],
    sign: { scheme: 'oauth-client-credentials', tokenUrl: 'https://login.example.com/token' },
    secret: `client:${marker}`,
    hidden: [marker, btoa(`client:${marker}`)],
    travels: true,
  },
  'oauth-jwt-bearer': {
    vectors: ['oauth.test.ts'],
    sign: { scheme: 'oauth-jwt-bearer', algorithm: 'ES256', tokenUrl: 'https://login.example.com/token' },
    secret: jwkSecret,
    hidden: [String(jwk.d)],
    travels: false,
  },
  plugipay: {
    vectors: ['plugipay-hmac', 'plugipay.test.ts'],
    sign: { scheme: 'plugipay' },
    secret: `pk_test_1:${marker}`,
    hidden: [marker],
    travels: false,
  },
  query: {
    vectors: ['credentials-as-they-are.test.ts'],
    sign: { scheme: 'query', name: 'api_key' },
    secret: marker,
    hidden: [marker],
    travels: true,
  },
  'standard-webhooks': {
    vectors: ['standard-webhooks', 'standard-webhooks.test.ts'],
    sign: { scheme: 'standard-webhooks' },
    secret: `whsec_${marker}`,
    hidden: [marker, atob(marker)],
    travels: false,
  },
}

export const exampleRequest = signRequest({
  method: 'POST',
  path: '/v1/things',
  query: '?a=1&b=2',
  headers: { 'content-type': 'application/json', 'idempotency-key': 'once' },
  body: textBody('{"hello":"world"}'),
})
