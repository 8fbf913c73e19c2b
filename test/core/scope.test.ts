import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  admitsScope,
  compileScopes,
  parseTokenScopes,
  scopeForm,
  tokenAdmits,
  writtenScopes,
} from '../../src/core/scope.ts'

const admits = (scopes: readonly string[], needed: string): boolean =>
  admitsScope(compileScopes(scopes), needed)

const tokenHas = (claim: string, call: string, key = 'live'): boolean => {
  const [upstream = '', ...scope] = call.split(':')
  return tokenAdmits(parseTokenScopes(claim), upstream, key, scope.join(':'))
}

describe('a scope of a grant', () => {
  test('admits itself, in its exact letters', () => {
    expect(admits(['customer:read'], 'customer:read')).toBe(true)
    expect(admits(['customer:read'], 'Customer:read')).toBe(false)
    expect(admits(['customer:read'], 'customer:readonly')).toBe(false)
    expect(admits(['customer:read'], 'customer')).toBe(false)
  })

  test('with a last part * admits the rest, however many parts it has, but not its own stem', () => {
    expect(admits(['customer:*'], 'customer:read')).toBe(true)
    expect(admits(['customer:*'], 'customer:read:all')).toBe(true)
    expect(admits(['customer:*'], 'customer')).toBe(false)
    expect(admits(['customer:*'], 'customers:read')).toBe(false)
  })

  test('that is * alone admits everything', () => {
    expect(admits(['*'], 'customer:read')).toBe(true)
  })

  test('takes * for a letter where it is not the whole last part', () => {
    expect(admits(['customer*'], 'customer:read')).toBe(false)
    expect(admits(['*:read'], 'customer:read')).toBe(false)
    expect(admits(['customer:*:read'], 'customer:x:read')).toBe(false)
    expect(admits(['customer:re*'], 'customer:read')).toBe(false)
    expect(admits(['*:read'], '*:read')).toBe(true)
  })

  test('does not read a needed scope as a pattern', () => {
    expect(admits(['customer:read'], 'customer:*')).toBe(false)
    expect(admits(['customer:read'], '*')).toBe(false)
  })
})

describe("a token's scope claim", () => {
  test('names the upstream before the first colon', () => {
    expect(tokenHas('plugipay:customer:read', 'plugipay:customer:read')).toBe(true)
    expect(tokenHas('plugipay:customer:read', 'orders:customer:read')).toBe(false)
    expect(tokenHas('plugipay:*', 'plugipay:customer:read')).toBe(true)
    expect(tokenHas('plugipay:customer:*', 'plugipay:customer:read')).toBe(true)
  })

  test('may confine the token to one key', () => {
    const claim = 'plugipay@test:customer:*'
    expect(tokenHas(claim, 'plugipay:customer:read', 'test')).toBe(true)
    expect(tokenHas(claim, 'plugipay:customer:read', 'live')).toBe(false)
    expect(tokenHas(`${claim} plugipay:order:read`, 'plugipay:order:read', 'live')).toBe(true)
  })

  test.each([
    ['a longer word', 'orders:readonly'],
    ['other letters', 'Orders:Read'],
    ['an upper-case upstream', 'ORDERS:read'],
    ['a tab inside of a token', 'x\torders:read'],
    ['a newline as the separator', 'x\norders:read'],
    ['a no-break space as the separator', 'x\u00a0orders:read'],
    ['a comma as the separator', 'x,orders:read'],
    ['* alone', '*'],
    ['* for the upstream', '*:read'],
    ['* for the upstream and all of it', '*:*'],
    ['no upstream', 'read'],
    ['an empty upstream', ':read'],
    ['an empty scope', 'orders:'],
    ['a quoted scope', '"orders:read"'],
    ['an empty key', 'orders@:read'],
    ['two keys', 'orders@live@test:read'],
    ['the text of a JSON array', '["orders:read"]'],
    ['nothing', ''],
  ])('P02: grants nothing by %s', (_what, claim) => {
    expect(tokenHas(claim, 'orders:read')).toBe(false)
  })

  test('is read past what is not ours, and past repeated spaces', () => {
    expect(tokenHas('openid  profile https://x.test/a "x" orders:read ', 'orders:read')).toBe(true)
  })

  test('finds nothing under names that objects inherit', () => {
    const scopes = parseTokenScopes('orders:read')
    for (const name of ['__proto__', 'constructor', 'toString']) {
      expect(tokenAdmits(scopes, name, 'live', 'read')).toBe(false)
    }
  })
})

describe('for every grant, token and need', () => {
  const part = fc.constantFrom('a', 'b', '*', 'a*', 'read')
  const scope = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(':'))
  const target = fc.constantFrom('up', 'other', 'up@live', 'up@test')
  const claim = fc
    .array(fc.tuple(target, scope), { maxLength: 5 })
    .map((tokens) => tokens.map(([name, held]) => `${name}:${held}`).join(' '))

  /** Section 4, read as text: part by part, `*` as the last part matching one part or more. */
  const covers = (held: string, needed: string): boolean => {
    const parts = held.split(':')
    const wanted = needed.split(':')
    if (parts.at(-1) !== '*') return held === needed
    const stem = parts.slice(0, -1)
    return wanted.length > stem.length && stem.every((one, index) => one === wanted[index])
  }

  test('a grant admits exactly what one of its scopes covers', () => {
    fc.assert(
      fc.property(fc.array(scope, { maxLength: 4 }), scope, (held, needed) => {
        expect(admits(held, needed)).toBe(held.some((one) => covers(one, needed)))
      }),
      { numRuns: 5_000 },
    )
  })

  test('a token admits exactly what one of its scopes for this upstream, or this key of it, covers', () => {
    fc.assert(
      fc.property(claim, fc.constantFrom('live', 'test'), scope, (text, key, needed) => {
        const held = text
          .split(' ')
          .filter((one) => one.startsWith('up:') || one.startsWith(`up@${key}:`))
          .map((one) => one.slice(one.indexOf(':') + 1))
        expect(tokenAdmits(parseTokenScopes(text), 'up', key, needed)).toBe(
          held.some((one) => covers(one, needed)),
        )
      }),
      { numRuns: 5_000 },
    )
  })

  test('scopes that are written out again are those that were compiled', () => {
    fc.assert(
      fc.property(fc.uniqueArray(scope), (scopes) => {
        expect(writtenScopes(compileScopes(scopes)).sort()).toEqual(scopes.toSorted())
      }),
    )
  })

  test('no text that is not a scope token gets into the sets', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        for (const { exact, prefixes } of parseTokenScopes(`up:${text}`).values()) {
          for (const one of exact) expect(scopeForm.test(one)).toBe(true)
          for (const one of prefixes) expect(one === '' || scopeForm.test(one)).toBe(true)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
