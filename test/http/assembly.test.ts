import { expect, test } from 'vitest'
import { faultyAssemblyMillis } from '../../src/core/limits.ts'
import { onePerIsolate } from '../../src/http/assembly.ts'

const isolate = (faults: readonly boolean[]) => {
  let time = 0
  let made = 0
  const { kept, make } = onePerIsolate(
    async (_env: null) => {
      made += 1
      const number = made
      await Promise.resolve()
      return { app: number, faulty: faults[number - 1] ?? false }
    },
    () => time,
  )
  return {
    app: async () => kept() ?? make(null),
    later: (millis: number) => {
      time += millis
    },
  }
}

test('what works is made once and kept', async () => {
  const { app, later } = isolate([])
  expect(await app()).toBe(1)
  later(86_400_000)
  expect(await app()).toBe(1)
})

test('requests that come while it is made all use the first', async () => {
  const { app } = isolate([])
  expect(await Promise.all([app(), app(), app()])).toEqual([1, 1, 1])
})

test('a secret that could not be read once does not stop the isolate for good', async () => {
  const { app, later } = isolate([true, false])
  expect(await app()).toBe(1)
  later(faultyAssemblyMillis - 1)
  expect(await app()).toBe(1)
  later(1)
  expect(await app()).toBe(2)
  later(86_400_000)
  expect(await app()).toBe(2)
})

test('one that works replaces one that failed beside it, at once', async () => {
  const { app } = isolate([true, false])
  expect(await Promise.all([app(), app()])).toEqual([1, 2])
  expect(await app()).toBe(2)
})

test('one that failed beside one that works does not replace it', async () => {
  const { app, later } = isolate([false, true])
  expect(await Promise.all([app(), app()])).toEqual([1, 1])
  later(faultyAssemblyMillis)
  expect(await app()).toBe(1)
})
