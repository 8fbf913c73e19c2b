/**
 * Ctrl-C, a closed terminal and `kill` end a command at once, with one exception: what an answer on the way must
 * not be lost for is finished first. Who asks a second time does not wait for it.
 */
import { exitCodes } from './exit-codes.ts'

let unfinished = 0
let asked = false

/** Called once, when the process begins. */
export function listenForInterruption(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)
}

function interrupt(): void {
  if (unfinished === 0 || asked) endInterrupted()
  asked = true
}

export function endInterrupted(): never {
  // What was asked or shown stands on a line that is not at its end; the shell's prompt begins a new one.
  if (process.stderr.isTTY) process.stderr.write('\n')
  process.exit(exitCodes.interrupted.code)
}

/** Runs the action to its end, and only then obeys. */
export async function uninterrupted<Result>(action: () => Promise<Result>): Promise<Result> {
  unfinished += 1
  try {
    return await action()
  } finally {
    unfinished -= 1
    if (asked) endInterrupted()
  }
}
