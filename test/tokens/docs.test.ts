/** docs/tokens.md says how CI and services get tokens; what it shows is run through the code here. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import { readCaller } from '../../src/core/claims.ts'
import { accessTokenType, jwtType, tokenExchangeGrant } from '../../src/tokens/exchange.ts'
import { parseScopeParameter } from '../../src/tokens/scope-set.ts'
import { readTokenRequest } from '../../src/tokens/token-request.ts'
import { codeOf } from '../core/refused.ts'

const page = readFileSync('docs/tokens.md', 'utf8')
const url = 'https://edge.acme.example'

/** The text between this line and the end of its code block. */
const blockAfter = (line: string): string => {
  const from = page.indexOf(line)
  expect(from).toBeGreaterThan(0)
  return page.slice(from, page.indexOf('\n```', from))
}

const issuers = () => {
  const shown: unknown = new Function(`return { ${blockAfter('issuers: {\n')} }`)()
  return {
    url,
    ...(shown as object),
    upstreams: {},
    teams: { checkout: { grants: {} } },
  }
}

test('the issuer for CI is a configuration without a fault, for exchange alone', () => {
  const parsed = parseConfig(issuers(), { signingKeys: true })
  if ('faults' in parsed) throw new Error(JSON.stringify(parsed.faults))
  const issuer = parsed.config.issuers.get('https://token.actions.githubusercontent.com')
  if (issuer === undefined) throw new Error('not among the issuers')
  const now = Date.UTC(2026, 10, 22)
  const claims = {
    iss: issuer.issuer,
    aud: url,
    sub: 'repo:acme/shop:ref:refs/heads/main',
    iat: now / 1000,
    exp: now / 1000 + 300,
    repository: 'acme/shop',
    ref: 'refs/heads/main',
  }
  const refusal = (over: object, use: 'call' | 'exchange' = 'exchange') =>
    codeOf(() => readCaller({ ...claims, ...over }, { issuer, use, url, teams: parsed.config.teams, now }))
  expect(refusal({})).toBe(null)
  expect(refusal({}, 'call')).toBe('token_invalid')
  expect(refusal({ repository: 'fork/shop' })).toBe('token_invalid')
  expect(refusal({ ref: 'refs/pull/1/merge' })).toBe('token_invalid')
})

test('the identifiers and the scope that it sends are those that are read', () => {
  for (const name of [tokenExchangeGrant, jwtType, accessTokenType]) expect(page).toContain(`=${name} `)
  const [, scope = ''] = /-d scope=(\S+)/.exec(page) ?? []
  expect(parseScopeParameter(scope)).toEqual([scope])
})

test('the body that makes a token is accepted', () => {
  const [, body = ''] = /-d '(\{.*\})'/.exec(page) ?? []
  expect(readTokenRequest(JSON.parse(body), 0)).toMatchObject({ team: 'checkout', service: true })
})
