import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Flaw, type Step, step, World } from './world.ts'

const scripts = fc.array(step, { minLength: 1, maxLength: 120, size: 'max' })

/** Runs until a promise breaks; what broke, or null. */
const firstBreak = (flaw: Flaw | null, numRuns: number): string | null => {
  const result = fc.check(
    fc.property(scripts, (script: readonly Step[]) => new World(flaw).run(script)),
    { numRuns, seed: 20261122, endOnFailure: true },
  )
  return result.failed ? String(result.errorInstance) : null
}

describe('any interleaving of isolates, losses, delays, retries, evictions, returns, kills, changed limits and clock steps', () => {
  test('R02 R03 R04: stays within burst + rate * (W + 1) in every window, and the books balance after every step', () => {
    fc.assert(
      fc.property(scripts, (script: readonly Step[]) => new World().run(script)),
      { numRuns: 1_500 },
    )
  }, 120_000)
})

describe('each rule is there because a promise breaks without it', () => {
  const flaws: readonly (readonly [Flaw, RegExp])[] = [
    ['the lease is not looked at again at commit', /bound/],
    ['the lease counts from the reply', /bound/],
    ['units come back by plain subtraction', /bound/],
    ['units are credited however late', /bound/],
    ['a retry is a new request', /truly used|rows say/],
    ['the account clock runs backwards', /bound/],
    ['a changed limit starts anew', /bound/],
    ['only the tightest limit is debited', /bound/],
    ['the reply leaves before the grant is stored', /bound|truly used|outstanding/],
    ['an isolate clock that steps back is not noticed', /bound/],
    ['a late report is not taken from unsettled', /unsettled|negative/],
  ]
  test.each(flaws)(
    'a promise breaks when %s',
    (flaw, broken) => {
      expect(firstBreak(flaw, 4_000)).toMatch(broken)
    },
    120_000,
  )
})
