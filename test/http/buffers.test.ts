import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isolateBufferBytesMax, teamBufferBytesMax } from '../../src/core/limits.ts'
import { Refusal } from '../../src/core/problems.ts'
import { BufferShare, Buffers } from '../../src/http/buffers.ts'
import { codeOf } from '../core/refused.ts'

test('one team gets half of what an isolate has, to the byte', () => {
  expect(teamBufferBytesMax * 2).toBe(isolateBufferBytesMax)
  const buffers = new Buffers()
  buffers.take('one', teamBufferBytesMax)
  expect(codeOf(() => buffers.take('one', 1))).toBe('overloaded')
  buffers.take('two', teamBufferBytesMax)
  expect(codeOf(() => buffers.take('three', 1))).toBe('overloaded')
  buffers.give('one', 1)
  buffers.take('three', 1)
  expect(buffers.taken).toBe(isolateBufferBytesMax)
})

test('a share grows by what is missing, and is given back once', () => {
  const buffers = new Buffers()
  const share = new BufferShare(buffers, 'one')
  share.growTo(10)
  share.growTo(25)
  expect(buffers.taken).toBe(25)
  share.release()
  share.release()
  expect(buffers.taken).toBe(0)
  expect(() => share.growTo(30)).toThrow('given back')
  expect(buffers.taken).toBe(0)
})

test('promise 10: over random lives of bodies, no bound is ever passed and everything comes back', () => {
  const team = fc.constantFrom('one', 'two', 'three')
  const step = fc.oneof(
    fc.record({ kind: fc.constant('open' as const), team, bytes: fc.integer({ min: 1, max: 8_388_608 }) }),
    fc.record({ kind: fc.constant('grow' as const), which: fc.nat(), factor: fc.constantFrom(2, 3) }),
    fc.record({ kind: fc.constant('end' as const), which: fc.nat() }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const buffers = new Buffers()
      const shares: { share: BufferShare; team: string; bytes: number }[] = []
      const held = (of?: string): number =>
        shares.filter((one) => of === undefined || one.team === of).reduce((sum, { bytes }) => sum + bytes, 0)
      const grow = (one: (typeof shares)[number], bytes: number): void => {
        const added = bytes - one.bytes
        const fits = held() + added <= isolateBufferBytesMax && held(one.team) + added <= teamBufferBytesMax
        try {
          one.share.growTo(bytes)
          expect(fits).toBe(true)
          one.bytes = bytes
        } catch (error) {
          if (!(error instanceof Refusal)) throw error
          expect(fits).toBe(false)
        }
      }
      for (const one of steps) {
        if (one.kind === 'open') {
          const opened = { share: new BufferShare(buffers, one.team), team: one.team, bytes: 0 }
          shares.push(opened)
          grow(opened, one.bytes)
        } else {
          const chosen = shares[one.which % (shares.length || 1)]
          if (chosen === undefined) continue
          if (one.kind === 'grow') {
            if (chosen.bytes > 0) grow(chosen, chosen.bytes * one.factor)
          } else {
            chosen.share.release()
            shares.splice(shares.indexOf(chosen), 1)
          }
        }
        expect(buffers.taken).toBe(held())
        expect(buffers.taken).toBeLessThanOrEqual(isolateBufferBytesMax)
      }
      for (const { share } of shares) share.release()
      expect(buffers.taken).toBe(0)
      // Nothing is left behind for a team either: it can have all of its half again.
      for (const name of ['one', 'two']) buffers.take(name, teamBufferBytesMax)
    }),
    { numRuns: 1_000 },
  )
})
