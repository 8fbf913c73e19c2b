import { expect, it } from 'vitest'
import { hex, utf8 } from '../../src/core/bytes.ts'
import { createNonce } from '../../src/http/nonce.ts'
import { parseSign } from '../../src/signing/index.ts'
import type { Moment, SignRequest } from '../../src/signing/scheme.ts'

/**
 * G09: signatures that must be the same on Node and on workerd: both compare with the digests at the end. Schemes
 * whose signatures are random (ECDSA, RSA-PSS) are verified elsewhere.
 */
interface PlatformCase {
  readonly sign: Readonly<Record<string, unknown>>
  readonly secret: string
}

const hmac = (algorithm: string) => ({
  scheme: 'hmac',
  algorithm,
  string: [
    { part: 'timestamp', as: 'iso' },
    { part: 'nonce' },
    { part: 'method' },
    { part: 'path' },
    { part: 'query' },
    { part: 'body', begins: 'json' },
  ],
  signatureEncoding: 'base64',
  headers: {
    'x-signature': [
      { part: 'signature' },
      '.',
      { part: 'nonce' },
      '.',
      { part: 'timestamp', as: 'iso' },
      '.',
      { part: 'body-digest', algorithm, encoding: 'base64url' },
    ],
  },
})

/** RFC 8032 section 7.1, test 1. */
const ed25519 = {
  kty: 'OKP',
  crv: 'Ed25519',
  d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
}

const platformCases: readonly PlatformCase[] = [
  { sign: { scheme: 'plugipay' }, secret: 'pk_test_1:made-up' },
  ...['sha1', 'sha256', 'sha384', 'sha512', 'md5'].map((algorithm) => ({
    sign: hmac(algorithm),
    secret: 'id:made-up',
  })),
  {
    sign: { scheme: 'aws-sigv4', service: 's3', region: 'eu-central-1' },
    secret: 'AKIAMADEUP:made-up:token',
  },
  {
    sign: { scheme: 'aws-sigv4', service: 'es', region: 'eu-central-1', placement: 'query' },
    secret: 'AKIAMADEUP:made-up',
  },
  {
    sign: {
      scheme: 'http-signatures',
      algorithm: 'hmac-sha256',
      components: ['@method', '@target-uri', '@query-param;name="b"', 'content-type', 'content-digest'],
      nonce: true,
    },
    secret: 'our-key:bWFkZS11cA==',
  },
  {
    sign: { scheme: 'http-signatures', algorithm: 'ed25519', components: ['@method', '@path'] },
    secret: JSON.stringify({ keyid: 'our-key', jwk: ed25519 }),
  },
  { sign: { scheme: 'standard-webhooks' }, secret: 'whsec_bWFkZS11cA==' },
  { sign: { scheme: 'jwt', algorithm: 'HS256', claims: { iss: 'é☃' } }, secret: 'id:made-up' },
  {
    sign: { scheme: 'jwt', algorithm: 'EdDSA' },
    secret: JSON.stringify({ keyid: 'our-key', jwk: ed25519 }),
  },
  { sign: { scheme: 'basic' }, secret: 'user:pässwörd ☃' },
  { sign: { scheme: 'query', name: 'key' }, secret: "made up/☃!'()*" },
]

const request: SignRequest = {
  method: 'POST',
  origin: 'https://api.example.com',
  host: 'api.example.com',
  path: '/v1/a%20b/%E2%98%83/@x',
  query: '?b=2&a=%7e+1',
  header: (name) => (name === 'content-type' ? 'application/json' : null),
  headerNames: () => ['content-type'],
  body: { kind: 'bytes', bytes: new Uint8Array([0x7b, 0x22, 0xc3, 0xa9, 0x22, 0x3a, 0xff, 0x00, 0x7d]) },
}

const editsOf = async ({ sign, secret }: PlatformCase): Promise<string> => {
  const scheme = parseSign(sign, (path, message) => {
    throw new Error(`${path}: ${message}`)
  })
  const key = await scheme?.open(secret)
  if (key?.kind !== 'sign') throw new Error('the scheme does not sign')
  const moment: Moment = { now: 1_700_000_000_123, nonce: () => '000102030405060708090a0b0c0d0e0f' }
  const { set, query = [] } = await key.sign(request, moment)
  return [...set, ...query].map(([name, value]) => `${name}: ${value}`).join('\n')
}

/** SHA-256 of the edits of each case. */
const pinned: readonly string[] = [
  '1447c143be9139a212a9955c8d7efce47bfdc766d738098cc423004af0d768a4',
  '9511bac7e5e7d2a2e1785c780d4b69fd62d624991e7a88bf2db9de56633657e6',
  'b49547184ba82896ee3cddd5f832adf7c3d844e50b0546bd57b6d68e8c584ea9',
  '789b65ff3fb8e7c504e6411f6f6f886113be93d691dbadbb95de7e3a4ccf4e60',
  '4f326e1bb1ba7a692cca39f9398685eacfd0e65876d9f3bde189abfb08a781f4',
  'feb84717f1814298ef2b272cf75f99a2d3167744d4d19e7672ad87ba82e37e4b',
  '86a67099c11a4827dd56869cf7e9e6cb61e5e40eb26ef0325c13485508abac42',
  '6127383cbec831bb4ebaae9cb7e667e7a077954b10cfc1ea6b1d81a2bb2ecd9d',
  'd6f8cec42daefbff709976a985b241f5adba9aca5277938713619056a17d2175',
  'f1a413948a1a48e6be8ef9e7f8cc0b21c9425e55c9d148fc9fd4d0400d29a033',
  '231a3b9a5ccc5aeb19b3c5d1afda01eac4b02a0b9aece114375b2e2f6e0b6f3f',
  '0384b6b7df47fc09ef68672dcd194be6fd378920a2d475220b9fe5e2ee1e678d',
  'dfe10a139b0cfc50c0297e0ff6baa863e9c700cc21f56162e476589086a59942',
  '06557425e17378768c021d56caa3d1a2b8d5ca4ca8542e80e3cc99239d29d9a3',
  'a30d3450e4ce2a546b229e017efab74d811964ff8c8be2c8beac5a91ce43b868',
]

const sha256Of = async (text: string): Promise<string> =>
  hex(new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(text))))

/** The same test on each platform. */
export const describePlatform = (platform: string): void => {
  it(`G09: signs to the same bytes on ${platform} as everywhere`, async () => {
    const digests: string[] = []
    for (const one of platformCases) digests.push(await sha256Of(await editsOf(one)))
    expect(digests).toEqual(pinned)
  })

  it(`G09: draws 1,000,000 nonces on ${platform} without a repeat`, () => {
    const nonce = createNonce((bytes) => crypto.getRandomValues(bytes))
    const seen = new Set<string>()
    for (let count = 0; count < 1_000_000; count += 1) seen.add(nonce())
    expect(seen.size).toBe(1_000_000)
    expect([...seen].every((text) => text.length === 32)).toBe(true)
  })
}
