/**
 * Countersign's own secrets. Their faults are configuration faults; a fault of an upstream's secret is not,
 * and is found where credentials are opened. Nothing here repeats a secret in a message.
 */
import { compactVerify, type JWK } from 'jose'
import { bindingText } from '../core/binding.ts'
import { base64url, sha256OfText } from '../core/bytes.ts'
import type { PublicJwk } from '../core/configuration.ts'
import { judgeJwk } from '../core/jwk.ts'
import { compactJws } from '../core/jws.ts'
import { adminKeyCharsMin } from '../core/limits.ts'
import { Secret } from '../core/redact.ts'
import type { SigningKey } from '../core/signing-key.ts'
import type { SetTimer } from '../core/within.ts'
import { importSigner, parsePrivateJwk } from '../signing/jwk.ts'
import { privateByJose } from '../signing/jws.ts'
import { type ConfigFault, Input } from './input.ts'

export interface OwnSecrets {
  readonly adminKey: Secret | null
  /** The first signs, all are published; empty: the token service is off. */
  readonly signingKeys: readonly SigningKey[]
  readonly faults: readonly ConfigFault[]
}

/** The two secrets of `env`, as Worker secrets (text) or as Secrets Store bindings (`get()`), which are waited for together. */
export async function readOwnSecrets(
  env: Readonly<Record<string, unknown>>,
  setTimer: SetTimer,
): Promise<OwnSecrets> {
  const root = Input.root(env)
  const admin = root.child('COUNTERSIGN_ADMIN_KEY')
  const signing = root.child('COUNTERSIGN_SIGNING_KEY')
  const [adminText, signingText] = await Promise.all(
    [admin, signing].map(({ value }) => bindingText(value, setTimer)),
  )
  const adminKey = readAdminKey(admin, adminText)
  const signingKeys = await readSigningKeys(signing, signingText)
  return { adminKey, signingKeys, faults: root.faults }
}

const unreadable =
  'cannot be read, or not in time; a binding must be a secret text, or a Secrets Store secret that exists'

type BindingText = Awaited<ReturnType<typeof bindingText>>

function readAdminKey(at: Input, text: BindingText = ''): Secret | null {
  const message = text === null ? unreadable : adminKeyFault(text)
  return message === null ? new Secret(text ?? '') : at.fault(message)
}

function adminKeyFault(text: string): string | null {
  if (text === '')
    return 'is missing; make one with: openssl rand -base64 32 | npx wrangler secret put COUNTERSIGN_ADMIN_KEY'
  if (text.trim() === '') return 'holds only blanks'
  if (!/^[\x21-\x7e]+$/.test(text))
    return 'must be visible ASCII without white space, since it travels in a header; look for a stray newline'
  if (text.length < adminKeyCharsMin) return `must have at least ${adminKeyCharsMin} characters`
  return null
}

async function readSigningKeys(at: Input, text: BindingText): Promise<readonly SigningKey[]> {
  const keys: SigningKey[] = []
  if (text === undefined || text === '') return keys
  const list = text === null ? null : parseList(text)
  if (list === null)
    at.fault(text === null ? unreadable : 'must be a private JWK as JSON, or an array of them')
  for (const [index, jwk] of (list ?? []).entries()) {
    const key = await readSigningKey(jwk)
    const place = list?.length === 1 ? at : at.child(index)
    if (typeof key === 'string') place.fault(key)
    else if (keys.some(({ kid }) => kid === key.kid)) place.fault('has the kid of another')
    else keys.push(key)
  }
  return keys
}

function parseList(text: string): readonly unknown[] | null {
  try {
    const parsed: unknown = JSON.parse(text)
    if (Array.isArray(parsed)) return parsed.length > 0 ? parsed : null
    return typeof parsed === 'object' && parsed !== null ? [parsed] : null
  } catch {
    return null
  }
}

/** The key, or what is wrong with it. A pair whose halves do not belong together would mint tokens that nobody accepts. */
async function readSigningKey(input: unknown): Promise<SigningKey | string> {
  if (typeof input !== 'object' || input === null) return 'must be a private JWK'
  const { d, ...rest } = input as JWK
  const { key_ops: _operations, ...publicPart } = rest
  if (typeof d !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(d)) return 'must be a private JWK, with its d'
  const key = judgeJwk(publicPart)
  if (typeof key === 'string') return key
  const { jwk, algorithms, kid } = key
  const algorithm = algorithms.has('EdDSA') ? 'EdDSA' : algorithms.has('ES256') ? 'ES256' : null
  if (algorithm === null) return 'must be an Ed25519 or P-256 key'
  const privateJwk = { ...jwk, d }
  if (!(await belongTogether(privateJwk, jwk, algorithm)))
    return 'has a private and a public half that do not match'
  const id = kid ?? (await thumbprint(jwk))
  return {
    kid: id,
    algorithm,
    privateJwk: new Secret(JSON.stringify(privateJwk)),
    publicJwk: { ...jwk, kid: id, alg: algorithm, use: 'sig' },
  }
}

/** RFC 7638: of the members that make the key, in the order of the alphabet. */
async function thumbprint(jwk: PublicJwk): Promise<string> {
  return base64url(await sha256OfText(JSON.stringify(jwk, ['crv', 'kty', 'x', 'y'])))
}

async function belongTogether(
  privateJwk: object,
  publicJwk: object,
  alg: SigningKey['algorithm'],
): Promise<boolean> {
  try {
    const algorithm = privateByJose[alg]
    const sign = await importSigner(parsePrivateJwk(privateJwk, algorithm), algorithm)
    await compactVerify(await compactJws({ alg }, {}, sign), publicJwk as JWK)
    return true
  } catch {
    return false
  }
}
