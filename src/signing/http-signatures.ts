/**
 * `http-signatures` (RFC 9421 HTTP Message Signatures, with RFC 9530 Content-Digest): signs the components that
 * the configuration names. Nothing else is covered: `@method`, `@target-uri` and `content-digest` together are
 * what most APIs want. Content-Digest is set to the SHA-256 of the body that is sent, whatever the caller sent.
 *
 * Signature and Signature-Input of a caller never pass. The parameters are created, expires, keyid, nonce, alg and
 * tag, in this order; of these only created and keyid are always there.
 */
import { type Bytes, base64, fromBase64, utf8 } from '../core/bytes.ts'
import type { Sign } from '../core/jws.ts'
import { bodySha256, emptySha256, hmacSigner } from './digest.ts'
import { type PrivateAlgorithmName, privateAlgorithms } from './jwk.ts'
import { OptionReader } from './options.ts'
import { type KeySecret, parseKeySecret } from './private-key.ts'
import type { Pair } from './query-string.ts'
import { type Moment, SecretFault, type SignRequest, type SignScheme } from './scheme.ts'
import { parsePair, parseVisible } from './secret.ts'
import {
  type Component,
  componentList,
  parseComponent,
  serializeParameters,
  signatureBase,
} from './signature-base.ts'

export interface HttpSignaturesDefinition {
  readonly scheme: 'http-signatures'
  /** Section 6.2.2. */
  readonly algorithm: 'hmac-sha256' | PrivateAlgorithmName
  /** `@method`, `@authority`, `@scheme`, `@target-uri`, `@request-target`, `@path`, `@query`, `@query-param;name="id"`, headers. */
  readonly components: readonly string[]
  /** Default 'sig1'. */
  readonly label?: string
  /** How long the signature holds: sets `expires`. */
  readonly expiresSeconds?: number
  readonly tag?: string
  /** Sets `nonce`. Default false. */
  readonly nonce?: boolean
  /** Sets `alg`. Default false: the verifier knows it by the key. */
  readonly alg?: boolean
}

export interface SignatureOptions {
  readonly algorithm: 'hmac-sha256' | PrivateAlgorithmName
  readonly components: readonly Component[]
  readonly coversDigest: boolean
  readonly label: string
  readonly expiresSeconds: number | null
  readonly tag: string | null
  readonly nonce: boolean
  readonly alg: boolean
}

interface SignatureKey {
  readonly sign: Sign
  /** What no request changes of the signature parameters, serialised. */
  readonly fixed: { readonly components: string; readonly keyid: string; readonly algAndTag: string }
}

const algorithmNames = [
  'hmac-sha256',
  ...Object.keys(privateAlgorithms),
] as readonly SignatureOptions['algorithm'][]

export const httpSignatures: SignScheme<SignatureOptions, KeySecret, SignatureKey> = {
  kind: 'sign',
  parseOptions: (input, fault) => {
    const options = new OptionReader(input, fault)
    const algorithm = options.choice('algorithm', algorithmNames)
    const components = options.texts('components').flatMap((text, index): readonly Component[] => {
      const component = parseComponent(text)
      if (typeof component !== 'string') return [component]
      fault(`components[${index}]`, component)
      return []
    })
    if (new Set(components.map(({ identifier }) => identifier)).size < components.length)
      fault('components', 'has a component twice')
    const label = options.optionalText('label', 'sig1')
    if (!/^[a-z*][a-z0-9_.*-]*$/.test(label))
      fault('label', 'must be a dictionary key: lower-case letters, digits, _ - . and *')
    const expires = options.raw('expiresSeconds')
    const expiresSeconds =
      expires === undefined ? null : options.integer('expiresSeconds', 0, { min: 1, max: 86_400 })
    const tag = options.optionalText('tag', null)
    if (tag !== null && !printable.test(tag)) fault('tag', 'must be printable ASCII')
    const nonce = options.flag('nonce', false)
    const alg = options.flag('alg', false)
    options.done()
    const coversDigest = components.some(({ name }) => name === 'content-digest')
    return { algorithm, components, coversDigest, label, expiresSeconds, tag, nonce, alg }
  },
  parseSecret: (text, { algorithm }) =>
    algorithm === 'hmac-sha256' ? parseShared(text) : parseKeySecret(text, algorithm, printable),
  owns: ({ coversDigest }) => ['signature', 'signature-input', ...(coversDigest ? ['content-digest'] : [])],
  bodyNeed: ({ coversDigest }) => (coversDigest ? 'sha256' : 'none'),
  prepare: async ({ keyid, importSigner }, { components, algorithm, alg, tag }) => ({
    sign: await importSigner(),
    fixed: {
      components: componentList(components),
      keyid: serializeParameters({ keyid }),
      algAndTag: serializeParameters({
        ...(alg ? { alg: algorithm } : {}),
        ...(tag === null ? {} : { tag }),
      }),
    },
  }),
  stages: async (request, options, key, moment) => {
    const params = paramsOf(options, key, moment)
    const text = baseOf(request, options, { params, digest: await digestOf(request, options) })
    return [{ name: 'signature base', text }]
  },
  sign: async (request, options, key, moment) => {
    const covered = digestOf(request, options)
    const digest = covered instanceof Promise ? await covered : covered
    const params = paramsOf(options, key, moment)
    const signature = base64(
      new Uint8Array(await key.sign(utf8(baseOf(request, options, { params, digest })))),
    )
    const set: Pair[] = [
      ['signature-input', `${options.label}=${params}`],
      ['signature', `${options.label}=:${signature}:`],
    ]
    return { set: digest === null ? set : [['content-digest', digest], ...set] }
  },
  sends: () => [],
}

/** null when the digest is not covered, and so not set. */
function digestOf(
  { body }: SignRequest,
  { coversDigest }: SignatureOptions,
): string | null | Promise<string> {
  if (!coversDigest) return null
  if (body.kind === 'empty') return emptyContentDigest
  const sha256 = bodySha256(body)
  return sha256 instanceof Promise ? sha256.then(contentDigest) : contentDigest(sha256)
}

/** RFC 9530 section 2. */
function contentDigest(sha256: Bytes): string {
  return `sha-256=:${base64(sha256)}:`
}

/** Most requests have no body. */
const emptyContentDigest = contentDigest(emptySha256)

function baseOf(
  request: SignRequest,
  { components }: SignatureOptions,
  { params, digest }: { readonly params: string; readonly digest: string | null },
): string {
  return signatureBase(components, params, (component) =>
    digest !== null && component.name === 'content-digest'
      ? digestValue(component, request, digest)
      : component.value(request),
  )
}

/** Of the one field that is covered before it is set: whole, as it nearly always is, or as its parameters say. */
function digestValue({ identifier, value }: Component, request: SignRequest, digest: string): string {
  return identifier === '"content-digest"' ? digest : value(withDigest(request, digest))
}

function withDigest(request: SignRequest, digest: string): SignRequest {
  return {
    ...request,
    header: (name) => (name === 'content-digest' ? digest : request.header(name)),
  }
}

/** Section 2.3. */
function paramsOf(
  { expiresSeconds, nonce }: SignatureOptions,
  { fixed: { components, keyid, algAndTag } }: SignatureKey,
  { now, nonce: draw }: Moment,
): string {
  const created = Math.floor(now / 1000)
  const expires = expiresSeconds === null ? '' : `;expires=${created + expiresSeconds}`
  const drawn = nonce ? serializeParameters({ nonce: draw() }) : ''
  return `${components};created=${created}${expires}${keyid}${drawn}${algAndTag}`
}

/** What a structured field's string may hold (RFC 9651 section 3.3.3). */
const printable = /^[\x20-\x7e]+$/

function parseShared(text: string): KeySecret {
  const [keyid, encoded] = parsePair(text, ['keyid', 'base64 secret'])
  const secret = fromBase64(encoded)
  if (secret === null || secret.length === 0)
    throw new SecretFault('the secret of <keyid>:<base64 secret> is not base64')
  return { keyid: parseVisible(keyid, 'the keyid'), importSigner: () => hmacSigner(secret) }
}
