import type { SetTimer } from '../core/within.ts'

/** The runtime's timer, for those that take theirs as an argument. */
export function setTimer(run: () => void, millis: number): ReturnType<SetTimer> {
  const timer = setTimeout(run, millis)
  return () => clearTimeout(timer)
}
