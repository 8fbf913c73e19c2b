/** Calls `run` once after so many milliseconds; what it returns takes that back. */
export type SetTimer = (run: () => void, millis: number) => () => void

/** What the promise gives, or null when it gives nothing in time. The timer is an argument, like all time in core. */
export function within<Value>(
  millis: number,
  promise: Promise<Value>,
  setTimer: SetTimer,
): Promise<Value | null> {
  return new Promise((resolve, reject) => {
    const cancel = setTimer(() => resolve(null), millis)
    promise.then(resolve, reject).finally(cancel)
  })
}
