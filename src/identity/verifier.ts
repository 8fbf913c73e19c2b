/**
 * From the text of a token to its caller. Algorithm, key and issuer are one bound triple (RFC 8725 sections
 * 3.1 and 3.8): the unverified `iss` finds the issuer, and then only that issuer's algorithms and keys count.
 */
import { acceptedUntil, readCaller, type TokenUse } from '../core/claims.ts'
import type { Configuration, Issuer, PublicJwk } from '../core/configuration.ts'
import type { Caller } from '../core/permit.ts'
import { personalTokenPrefix } from '../core/personal-token.ts'
import { Refusal } from '../core/problems.ts'
import { own } from '../core/table.ts'
import { type CompactToken, parseClaims, parseCompact } from './compact.ts'
import { createJwksStore, type JwksDeps, type JwksStore, type KnownKeys } from './jwks.ts'
import { makeKeySet } from './key-set.ts'
import { type KeyGeneration, VerifiedTokens } from './verified-tokens.ts'

/** `fetch` is asked for JWKS alone. */
export interface VerifierDeps extends JwksDeps {
  readonly config: Pick<Configuration, 'url' | 'issuers' | 'teams'>
  /** The public halves of COUNTERSIGN_SIGNING_KEY. */
  readonly ownKeys: readonly PublicJwk[]
}

export interface Verifier {
  /**
   * The caller of a call; from memory without a promise where the token was verified before. `now` in
   * milliseconds since 1970. Throws (or rejects with) Refusal: token_invalid, token_expired or
   * issuer_unavailable.
   */
  verify(token: string, now: number): Caller | Promise<Caller>
  /** The same for tokens of our own service with the audience of administration, `url + '/api'`. */
  verifyAdministration(token: string, now: number): Caller | Promise<Caller>
  /** A JWT that is to be exchanged for one of ours (RFC 8693): of an issuer with `use: ['exchange']`. Not remembered. */
  verifySubjectToken(token: string, now: number): Promise<Caller>
}

/** Verifiers of one isolate. */
export function createVerifier({ config, ownKeys, ...jwks }: VerifierDeps): Verifier {
  const keysOf = issuerKeys(createJwksStore(jwks), ownKeys)

  const verifyAnew = async (token: string, now: number, use: TokenUse): Promise<Verified> => {
    const compact = parseCompact(token)
    if ('malformed' in compact)
      throw token.startsWith(personalTokenPrefix) ? notExchanged() : invalid(compact.malformed)
    const claims = parseClaims(compact)
    if (claims === null) throw invalid('payload is not a JSON object')
    const issuer = issuerOf(compact, claims, config.issuers)
    const keys = keysOf(issuer)
    const proof = await verifySignature(compact, keys, now)
    const caller = readCaller(claims, { issuer, use, url: config.url, teams: config.teams, now })
    return { caller, proof }
  }

  const remembering = (use: TokenUse) => {
    const verified = new VerifiedTokens()
    return (token: string, now: number): Caller | Promise<Caller> =>
      verified.get(token, now) ??
      verifyAnew(token, now, use).then(({ caller, proof }) => {
        verified.set(token, caller, { ...proof, until: Math.min(acceptedUntil(caller), proof.until) })
        return caller
      })
  }

  return {
    verify: remembering('call'),
    verifyAdministration: remembering('administration'),
    verifySubjectToken: async (token, now) => (await verifyAnew(token, now, 'exchange')).caller,
  }
}

interface Verified {
  readonly caller: Caller
  readonly proof: Proof
}

/** By which keys a signature was verified, and until when (milliseconds since 1970) that holds without asking again. */
interface Proof {
  readonly until: number
  readonly generation: KeyGeneration
  readonly number: number
}

function invalid(reason: string): Refusal {
  return new Refusal('token_invalid', { reason })
}

function notExchanged(): Refusal {
  return new Refusal('token_invalid', {
    detail: 'A personal token is exchanged first: POST /oauth/token gives the token to call with.',
    reason: 'personal token presented as it is',
  })
}

/** Exactly one issuer has this `iss`; what its header says must be among what that issuer may send. */
function issuerOf(
  compact: CompactToken,
  claims: Readonly<Record<string, unknown>>,
  issuers: ReadonlyMap<string, Issuer>,
): Issuer {
  const iss = own(claims, 'iss')
  const issuer = typeof iss === 'string' ? issuers.get(iss) : undefined
  if (issuer === undefined) throw invalid('issuer unknown')
  if (!issuer.algorithms.has(compact.algorithm)) throw invalid(`alg not allowed for issuer ${issuer.name}`)
  if (compact.typ === null || !issuer.typ.has(compact.typ)) {
    throw new Refusal('token_invalid', {
      detail: `The token's typ is not one that is accepted from its issuer (${[...issuer.typ].join(', ')}).`,
      reason: `typ not allowed for issuer ${issuer.name}`,
    })
  }
  return issuer
}

/** Where the keys of one issuer come from, with the generation that tells when they changed. */
interface IssuerKeys {
  readonly generation: KeyGeneration
  current(now: number): Promise<KnownKeys>
  /** After a miss; null where the keys cannot change. */
  renewed(now: number): Promise<KnownKeys | null>
}

function issuerKeys(store: JwksStore, ownKeys: readonly PublicJwk[]): (issuer: Issuer) => IssuerKeys {
  const made = new Map<string, IssuerKeys>()
  return (issuer) => {
    const known = made.get(issuer.issuer)
    if (known !== undefined) return known
    const { keys } = issuer
    const source =
      keys.kind === 'url'
        ? fetchedKeys(store, keys.url)
        : fixedKeys(keys.kind === 'own' ? ownKeys : keys.keys)
    made.set(issuer.issuer, source)
    return source
  }
}

function fixedKeys(jwks: readonly PublicJwk[]): IssuerKeys {
  const known = { keys: makeKeySet(jwks), freshUntil: Number.POSITIVE_INFINITY }
  return {
    generation: { number: 0 },
    current: () => Promise.resolve(known),
    renewed: () => Promise.resolve(null),
  }
}

function fetchedKeys(store: JwksStore, url: string): IssuerKeys {
  const generation: KeyGeneration = { number: 0 }
  let last: KnownKeys | null = null
  const seen = (known: KnownKeys): KnownKeys => {
    if (last !== null && last.keys.fingerprint !== known.keys.fingerprint) generation.number += 1
    last = known
    return known
  }
  return {
    generation,
    current: async (now) => seen(await store.current(url, now)),
    renewed: async (now) => seen(await store.renewed(url, now)),
  }
}

/** `kid` only selects among the issuer's own keys; an unknown one asks for them again, at most once in a cooldown. */
async function verifySignature(compact: CompactToken, keys: IssuerKeys, now: number): Promise<Proof> {
  const { kid, algorithm } = compact
  let known: KnownKeys | null = await keys.current(now)
  let key = known.keys.choose(kid, algorithm)
  if (key === null) {
    known = await keys.renewed(now)
    key = known?.keys.choose(kid, algorithm) ?? null
  }
  if (known === null || key === null) throw invalid('no key of the issuer fits kid and alg')
  const { generation } = keys
  const proof: Proof = { until: known.freshUntil, generation, number: generation.number }
  if (!(await known.keys.verifies(key, compact))) throw invalid('signature not verified')
  return proof
}
