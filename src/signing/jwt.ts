/**
 * `jwt`: a short-lived JSON Web Token (RFC 7519, RFC 7515) of our own for each request, as bearer. For APIs that
 * hand out a private key instead of a password: Coinbase CDP, App Store Connect, GitHub Apps, and the like.
 *
 * Covered: what the claims name. A claim may be made of parts of the request (`hmac/definition.ts` has them), as
 * Coinbase asks for: `uri: [{ part: 'method' }, ' ', { part: 'host' }, { part: 'path' }]`. `iat` and `exp` are
 * ours; everything else comes from the options.
 */
import type { StringPart } from './hmac/definition.ts'
import { newSheet, type Sheet } from './hmac/sheet.ts'
import { parseString, type SignedString } from './hmac/string.ts'
import type { Signer } from './jwk.ts'
import {
  compactJws,
  encodedPart,
  type JwsAlgorithm,
  type JwsSecret,
  jwsAlgorithms,
  parseJwsSecret,
  signingInput,
} from './jws.ts'
import { type OptionReader, readOptions } from './options.ts'
import type { BodyNeed, ReportFault, SignScheme } from './scheme.ts'

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

type Claim =
  | { readonly kind: 'static'; readonly value: StaticClaim | readonly string[] }
  | { readonly kind: 'parts'; readonly string: SignedString }

interface JwtOptions {
  readonly algorithm: JwsAlgorithm
  readonly claims: readonly (readonly [name: string, claim: Claim])[]
  readonly joseHeader: readonly (readonly [name: string, claim: Claim])[]
  readonly lifetimeSeconds: number
  readonly backdateSeconds: number
  readonly notBefore: boolean
  readonly header: string
  readonly prefix: string
  readonly bodyNeed: BodyNeed
}

interface JwtKey {
  readonly keyid: string
  /** Where no part of a request is in it, the header is encoded once for all; otherwise null. */
  readonly encodedHeader: string | null
  readonly sign: Signer
}

export const jwt: SignScheme<JwtOptions, JwsSecret, JwtKey> = {
  kind: 'sign',
  parseOptions: (input, fault) => {
    const options = readOptions(input, fault)
    const algorithm = options.choice('algorithm', jwsAlgorithms)
    const claims = parseClaims(options, 'claims', ['iat', 'exp', 'nbf'], fault)
    const joseHeader = parseClaims(options, 'joseHeader', ['alg', 'kid', 'typ', 'crit', 'b64'], fault)
    const lifetimeSeconds = options.integer('lifetimeSeconds', 60, { min: 1, max: 3_600 })
    const backdateSeconds = options.integer('backdateSeconds', 0, { min: 0, max: 60 })
    const notBefore = options.flag('notBefore', false)
    const header = options.raw('header') === undefined ? 'authorization' : options.headerName('header')
    const prefix = options.optionalText('prefix', header === 'authorization' ? 'Bearer ' : '')
    if (!/^(?:[\x21-\x7e][\x20-\x7e]*)?$/.test(prefix)) fault('prefix', 'must be visible ASCII')
    options.done()
    const bodyNeed = widestNeed([...claims, ...joseHeader])
    return {
      algorithm,
      claims,
      joseHeader,
      lifetimeSeconds,
      backdateSeconds,
      notBefore,
      header,
      prefix,
      bodyNeed,
    }
  },
  parseSecret: (text, { algorithm }) => parseJwsSecret(text, algorithm),
  owns: ({ header }) => [header],
  bodyNeed: ({ bodyNeed }) => bodyNeed,
  prepare: async ({ keyid, importSigner }, options) => ({
    keyid,
    encodedHeader: fixedHeader(options, keyid),
    sign: await importSigner(),
  }),
  stages: async (request, options, { keyid }, moment) => {
    const sheet = newSheet(request, keyid, moment)
    const header = await headerOf(options, sheet)
    const claims = await claimsOf(options, sheet)
    return [
      { name: 'JOSE header', text: JSON.stringify(header) },
      { name: 'claims', text: JSON.stringify(claims) },
      { name: 'signing input', text: signingInput(header, claims) },
    ]
  },
  sign: async (request, options, { keyid, encodedHeader, sign }, moment) => {
    const sheet = newSheet(request, keyid, moment)
    const header = encodedHeader ?? (await headerOf(options, sheet))
    const token = await compactJws(signingInput(header, await claimsOf(options, sheet)), sign)
    return { set: [[options.header, options.prefix + token]] }
  },
  sends: () => [],
}

type FilledIn = Record<string, StaticClaim | readonly string[]>

function fixedHeader({ algorithm, joseHeader }: JwtOptions, keyid: string): string | null {
  const header: FilledIn = { alg: algorithm, kid: keyid, typ: 'JWT' }
  for (const [name, claim] of joseHeader) {
    if (claim.kind === 'parts') return null
    header[name] = claim.value
  }
  return encodedPart(header)
}

async function headerOf({ algorithm, joseHeader }: JwtOptions, sheet: Sheet): Promise<object> {
  return {
    alg: algorithm,
    kid: sheet.keyId,
    typ: 'JWT',
    ...(await filledIn(joseHeader, sheet)),
  }
}

async function claimsOf(
  { claims, backdateSeconds, notBefore, lifetimeSeconds }: JwtOptions,
  sheet: Sheet,
): Promise<object> {
  const now = Math.floor(sheet.now / 1000)
  const filled = await filledIn(claims, sheet)
  filled['iat'] = now - backdateSeconds
  if (notBefore) filled['nbf'] = now - backdateSeconds
  filled['exp'] = now + lifetimeSeconds
  return filled
}

const decoder = new TextDecoder()

async function filledIn(claims: JwtOptions['claims'], sheet: Sheet): Promise<FilledIn> {
  const filled: FilledIn = {}
  for (const [name, claim] of claims) {
    const value = claim.kind === 'static' ? claim.value : claim.string.write(sheet)
    const waited = value instanceof Promise ? await value : value
    filled[name] = waited instanceof Uint8Array ? decoder.decode(waited) : waited
  }
  return filled
}

function parseClaims(
  options: OptionReader,
  name: string,
  reserved: readonly string[],
  fault: ReportFault,
): JwtOptions['claims'] {
  const input = options.raw(name)
  if (input === undefined) return []
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    fault(name, 'must be names with values')
    return []
  }
  return Object.entries(input).map(([claim, value]) => {
    const at = `${name}.${claim}`
    if (reserved.includes(claim) || claim === '__proto__') fault(at, 'is set by Countersign itself')
    return [claim, parseClaim(value, at, fault)] as const
  })
}

function parseClaim(value: unknown, at: string, fault: ReportFault): Claim {
  if (Array.isArray(value)) return { kind: 'parts', string: parseString(value, at, fault) }
  if (typeof value === 'object' && value !== null && 'list' in value) {
    const list = value.list
    if (
      Object.keys(value).length === 1 &&
      Array.isArray(list) &&
      list.every((one) => typeof one === 'string')
    )
      return { kind: 'static', value: list }
  }
  if (typeof value !== 'string' && typeof value !== 'boolean' && !Number.isFinite(value))
    fault(at, 'must be a text, a number, true or false, a list of parts, or { list: [texts] }')
  return { kind: 'static', value: value as StaticClaim }
}

function widestNeed(claims: JwtOptions['claims']): BodyNeed {
  const needs = claims.map(([, claim]) => (claim.kind === 'parts' ? claim.string.bodyNeed : 'none'))
  return needs.includes('bytes') ? 'bytes' : needs.includes('sha256') ? 'sha256' : 'none'
}
