/** The 79 signed tokens of the shared folder `jwt-attacks`, with the clock where they expect it. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { admitsScope } from '../../src/core/scope.ts'
import { setTimer } from '../../src/http/timer.ts'
import { createVerifier } from '../../src/identity/verifier.ts'
import { parsed, refusalOf } from './fixtures.ts'

interface Case {
  readonly id: string
  readonly what: string
  readonly token: string
  readonly expect: 'accept' | 'reject' | 'either' | 'skew' | 'scope'
}

interface Vectors {
  readonly now: number
  readonly issuer: string
  readonly audience: string
  readonly allowed_algs: readonly string[]
  readonly required_typ: string
  readonly clock_tolerance_s: number
  readonly max_lifetime_s: number
  readonly jwks: { readonly keys: readonly object[] }
  readonly cases: readonly Case[]
}

const file = new URL('../../../shared/vectors/jwt-attacks/cases.json', import.meta.url)
const vectors = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Vectors) : null

/** Where we are stricter than the vector, with the reason. */
const stricter: ReadonlyMap<string, string> = new Map([['claim-exp-float', 'integers only']])

const abuseCase = (id: string): string => {
  if (id.startsWith('hs-')) return 'J02'
  if (/^(?:none|sig|alg|rs)/.test(id)) return 'J01'
  if (/^hdr-(?:jwk|jku|x5c)/.test(id)) return 'J03'
  if (id.startsWith('kid')) return 'J04'
  if (id.startsWith('claim-aud')) return 'J07'
  if (id.startsWith('typ')) return 'J08'
  if (id.startsWith('fmt-pad') || id.startsWith('fmt-noncanon')) return 'J12'
  if (id.startsWith('fmt')) return 'J11'
  if (id === 'claim-team-proto' || id === 'claim-team-path' || id === 'claim-team-case') return 'P07'
  if (id === 'claim-sub-crlf' || id === 'claim-team-nul') return 'H09'
  return 'J09'
}

describe.skipIf(vectors === null)(
  `jwt-attacks${vectors === null ? ' (skipped: ../shared/vectors/jwt-attacks is not here)' : ''}`,
  () => {
    if (vectors === null) return
    const fetched: string[] = []
    const verifier = createVerifier({
      config: parsed({
        url: vectors.audience,
        issuers: {
          acme: {
            issuer: vectors.issuer,
            // An unsound key in an inline set is a configuration fault, so this one comes over the network.
            jwks: 'https://issuer.test/jwks',
            algorithms: vectors.allowed_algs,
            audience: vectors.audience,
            team: { claim: 'team' },
            typ: [vectors.required_typ],
            maxLifetimeSeconds: vectors.max_lifetime_s,
            clockToleranceSeconds: vectors.clock_tolerance_s,
          },
        },
        upstreams: {},
        teams: { 'team-a': {} },
      }),
      ownKeys: [],
      setTimer,
      fetch: (url) => {
        fetched.push(url)
        return Promise.resolve(Response.json(vectors.jwks))
      },
    })
    const verify = async (token: string) => verifier.verify(token, vectors.now * 1_000)

    for (const { id, what, token, expect: expected } of vectors.cases) {
      const reason = stricter.get(id)
      const verdict = reason === undefined ? expected : 'reject'
      it(`${abuseCase(id)}: ${id}: ${what}: ${verdict}${reason === undefined ? '' : ` (${reason})`}`, async () => {
        if (verdict === 'reject') {
          expect((await refusalOf(() => verify(token))).code).toMatch(/^token_(?:invalid|expired)$/)
        } else if (verdict === 'scope') {
          const { scopes } = await verify(token)
          const orders = scopes === 'granted' ? undefined : scopes.get('orders')
          expect(orders !== undefined && admitsScope(orders, 'read')).toBe(false)
        } else if (verdict === 'either') {
          // Both are safe; ours is to refuse, and it is pinned so that a change is noticed.
          const accepted = id === 'kid-missing'
          if (accepted) expect((await verify(token)).team).toBe('team-a')
          else expect((await refusalOf(() => verify(token))).code).toBe('token_invalid')
        } else {
          // `skew` lies within the tolerance of 5 s, so it is accepted here; the boundary has its own test.
          expect((await verify(token)).team).toBe('team-a')
        }
      })
    }

    it('J03: fetched nothing but the JWKS of the configuration', () => {
      expect(new Set(fetched)).toEqual(new Set(['https://issuer.test/jwks']))
      expect(fetched.length).toBe(1)
    })
  },
)
