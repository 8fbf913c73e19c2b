import { expect, test } from 'vitest'
import { within } from '../../src/core/within.ts'

/** One timer that rings when the test says so. */
const timer = () => {
  const events: string[] = []
  let ring = (): void => {}
  const setTimer = (run: () => void, millis: number) => {
    events.push(`set ${millis}`)
    ring = run
    return () => void events.push('cancelled')
  }
  return { events, setTimer, ring: () => ring() }
}

test('what comes in time is given, and the timer goes', async () => {
  const { events, setTimer } = timer()
  expect(await within(5_000, Promise.resolve('here'), setTimer)).toBe('here')
  await Promise.resolve()
  expect(events).toEqual(['set 5000', 'cancelled'])
})

test('what never comes is null when the timer rings', async () => {
  const { setTimer, ring } = timer()
  const waiting = within(5_000, new Promise<string>(() => {}), setTimer)
  ring()
  expect(await waiting).toBeNull()
})

test('what fails in time fails, and the timer goes', async () => {
  const { events, setTimer } = timer()
  await expect(within(5_000, Promise.reject(new Error('broken')), setTimer)).rejects.toThrow('broken')
  await Promise.resolve()
  expect(events).toEqual(['set 5000', 'cancelled'])
})

test('what fails too late harms nobody', async () => {
  const { setTimer, ring } = timer()
  let fail = (): void => {}
  const late = new Promise<string>((_resolve, reject) => {
    fail = () => reject(new Error('late'))
  })
  const waiting = within(5_000, late, setTimer)
  ring()
  expect(await waiting).toBeNull()
  fail()
  await expect(late).rejects.toThrow('late')
})
