/**
 * `jwt`: a short-lived JSON Web Token (RFC 7519, RFC 7515) of our own for each request, as bearer. For APIs that
 * hand out a private key instead of a password: Coinbase CDP, App Store Connect, GitHub Apps, and the like.
 *
 * Covered: what the claims name. A claim may be made of parts of the request (`hmac/definition.ts` has them), as
 * Coinbase asks for: `uri: [{ part: 'method' }, ' ', { part: 'host' }, { part: 'path' }]`. `iat` and `exp` are
 * ours; everything else comes from the options.
 */
import { isJsonObject } from '../core/json.ts'
import { compactJws, type Sign, signingInput } from '../core/jws.ts'
import type { StringPart } from './hmac/definition.ts'
import { newSheet, type Sheet } from './hmac/sheet.ts'
import { parseString } from './hmac/string.ts'
import { type JwsAlgorithm, jwsAlgorithms, parseJwsSecret } from './jws.ts'
import { OptionReader } from './options.ts'
import type { KeySecret } from './private-key.ts'
import { type BodyNeed, type ReportFault, type SignScheme, widestNeed } from './scheme.ts'

type StaticClaim = string | number | boolean

export interface JwtDefinition {
  readonly scheme: 'jwt'
  readonly algorithm: JwsAlgorithm
  /** By name; a list is a text of parts of the request, `{ list: [...] }` a list of texts. */
  readonly claims?: Readonly<
    Record<string, StaticClaim | readonly StringPart[] | { readonly list: readonly string[] }>
  >
  /** Members of the header besides `alg`, `kid` and `typ`. */
  readonly joseHeader?: Readonly<Record<string, StaticClaim | readonly StringPart[]>>
  /** `exp` lies so far ahead. Default 60, at most 3600. */
  readonly lifetimeSeconds?: number
  /** `iat` (and `nbf`) lies so far back, for clocks that differ. Default 0, at most 60. */
  readonly backdateSeconds?: number
  /** Sets `nbf`. Default false. */
  readonly notBefore?: boolean
  /** The header that carries the token. Default 'authorization', as `Bearer <token>`. */
  readonly header?: string
  readonly prefix?: string
}

type ClaimValue = StaticClaim | readonly string[] | Uint8Array

interface Claim {
  readonly name: string
  readonly bodyNeed: BodyNeed
  readonly write: (sheet: Sheet) => ClaimValue | Promise<ClaimValue>
}

interface JwtOptions {
  readonly algorithm: JwsAlgorithm
  readonly claims: readonly Claim[]
  readonly joseHeader: readonly Claim[]
  readonly lifetimeSeconds: number
  readonly backdateSeconds: number
  readonly notBefore: boolean
  readonly header: string
  readonly prefix: string
}

interface JwtKey {
  readonly keyid: string
  readonly sign: Sign
}

export const jwt: SignScheme<JwtOptions, KeySecret, JwtKey> = {
  kind: 'sign',
  parseOptions: (input, fault) => {
    const options = new OptionReader(input, fault)
    const algorithm = options.choice('algorithm', jwsAlgorithms)
    const claims = parseClaims(options, 'claims', ['iat', 'exp', 'nbf'], fault)
    const joseHeader = parseClaims(options, 'joseHeader', ['alg', 'kid', 'typ', 'crit', 'b64'], fault)
    const lifetimeSeconds = options.integer('lifetimeSeconds', 60, { min: 1, max: 3_600 })
    const backdateSeconds = options.integer('backdateSeconds', 0, { min: 0, max: 60 })
    const notBefore = options.flag('notBefore', false)
    const header = options.raw('header') === undefined ? 'authorization' : options.headerName('header')
    const prefix = options.prefix(header === 'authorization' ? 'Bearer ' : '')
    options.done()
    return { algorithm, claims, joseHeader, lifetimeSeconds, backdateSeconds, notBefore, header, prefix }
  },
  parseSecret: (text, { algorithm }) => parseJwsSecret(text, algorithm),
  owns: ({ header }) => [header],
  bodyNeed: ({ claims, joseHeader }) => widestNeed([...claims, ...joseHeader]),
  prepare: async ({ keyid, importSigner }) => ({ keyid, sign: await importSigner() }),
  stages: async (request, options, { keyid }, moment) => {
    const [header, claims] = await partsOf(options, newSheet(request, keyid, moment))
    return [
      { name: 'JOSE header', text: JSON.stringify(header) },
      { name: 'claims', text: JSON.stringify(claims) },
      { name: 'signing input', text: signingInput(header, claims) },
    ]
  },
  sign: async (request, options, { keyid, sign }, moment) => {
    const [header, claims] = await partsOf(options, newSheet(request, keyid, moment))
    return { set: [[options.header, options.prefix + (await compactJws(header, claims, sign))]] }
  },
  sends: () => [],
}

async function partsOf(
  options: JwtOptions,
  sheet: Sheet,
): Promise<readonly [header: object, claims: object]> {
  const now = Math.floor(sheet.now / 1000)
  const issuedAt = now - options.backdateSeconds
  return [
    { alg: options.algorithm, kid: sheet.keyId, typ: 'JWT', ...(await filledIn(options.joseHeader, sheet)) },
    {
      ...(await filledIn(options.claims, sheet)),
      iat: issuedAt,
      ...(options.notBefore ? { nbf: issuedAt } : {}),
      exp: now + options.lifetimeSeconds,
    },
  ]
}

const decoder = new TextDecoder()

async function filledIn(claims: readonly Claim[], sheet: Sheet): Promise<object> {
  const filled: Record<string, unknown> = {}
  for (const { name, write } of claims) {
    const value = await write(sheet)
    filled[name] = value instanceof Uint8Array ? decoder.decode(value) : value
  }
  return filled
}

function parseClaims(
  options: OptionReader,
  name: string,
  reserved: readonly string[],
  fault: ReportFault,
): readonly Claim[] {
  return options.entries(name).map(([claim, value]) => {
    const at = `${name}.${claim}`
    if (reserved.includes(claim) || claim === '__proto__') fault(at, 'is set by Countersign itself')
    return { name: claim, ...parseClaim(value, at, fault) }
  })
}

function parseClaim(value: unknown, at: string, fault: ReportFault): Omit<Claim, 'name'> {
  if (Array.isArray(value)) return parseString(value, at, fault)
  const list = isJsonObject(value) && Object.keys(value).length === 1 ? value['list'] : undefined
  const isList = Array.isArray(list) && list.every((one) => typeof one === 'string')
  const fixed = isList ? list : value
  if (!isList && typeof value !== 'string' && typeof value !== 'boolean' && !Number.isFinite(value))
    fault(at, 'must be a text, a number, true or false, a list of parts, or { list: [texts] }')
  return { bodyNeed: 'none', write: () => fixed as ClaimValue }
}
