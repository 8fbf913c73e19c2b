/** How long the CLI waits for what, together, because some of them bound each other; and how much it reads. */

/** A file of ours with thousands of profiles is smaller. */
export const fileBytesMax = 16_777_216

/** An answer of Countersign itself; what `call` gets from an upstream has no limit. */
export const answerBytesMax = 16_777_216

/** One request to the token service, its answer included. */
export const tokenRequestMillis = 15_000

export interface LockTimes {
  /** How long one waits for the lock. */
  readonly waitMillis: number
  /** A holder says this often that it is still there. */
  readonly beatMillis: number
  /**
   * A holder that has said nothing for so long is gone, although its process id may be another's by now. One that is
   * stopped (Ctrl-Z), or whose machine sleeps, says nothing either, and may have sent its refresh token.
   */
  readonly staleMillis: number
}

/**
 * Under the lock at most one request to the token service is made, so who waits outlasts it. However long a
 * holder takes, its lock is not stale while it beats.
 */
export const lockTimes: LockTimes = {
  waitMillis: tokenRequestMillis + 5_000,
  beatMillis: 2_000,
  staleMillis: 600_000,
}
