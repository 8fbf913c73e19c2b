import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Grant, Key, Team } from '../../src/core/configuration.ts'
import { tokenScopeCharsMax, tokenScopesMax } from '../../src/core/limits.ts'
import { admitsScope, compileScopes, parseTokenScopes, tokenAdmits } from '../../src/core/scope.ts'
import {
  allGranted,
  coversScope,
  isTokenScope,
  parseScopeParameter,
  withinGrants,
} from '../../src/tokens/scope-set.ts'

interface GrantText {
  readonly keys: readonly string[]
  readonly scopes: readonly string[]
}

/** A team with just what scopes need of it. */
const teamOf = (grants: Readonly<Record<string, GrantText>>): Team => ({
  name: 'checkout',
  limits: [],
  origins: new Set(),
  grants: new Map(
    Object.entries(grants).map(([upstream, { keys, scopes }]) => {
      const grant = {
        keys: new Map(keys.map((name) => [name, { upstream, name } as Key])),
        defaultKey: null,
        scopes: compileScopes(scopes),
      }
      return [upstream, grant as unknown as Grant]
    }),
  ),
})

const team = teamOf({
  plugipay: { keys: ['live', 'test'], scopes: ['customer:*', 'refund:write'] },
  orders: { keys: ['main'], scopes: ['*'] },
})

test('T02: a wildcard is cut down to what the team was granted', () => {
  expect(withinGrants(['plugipay:*'], team)).toEqual(['plugipay:customer:*', 'plugipay:refund:write'])
  expect(withinGrants(['plugipay:customer:read', 'plugipay:payout:write'], team)).toEqual([
    'plugipay:customer:read',
  ])
  expect(withinGrants(['orders:order:*', 'orders:order:read'], team)).toEqual(['orders:order:*'])
  expect(withinGrants(['search:*', 'plugipay@prod:customer:*'], team)).toEqual([])
  expect(withinGrants(['plugipay@test:*'], team)).toEqual([
    'plugipay@test:customer:*',
    'plugipay@test:refund:write',
  ])
})

test('all that a team was granted', () => {
  expect(allGranted(team)).toEqual(['orders:*', 'plugipay:customer:*', 'plugipay:refund:write'])
})

test.each([
  [['plugipay:*'], 'plugipay:customer:read', true],
  [['plugipay:*'], 'plugipay@test:customer:read', true],
  [['plugipay@test:*'], 'plugipay:customer:read', false],
  [['plugipay@test:*'], 'plugipay@live:customer:read', false],
  [['plugipay:customer:*'], 'plugipay:*', false],
  [['plugipay:customer:*'], 'plugipay:customer:*', true],
  [['plugipay:customer:*'], 'plugipay:customers:read', false],
  [['plugipay:customer:read'], 'plugipay:customer:readonly', false],
  [['plugipay:customer:read'], 'plugipay:Customer:read', false],
  [['plugipay:customer*'], 'plugipay:customer:read', false],
  [[], 'plugipay:customer:read', false],
])('T02: %j covers %s: %s', (wide, narrow, expected) => {
  expect(coversScope(wide, narrow)).toBe(expected)
})

test.each([
  'plugipay',
  '*',
  ':read',
  'plugipay:',
  'Plugipay:read',
  'plugipay@:read',
  'plugipay:a b',
  'plugipay:"',
  '__proto__:x',
])('%j is no scope of a token', (text) => {
  expect(isTokenScope(text)).toBe(false)
})

test('a scope parameter is bounded, in the length of one scope and in their number', () => {
  const scope = `orders:${'a'.repeat(tokenScopeCharsMax - 7)}`
  expect(isTokenScope(scope)).toBe(true)
  expect(isTokenScope(`${scope}a`)).toBe(false)
  const many = (count: number): string => Array.from({ length: count }, (_, n) => `orders:s${n}`).join(' ')
  expect(parseScopeParameter(many(tokenScopesMax))?.length).toBe(tokenScopesMax)
  expect(parseScopeParameter(many(tokenScopesMax + 1))).toBeNull()
  expect(parseScopeParameter('orders:a orders:a')).toEqual(['orders:a'])
  for (const text of ['', ' orders:a', 'orders:a ', 'orders:a  orders:b', 'orders:a\torders:b']) {
    expect(parseScopeParameter(text)).toBeNull()
  }
})

const part = fc.constantFrom('a', 'b', '*')
const pattern = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(':'))
const key = fc.constantFrom('', '@live', '@test')
const scope = fc
  .tuple(fc.constantFrom('plugipay', 'orders'), key, pattern)
  .map(([up, at, rest]) => `${up}${at}:${rest}`)
const granted = fc.record({
  plugipay: fc.record({ keys: fc.subarray(['live', 'test']), scopes: fc.array(pattern, { maxLength: 3 }) }),
})
const needed = fc
  .array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join(':'))

test('T02: what is issued admits exactly what both the token and the team admit', () => {
  fc.assert(
    fc.property(fc.array(scope, { maxLength: 4 }), granted, needed, (scopes, grants, need) => {
      const holder = teamOf(grants)
      const issued = parseTokenScopes(withinGrants(scopes, holder).join(' '))
      const asked = parseTokenScopes(scopes.join(' '))
      const grant = holder.grants.get('plugipay')
      for (const name of grant?.keys.keys() ?? []) {
        const both =
          tokenAdmits(asked, 'plugipay', name, need) && grant !== undefined && admitsScope(grant.scopes, need)
        expect(tokenAdmits(issued, 'plugipay', name, need)).toBe(both)
      }
    }),
    { numRuns: 2_000 },
  )
})

test('T02: a covered scope admits nothing that the covering ones do not', () => {
  fc.assert(
    fc.property(fc.array(scope, { maxLength: 4 }), scope, needed, (wide, narrow, need) => {
      fc.pre(coversScope(wide, narrow))
      for (const upstream of ['plugipay', 'orders']) {
        for (const name of ['live', 'test']) {
          if (!tokenAdmits(parseTokenScopes(narrow), upstream, name, need)) continue
          expect(tokenAdmits(parseTokenScopes(wide.join(' ')), upstream, name, need)).toBe(true)
        }
      }
    }),
    { numRuns: 2_000 },
  )
})
