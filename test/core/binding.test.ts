import { expect, onTestFinished, test, vi } from 'vitest'
import { bindingText } from '../../src/core/binding.ts'
import { secretStoreReadMillis } from '../../src/core/limits.ts'
import { setTimer } from '../../src/http/timer.ts'

const textOf = (binding: unknown) => bindingText(binding, setTimer)

test('the text of a Worker secret is the secret, an empty one too', async () => {
  expect(await textOf('made-up')).toBe('made-up')
  expect(await textOf('')).toBe('')
})

test('the text of a Secrets Store binding is what it gives', async () => {
  expect(await textOf({ get: async () => 'made-up' })).toBe('made-up')
})

test('only what is not bound is absent', async () => {
  expect(await textOf(undefined)).toBeUndefined()
})

test.each([
  ['null', null],
  ['a number', 7],
  ['an object without get', {}],
  ['a store that gives nothing', { get: async () => undefined }],
  ['a store that gives no text', { get: async () => 7 }],
  ['a store that fails', { get: () => Promise.reject(new Error('made-up')) }],
  [
    'a store that throws',
    {
      get: () => {
        throw new Error('made-up')
      },
    },
  ],
])('%s cannot be read, and never passes for absent', async (_what, binding) => {
  expect(await textOf(binding)).toBeNull()
})

test('a store that does not answer cannot be read after a while, and leaves no timer behind', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const reading = textOf({ get: () => new Promise(() => {}) })
  await vi.advanceTimersByTimeAsync(secretStoreReadMillis)
  expect(await reading).toBeNull()
  expect(vi.getTimerCount()).toBe(0)
})
