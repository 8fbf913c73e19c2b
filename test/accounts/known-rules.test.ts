import { describe, expect, test } from 'vitest'
import { KnownRules } from '../../src/accounts/known-rules.ts'
import type { Revocation, Rules } from '../../src/core/quota/revocation.ts'
import type { SyncReply } from '../../src/core/quota/sync.ts'
import { permitOf } from './fakes.ts'

const { caller } = permitOf()
const other = permitOf({ caller: { subject: 'bob', tokenId: 'token-2' } }).caller
const revoked: Revocation = { id: 'r', issuer: null, by: 'sub', value: 'alice', until: Infinity }

const reply = (rules: Partial<Rules> | null, rulesVersion = 1): SyncReply => ({
  sequence: 1,
  leases: [],
  refusals: [],
  limits: [],
  rules: rules && { version: rulesVersion, suspended: false, revocations: [], ...rules },
  rulesVersion,
  holdMillis: 250,
  overloaded: false,
})

const knowing = (...replies: readonly SyncReply[]): KnownRules => {
  const rules = new KnownRules()
  for (const one of replies) rules.learn(one, 1_000)
  return rules
}

const codeAt = (rules: KnownRules, now: number): string | undefined => rules.refusalOf(caller, now)?.code

describe('an isolate', () => {
  test('that knows no rules admits nobody, and refuses nobody without asking', () => {
    const rules = knowing()
    expect([rules.version, rules.allows(caller), codeAt(rules, 1_000)]).toEqual([0, false, undefined])
  })

  test('admits whom the rules do not name', () => {
    const rules = knowing(reply({ revocations: [revoked] }, 3))
    expect([rules.version, rules.allows(caller), rules.allows(other)]).toEqual([3, false, true])
  })

  test('keeps the rules that a reply calls current, and admits nobody by another version without its list', () => {
    expect(knowing(reply({}, 3), reply(null, 3)).allows(caller)).toBe(true)
    const behind = knowing(reply({}, 3), reply(null, 4))
    expect([behind.version, behind.allows(caller)]).toEqual([0, false])
  })
})

describe('without asking again', () => {
  test('a revoked token is refused for ever', () => {
    expect(codeAt(knowing(reply({ revocations: [revoked] })), 1e12)).toBe('token_revoked')
  })

  test('a suspended team is refused for as long as the account said, and not a millisecond longer', () => {
    const rules = knowing(reply({ suspended: true }))
    expect([codeAt(rules, 1_249), codeAt(rules, 1_250)]).toEqual(['team_suspended', undefined])
    expect(rules.allows(caller)).toBe(false)
  })

  test('a suspension is not believed when the clock was set back', () => {
    const rules = knowing(reply({ suspended: true }))
    rules.forgetHold()
    expect(codeAt(rules, 0)).toBeUndefined()
    expect(rules.allows(caller)).toBe(false)
  })
})
