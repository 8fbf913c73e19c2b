import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Admission } from '../../src/accounts/accounts.ts'
import { Refusal } from '../../src/core/problems.ts'
import { FakeAccount, isolateOver, limitOf, permitOf, VirtualTime } from './fakes.ts'

const limits = [limitOf('all', 20, 1_000, { burst: 40 }), limitOf('writes', 15, 1_000, { burst: 30 })]
const sets = [limits, limits.slice(0, 1), []]

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('calls' as const),
      isolate: fc.nat(2),
      set: fc.nat(2),
      count: fc.integer({ min: 1, max: 40 }),
      /** Between admission and dispatch, as a slow upload. */
      holdMillis: fc.constantFrom(0, 0, 0, 400, 1_500),
      fails: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('advance' as const), millis: fc.integer({ min: 1, max: 1_200 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('network' as const),
      fate: fc.constantFrom('lose the request', 'lose the reply', 'hang', 'overloaded' as const),
    }),
  },
)

test('R01 R04 U08: whatever calls, holds, failures and losses come, wallets stay within the bound and the books end whole', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), async (script) => {
      const time = new VirtualTime()
      const account = new FakeAccount(time, limits, 7)
      const isolates = Array.from({ length: 3 }, () => isolateOver(time, () => account))
      const uses: { readonly at: number; readonly set: number }[] = []
      const call = async (one: Extract<(typeof script)[number], { do: 'calls' }>): Promise<void> => {
        const isolate = isolates[one.isolate]
        if (isolate === undefined) return
        let admission: Admission
        try {
          admission = await isolate.wallet.admit(permitOf({ limits: sets[one.set] ?? [] }), isolate.context)
          if (one.holdMillis > 0) await time.sleep(one.holdMillis)
          for (let renewals = 0; renewals < 3; renewals += 1) {
            if (one.fails) break
            const dispatch = admission.commit(time.now)
            if (dispatch === null) {
              await admission.renew()
              continue
            }
            uses.push({ at: time.now, set: one.set })
            dispatch.settle('2xx', { bytesIn: null, bytesOut: null, millis: 0 })
            return
          }
          admission.release()
        } catch (refusal) {
          if (!(refusal instanceof Refusal)) throw refusal
        }
      }
      const running: Promise<void>[] = []
      for (const one of script) {
        if (one.do === 'advance') await time.advance(one.millis)
        else if (one.do === 'network') account.fates.push(one.fate)
        else for (let at = 0; at < one.count; at += 1) running.push(call(one))
      }
      account.fates = []
      await time.advance(40_000)
      await Promise.all(running)
      for (const [burst, perMilli, within] of [
        [40, 0.02, uses.filter(({ set }) => set < 2)],
        [30, 0.015, uses.filter(({ set }) => set === 0)],
      ] as const)
        for (const [from, first] of within.entries())
          for (const [count, last] of within.slice(from).entries())
            expect(count + 1).toBeLessThanOrEqual(burst + perMilli * (last.at - first.at + 1_000) + 1e-6)
      const { granted, used, returned, outstanding, unsettled } = account.totals
      expect(granted).toBe(used + returned + outstanding + unsettled)
      expect({ used, outstanding, unsettled }).toEqual({ used: uses.length, outstanding: 0, unsettled: 0 })
    }),
    { numRuns: 60 },
  )
}, 120_000)
