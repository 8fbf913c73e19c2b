import { expect, test } from 'vitest'
import type { Grant, Team } from '../../src/core/configuration.ts'
import { oauthParametersMax } from '../../src/core/limits.ts'
import { compileScopes } from '../../src/core/scope.ts'
import {
  accessTokenType,
  jwtType,
  type Proven,
  readExchange,
  scopesToIssue,
} from '../../src/tokens/exchange.ts'
import { OAuthRefusal } from '../../src/tokens/oauth-error.ts'
import { readParameters } from '../../src/tokens/parameters.ts'

const url = 'https://edge.test'

const codeOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    return error instanceof OAuthRefusal ? error.code : String(error)
  }
  return 'not refused'
}

const form = (fields: Readonly<Record<string, string>> = {}): string =>
  new URLSearchParams({ subject_token: 'cst_x', subject_token_type: accessTokenType, ...fields }).toString()
const read = (text: string) => readExchange(readParameters(text), url)

test('reads what RFC 8693 names: by default a token for calling, with all scopes', () => {
  expect(read(form())).toEqual({
    subjectToken: 'cst_x',
    kind: 'personal-token',
    audience: 'calls',
    scopes: null,
  })
  expect(
    read(form({ subject_token_type: jwtType, scope: 'orders:a orders:b', resource: `${url}/api` })),
  ).toEqual({
    subjectToken: 'cst_x',
    kind: 'jwt',
    audience: 'administration',
    scopes: ['orders:a', 'orders:b'],
  })
})

test('T03: refuses a request without a subject token, or with its type alone', () => {
  expect(codeOf(() => read(''))).toBe('invalid_request')
  expect(codeOf(() => read(`subject_token_type=${accessTokenType}`))).toBe('invalid_request')
  expect(codeOf(() => read(`subject_token=&subject_token_type=${accessTokenType}`))).toBe('invalid_request')
  expect(codeOf(() => read('subject_token=cst_x'))).toBe('invalid_request')
})

test.each([
  ['subject_token', 'invalid_request'],
  ['grant_type', 'invalid_request'],
  ['something_else', 'invalid_request'],
  // RFC 8707 section 2 and RFC 8693 section 2.1 let a client ask for several; a token of ours is for one.
  ['resource', 'invalid_target'],
  ['audience', 'invalid_target'],
])('T03: refuses %s sent twice: %s', (name, code) => {
  expect(codeOf(() => readParameters(`${form()}&${name}=a&${name}=b`))).toBe(code)
  expect(codeOf(() => readParameters(`${name}=&${name}=`))).toBe(code)
})

test.each(['a=%', 'a=%zz', 'a=%ff', '%c3=a'])('refuses the malformed form %j', (text) => {
  expect(codeOf(() => readParameters(text))).toBe('invalid_request')
})

test('the number of parameters is bounded', () => {
  const many = (count: number): string => Array.from({ length: count }, (_, n) => `p${n}=1`).join('&')
  expect(readParameters(many(oauthParametersMax)).size).toBe(oauthParametersMax)
  expect(codeOf(() => readParameters(many(oauthParametersMax + 1)))).toBe('invalid_request')
})

test('T04: parameters that a server alone decides are ignored', () => {
  const extra = {
    team: 'other',
    sub: 'root',
    exp: '9999999999',
    claims: '{"role":"admin"}',
    iss: 'x',
    role: 'admin',
  }
  expect(read(form(extra))).toEqual(read(form()))
})

test.each([
  [{ subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' }],
  [{ subject_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }],
  [{ actor_token: 'cst_y' }],
  [{ actor_token_type: accessTokenType }],
  [{ requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }],
])('refuses what is not offered: %j', (fields) => {
  expect(codeOf(() => read(form(fields)))).toBe('invalid_request')
})

test.each([
  [{ resource: 'https://other.test' }],
  [{ resource: `${url}/api/` }],
  [{ resource: `${url}.evil.test` }],
  [{ audience: 'plugipay' }],
  [{ resource: url, audience: `${url}/api` }],
])('T02: refuses the target of %j', (fields) => {
  expect(codeOf(() => read(form(fields)))).toBe('invalid_target')
})

test('an origin is the same resource with and without its empty path', () => {
  expect(read(form({ resource: `${url}/`, audience: url })).audience).toBe('calls')
})

test.each(['plugipay', '*', 'orders:a  orders:b', 'orders:"'])('refuses the malformed scope %j', (scope) => {
  expect(codeOf(() => read(form({ scope })))).toBe('invalid_scope')
})

const teams: ReadonlyMap<string, Team> = new Map([
  [
    'checkout',
    {
      name: 'checkout',
      limits: [],
      origins: new Set<string>(),
      grants: new Map([
        [
          'plugipay',
          { keys: new Map(), defaultKey: null, scopes: compileScopes(['customer:*']) } as unknown as Grant,
        ],
      ]),
    },
  ],
])

const proven: Proven = {
  subject: 'token/abc',
  team: 'checkout',
  scopes: ['plugipay:customer:read', 'plugipay:payout:write', 'plugipay:refund:*'],
  role: 'member',
  grantId: 'pat:abc',
  notAfter: null,
}
const issue = (scopes: readonly string[] | null, over: Partial<Proven> = {}, audience = 'calls' as const) =>
  scopesToIssue({ ...proven, ...over }, { scopes, audience }, teams)

test('T02: without a wish, what the token holds and the team is granted now', () => {
  expect(issue(null)).toEqual(['plugipay:customer:read'])
})

test('T02: refuses a wish beyond the token, and one beyond what the team is granted now', () => {
  expect(issue(['plugipay:customer:read'])).toEqual(['plugipay:customer:read'])
  expect(codeOf(() => issue(['plugipay:customer:write']))).toBe('invalid_scope')
  expect(codeOf(() => issue(['plugipay:*']))).toBe('invalid_scope')
  expect(codeOf(() => issue(['plugipay:payout:write']))).toBe('invalid_scope')
  expect(codeOf(() => issue(['plugipay:customer:read', 'plugipay:payout:write']))).toBe('invalid_scope')
})

test('narrows a wildcard of which the team holds a part', () => {
  expect(issue(['plugipay:*'], { scopes: ['plugipay:*'] })).toEqual(['plugipay:customer:*'])
})

test('refuses a calling token that could call nothing; one for administration needs no scope', () => {
  expect(codeOf(() => issue(null, { scopes: [] }))).toBe('invalid_scope')
  expect(
    scopesToIssue({ ...proven, scopes: [] }, { scopes: null, audience: 'administration' }, teams),
  ).toEqual([])
})

test('T01: a team that is gone looks like any other token that is not good', () => {
  expect(codeOf(() => issue(null, { team: 'gone' }))).toBe('invalid_request')
})

test('an admin without a team administers and calls nothing', () => {
  const admin = { team: null, role: 'admin', scopes: [] } as const
  expect(codeOf(() => issue(null, admin))).toBe('invalid_target')
  expect(scopesToIssue({ ...proven, ...admin }, { scopes: null, audience: 'administration' }, teams)).toEqual(
    [],
  )
})
