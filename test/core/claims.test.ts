import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { acceptedUntil, type ClaimsRules, readCaller } from '../../src/core/claims.ts'
import type { Issuer } from '../../src/core/configuration.ts'
import { claimCharsMax } from '../../src/core/limits.ts'
import { Refusal } from '../../src/core/problems.ts'
import { refusalOf } from './refused.ts'

const now = 1_800_000_000
const url = 'https://edge.acme.example'

const issuer = (changes: Partial<Issuer> = {}): Issuer => ({
  name: 'acme',
  issuer: 'https://login.acme.example',
  keys: { kind: 'url', url: 'https://login.acme.example/jwks' },
  algorithms: new Set(['ES256']),
  audience: url,
  typ: new Set(['at+jwt']),
  team: { kind: 'claim', claim: 'team', teams: null },
  scopes: { kind: 'claim', claim: 'scope' },
  where: [],
  maxLifetimeSeconds: 900,
  clockToleranceSeconds: 5,
  use: new Set(['call']),
  ...changes,
})

const rules = (changes: Partial<ClaimsRules> = {}): ClaimsRules => ({
  issuer: issuer(),
  use: 'call',
  url,
  teams: new Set(['checkout', 'pay']),
  now: now * 1_000,
  ...changes,
})

const claims = (changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  iss: 'https://login.acme.example',
  sub: 'svc-a',
  aud: url,
  iat: now - 10,
  exp: now + 300,
  team: 'checkout',
  scope: 'orders:order:read',
  ...changes,
})

/** `caller`, or the reason of the refusal as the log has it. */
const verdict = (input: Readonly<Record<string, unknown>>, with_: ClaimsRules): string => {
  try {
    readCaller(input, with_)
    return 'caller'
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    expect(error.code).toBe(error.reason === 'claim exp: expired' ? 'token_expired' : 'token_invalid')
    return error.reason?.replace(/^claim \w+: /, '') ?? ''
  }
}
const judge = (changes: Readonly<Record<string, unknown>>, with_: Partial<ClaimsRules> = {}): string =>
  verdict(claims(changes), rules(with_))
const callerOf = (changes: Readonly<Record<string, unknown>> = {}, with_: Partial<ClaimsRules> = {}) =>
  readCaller(claims(changes), rules(with_))

describe('a sound token', () => {
  it('becomes a caller', () => {
    expect(callerOf({ jti: 'id-1', gid: 'theirs', role: 'admin' })).toMatchObject({
      team: 'checkout',
      subject: 'svc-a',
      tokenId: 'id-1',
      grantId: null,
      role: null,
      issuedAt: now - 10,
      expiresAt: now + 300,
    })
  })

  it('needs no jti', () => expect(callerOf().tokenId).toBeNull())

  it('of our own service carries what it descends from, and the role', () => {
    const own = issuer({ keys: { kind: 'own' } })
    expect(callerOf({ gid: 'g-1', role: 'team-admin' }, { issuer: own })).toMatchObject({
      grantId: 'g-1',
      role: 'team-admin',
    })
    expect(judge({ role: 'root' }, { issuer: own })).toBe('claim_malformed')
  })
})

describe('a refusal', () => {
  it.each([
    [{ exp: undefined }, 'The token has no exp claim, which is required.'],
    [{ nbf: now + 60 }, "The token has its nbf in the future; compare the issuer's clock."],
    [{ exp: now - 60, iat: now - 120 }, 'The token has expired; get a new one.'],
  ])('of %j says what to do about it', async (changes, detail) => {
    expect(await refusalOf(() => callerOf(changes))).toMatchObject({ detail })
  })
})

describe('times', () => {
  it('J10: accepts until exp + tolerance, exclusive', () => {
    const at = (millis: number, tolerance: number): string =>
      judge({ exp: now }, { now: millis, issuer: issuer({ clockToleranceSeconds: tolerance }) })
    expect(at(now * 1_000 - 1, 0)).toBe('caller')
    expect(at(now * 1_000, 0)).toBe('expired')
    expect(at((now + 5) * 1_000 - 1, 5)).toBe('caller')
    expect(at((now + 5) * 1_000, 5)).toBe('expired')
    expect(acceptedUntil({ issuer: issuer(), expiresAt: now })).toBe((now + 5) * 1_000)
  })

  it('J09: refuses iat and nbf in the future beyond the tolerance', () => {
    expect(judge({ iat: now + 5 })).toBe('caller')
    expect(judge({ iat: now + 6 })).toBe('in_future')
    expect(judge({ nbf: now + 5 })).toBe('caller')
    expect(judge({ nbf: now + 6 })).toBe('in_future')
  })

  it('J09: refuses a lifetime above the issuer’s, or none', () => {
    expect(judge({ iat: now, exp: now + 900 })).toBe('caller')
    expect(judge({ iat: now, exp: now + 901 })).toBe('lifetime')
    expect(judge({ iat: now, exp: now })).toBe('lifetime')
    expect(judge({ iat: now - 315_360_000 })).toBe('lifetime')
    expect(judge({ exp: now + 315_360_000 })).toBe('lifetime')
  })

  it.each([null, '1800000300', now + 0.5, now * 1_000, -1, 0, Number.POSITIVE_INFINITY, [now], {}, true])(
    'J09: refuses %s as exp, iat and nbf',
    (value) => {
      expect(judge({ exp: value })).toBe('claim_malformed')
      expect(judge({ iat: value })).toBe('claim_malformed')
      expect(judge({ nbf: value })).toBe('claim_malformed')
    },
  )

  it('J09: refuses a token without exp or iat', () => {
    expect(judge({ exp: undefined })).toBe('claim_missing')
    expect(judge({ iat: undefined })).toBe('claim_missing')
  })
})

describe('audience', () => {
  it('J07: takes ours alone or in a list, as a whole', () => {
    expect(judge({ aud: [`${url}/other`, url] })).toBe('caller')
    for (const aud of [
      `${url}/`,
      url.slice(0, -1),
      `${url}.evil.example`,
      'other',
      `other,${url}`,
      `other ${url}`,
      '',
      [],
    ])
      expect(judge({ aud })).toBe('audience')
    for (const aud of [[[url]], {}, 1, null, [url, 1]]) expect(judge({ aud })).toBe('claim_malformed')
    expect(judge({ aud: undefined })).toBe('claim_missing')
  })

  it('A01: keeps calls and administration apart, and refuses a token for both', () => {
    const own = issuer({ keys: { kind: 'own' } })
    const api = `${url}/api`
    expect(judge({ aud: api }, { issuer: own })).toBe('audience')
    expect(judge({ aud: url }, { issuer: own, use: 'administration' })).toBe('audience')
    expect(judge({ aud: api }, { issuer: own, use: 'administration' })).toBe('caller')
    expect(judge({ aud: [url, api] }, { issuer: own })).toBe('audience')
    expect(judge({ aud: [url, api] }, { issuer: own, use: 'administration' })).toBe('audience')
    const elsewhere = issuer({ audience: 'https://calls.example' })
    expect(judge({ aud: ['https://calls.example', url] }, { issuer: elsewhere })).toBe('caller')
    expect(judge({ aud: ['https://calls.example', api] }, { issuer: elsewhere })).toBe('audience')
    const apart = { issuer: issuer({ keys: { kind: 'own' }, audience: 'https://calls.example' }) }
    expect(judge({ aud: [url, api] }, { ...apart, use: 'administration' })).toBe('audience')
  })

  it('A01: lets only our own service’s tokens administer', () => {
    expect(judge({ aud: `${url}/api` }, { use: 'administration' })).toBe('use')
  })

  it('lets a platform admin administer without a team, but never call', () => {
    const own = issuer({ keys: { kind: 'own' } })
    const admin = { team: undefined, role: 'admin', aud: `${url}/api` }
    expect(callerOf(admin, { issuer: own, use: 'administration' }).team).toBe('')
    expect(judge({ ...admin, aud: url }, { issuer: own })).toBe('claim_missing')
    expect(judge({ ...admin, role: 'member' }, { issuer: own, use: 'administration' })).toBe('claim_missing')
  })

  it('J08: takes tokens only for what their issuer is open to', () => {
    expect(judge({}, { use: 'exchange' })).toBe('use')
    const exchanging = issuer({ use: new Set(['exchange']) })
    expect(judge({}, { use: 'exchange', issuer: exchanging })).toBe('caller')
    expect(judge({}, { use: 'call', issuer: exchanging })).toBe('use')
  })
})

describe('who', () => {
  it.each(['', 1, null, [], ['svc-a'], {}, 'a\r\nX-Admin: 1', 'a\u0000', 'a\u202eb', 'a\u2028b', '\ud800'])(
    'H09: refuses %j as sub',
    (sub) => expect(judge({ sub })).toBe('claim_malformed'),
  )

  it('bounds sub and jti', () => {
    expect(judge({ sub: 'x'.repeat(claimCharsMax), jti: 'x'.repeat(claimCharsMax) })).toBe('caller')
    expect(judge({ sub: 'x'.repeat(claimCharsMax + 1) })).toBe('claim_malformed')
    expect(judge({ jti: 'x'.repeat(claimCharsMax + 1) })).toBe('claim_malformed')
    expect(judge({ jti: 1 })).toBe('claim_malformed')
    expect(judge({ sub: undefined })).toBe('claim_missing')
  })

  it('refuses a token that is bound to a key', () => {
    expect(judge({ cnf: { jkt: 'x' } })).toBe('bound')
    expect(judge({ cnf: null })).toBe('bound')
  })

  it.each(['__proto__', 'constructor', 'a:b', '../pay', 'CHECKOUT', 'checkout ', 'unknown'])(
    'P07: refuses the team %j, which does not exist',
    (team) => expect(judge({ team })).toBe('team_unknown'),
  )

  it('refuses a team that is a list, even of one', () => {
    expect(judge({ team: ['checkout'] })).toBe('claim_malformed')
    expect(judge({ team: undefined })).toBe('claim_missing')
  })

  it('P07: reads no claim from a __proto__ member', () => {
    const polluted = JSON.parse(
      JSON.stringify(claims({ team: undefined })).replace('{', '{"__proto__":{"team":"pay"},'),
    )
    expect(verdict(polluted, rules())).toBe('claim_missing')
    const inherited = issuer({ team: { kind: 'claim', claim: 'constructor', teams: null } })
    expect(judge({}, { issuer: inherited })).toBe('claim_missing')
  })

  it('takes the team from a fixed value, a map, or a claim within the teams of the issuer', () => {
    const by = (team: Issuer['team']) => ({ issuer: issuer({ team }) })
    expect(callerOf({ team: undefined }, by({ kind: 'value', value: 'pay' })).team).toBe('pay')
    const map = new Map([['acme/shop', 'checkout']])
    expect(callerOf({ repository: 'acme/shop' }, by({ kind: 'map', claim: 'repository', map })).team).toBe(
      'checkout',
    )
    expect(judge({ repository: 'evil/shop' }, by({ kind: 'map', claim: 'repository', map }))).toBe(
      'team_not_spoken_for',
    )
    const only = by({ kind: 'claim', claim: 'team', teams: new Set(['pay']) })
    expect(judge({ team: 'pay' }, only)).toBe('caller')
    expect(judge({ team: 'checkout' }, only)).toBe('team_not_spoken_for')
  })

  it('wants every `where` to be equal, in value and type', () => {
    const where = {
      issuer: issuer({
        where: [
          ['repository', 'acme/shop'],
          ['id', 7],
        ],
      }),
    }
    expect(judge({ repository: 'acme/shop', id: 7 }, where)).toBe('caller')
    expect(judge({ repository: 'acme/shop', id: '7' }, where)).toBe('where')
    expect(judge({ repository: 'acme/shop2', id: 7 }, where)).toBe('where')
    expect(judge({ repository: ['acme/shop'], id: 7 }, where)).toBe('where')
    expect(judge({}, where)).toBe('where')
  })
})

describe('scopes', () => {
  it('are those of the claim, by upstream', () => {
    const { scopes } = callerOf({ scope: 'orders:order:read orders@main:order:*' })
    expect(scopes === 'granted' ? [] : [...scopes.keys()]).toEqual(['orders', 'orders@main'])
  })

  it.each([undefined, '', ['orders:order:read'], 1, null, 'order:read\torders:order:read'])(
    'P02: are none for %j',
    (scope) => {
      const { scopes } = callerOf({ scope })
      expect(scopes === 'granted' ? null : scopes.get('orders')).toBeUndefined()
    },
  )

  it('are all that the team was granted only where the issuer’s rule says so', () => {
    expect(callerOf({ scope: undefined }, { issuer: issuer({ scopes: { kind: 'granted' } }) }).scopes).toBe(
      'granted',
    )
  })
})

describe('any claims at all', () => {
  it('are judged without a fault of ours, and a caller has a known team and a future', () => {
    const anyClaims = fc.record(
      Object.fromEntries(
        Object.entries(claims({ nbf: now, jti: 'x', cnf: undefined })).map(([name, sound]) => [
          name,
          fc.oneof({ weight: 6, arbitrary: fc.constant(sound) }, { weight: 1, arbitrary: fc.jsonValue() }),
        ]),
      ),
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(anyClaims, (input) => {
        if (verdict(input, rules()) !== 'caller') return
        const caller = readCaller(input, rules())
        expect(['checkout', 'pay']).toContain(caller.team)
        expect(acceptedUntil(caller)).toBeGreaterThan(now * 1_000)
        expect(caller.expiresAt - caller.issuedAt).toBeLessThanOrEqual(900)
        expect([input['aud']].flat()).toContain(url)
      }),
      { numRuns: 3_000 },
    )
  })
})
