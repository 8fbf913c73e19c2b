/** What the team's account has booked, as an admin reads it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Complaint } from './complaint.ts'

export interface Books {
  readonly granted: number
  readonly used: number
  readonly returned: number
  readonly outstanding: number
  readonly unsettled: number
  readonly rows: readonly { readonly upstream: string; readonly outcome: string; readonly requests: number }[]
}

interface BooksOptions {
  readonly origin: string
  readonly adminKey: string
  readonly team: string
}

/** Use is flushed within a second of the first unreported call; this leaves room for a busy machine. */
const flushMillisMax = 10_000
const pollMillis = 100

export const readBooks = async ({ origin, adminKey, team }: BooksOptions): Promise<Books> => {
  const response = await fetch(`${origin}/api/usage?team=${team}&by=upstream,outcome`, {
    headers: { authorization: `Bearer ${adminKey}` },
  })
  if (!response.ok) {
    throw new Complaint(`The books of ${team} cannot be read: ${response.status} ${await response.text()}`)
  }
  return (await response.json()) as Books
}

/** The books once they hold more use than `used`. */
export const readBooksBeyond = async (used: number, options: BooksOptions): Promise<Books> => {
  const deadline = performance.now() + flushMillisMax
  for (;;) {
    const books = await readBooks(options)
    if (books.used > used) return books
    if (performance.now() > deadline) {
      throw new Complaint(
        `The books of ${options.team} do not show its call after ${flushMillisMax / 1_000} s.`,
      )
    }
    await sleep(pollMillis)
  }
}
