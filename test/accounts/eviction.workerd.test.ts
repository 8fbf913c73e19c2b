import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import type { LeaseReport, SyncReply, SyncRequest } from '../../src/core/quota/sync.ts'
import { clock, type TeamAccount } from '../workerd/accounts/worker.ts'

const accounts = env.ACCOUNTS as unknown as DurableObjectNamespace<TeamAccount>
const set = 'all'
const allTime = { from: 0, to: 4_102_444_800_000, by: [] }

/** Far from the borders at 2 s and 60 s, since the two accounts are asked a few milliseconds apart. */
const pauses = [0, 100, 3_000, 62_000] as const

const steps = fc.record({
  pause: fc.constantFrom(...pauses),
  isolate: fc.nat(2),
  need: fc.nat(40),
  /** Of the isolate's oldest lease that has units left. */
  used: fc.nat(30),
  returned: fc.nat(30),
  sweeps: fc.boolean(),
})

type Step = typeof steps extends fc.Arbitrary<infer One> ? One : never

interface Held {
  readonly sequence: number
  readonly hour: number
  units: number
}

/** The isolates' side: the next request of one, and what its reply brought. */
class Isolates {
  readonly #sequences = [0, 0, 0]
  readonly #held: readonly Held[][] = [[], [], []]

  request({ isolate, need, used, returned }: Step): SyncRequest {
    const sequence = (this.#sequences[isolate] ?? 0) + 1
    this.#sequences[isolate] = sequence
    const leases: LeaseReport[] = []
    const [oldest] = (this.#held[isolate] ?? []).filter(({ units }) => units > 0)
    if (oldest !== undefined) {
      const spent = Math.min(used, oldest.units)
      const back = Math.min(returned, oldest.units - spent)
      oldest.units -= spent + back
      if (spent + back > 0)
        leases.push({ sequence: oldest.sequence, set, hour: oldest.hour, used: spent, returned: back })
    }
    const wants = need > 0 ? [{ set, need, want: need }] : []
    return { isolate: `isolate-${isolate}`, sequence, leases, usage: [], refused: [], wants, rulesVersion: 1 }
  }

  receive(isolate: number, { sequence, leases }: SyncReply): void {
    const now = Date.now() + clock.offset
    for (const { units } of leases)
      this.#held[isolate]?.push({ sequence, hour: now - (now % 3_600_000), units })
  }
}

afterEach(() => {
  clock.offset = 0
})

test('R03: an account that is evicted after every step answers and books as one that never was', async () => {
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 3, maxLength: 12, size: 'max' }), async (script) => {
      runs += 1
      const open = (name: string) => accounts.get(accounts.idFromName(`team:${name}-${runs}`))
      const [steady, evicted] = [open('steady'), open('evicted')]
      const isolates = new Isolates()
      for (const step of script) {
        clock.offset += step.pause
        if (step.sweeps) for (const account of [steady, evicted]) await runDurableObjectAlarm(account)
        const request = isolates.request(step)
        const reply = await steady.sync(request)
        const again = await evicted.sync(request)
        expect(again.leases).toEqual(reply.leases)
        isolates.receive(step.isolate, reply)
        await evictDurableObject(evicted)
      }
      expect(await evicted.usage(allTime)).toEqual(await steady.usage(allTime))
    }),
    // A smaller script would be found in minutes, not in seconds.
    { numRuns: 80, endOnFailure: true },
  )
}, 60_000)
