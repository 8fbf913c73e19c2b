import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Books, booksOf, type Edge, pause, startEdge } from './edge.ts'

/** SOAK_CALLS=100000 for the whole of it (some minutes); a look otherwise. */
const calls = Number(process.env['SOAK_CALLS'] ?? 3_000)
const isolates = 4
const inFlight = 64
const faults = 0.05

const answer = (request: IncomingMessage, response: ServerResponse): void => {
  switch (request.headers['x-behave']) {
    case 'reset':
      request.socket.resetAndDestroy()
      return
    case 'silent':
      return
    case 'broken':
      response.writeHead(500).end()
      return
    default:
      response.end('ok')
  }
}

const behaviours = ['reset', 'silent', 'broken'] as const

const uncertain = ({ rows }: Books): number =>
  rows
    .filter(({ outcome }) => outcome === 'unreachable' || outcome === 'aborted' || outcome === 'timeout')
    .reduce((sum, { requests }) => sum + Number(requests), 0)

describe(`U08: ${calls} real calls through four isolates, one in twenty with a fault`, () => {
  let edge: Edge
  beforeAll(async () => {
    const limits = [{ name: 'all', requests: 10_000, per: '1s' }]
    edge = await startEdge({ isolates, timeoutMs: 300, answer, teams: { whole: limits, killed: limits } })
  })
  afterAll(() => edge?.stop())

  const soak = async (team: string, kills: number): Promise<number> => {
    let made = 0
    let broken = 0
    const worker = async (): Promise<void> => {
      while (made < calls) {
        made += 1
        const behave = Math.random() < faults ? behaviours[made % behaviours.length] : undefined
        const headers = behave === undefined ? {} : { 'x-behave': behave }
        // While the process is killed, connections break: those calls are not asked again.
        await edge.call(made % isolates, team, { headers }).catch(() => {
          broken += 1
        })
      }
    }
    const killer = (async () => {
      for (let kill = 1; kill <= kills; kill += 1) {
        while (made < (calls * kill) / (kills + 1)) await pause(5)
        await edge.restart()
      }
    })()
    await Promise.all([killer, ...Array.from({ length: inFlight }, worker)])
    await pause(4_000)
    return broken
  }

  test('without kills what the upstream saw is what the books say, and unsettled is 0', async () => {
    expect(await soak('whole', 0)).toBe(0)
    const books = await booksOf(edge, 'whole', '&by=outcome')
    const arrived = edge.seen.filter(({ team }) => team === 'whole').length
    expect(books.granted).toBe(books.used + books.returned + books.outstanding + books.unsettled)
    expect({ outstanding: books.outstanding, unsettled: books.unsettled }).toEqual({
      outstanding: 0,
      unsettled: 0,
    })
    expect(books.rows.reduce((sum, { requests }) => sum + Number(requests), 0)).toBe(books.used)
    expect(arrived).toBeGreaterThanOrEqual(books.used - uncertain(books))
    expect(arrived).toBeLessThanOrEqual(books.used)
  }, 600_000)

  test('with kill -9 what is missing is at most what is outstanding or unsettled', async () => {
    await soak('killed', 3)
    const books = await booksOf(edge, 'killed', '&by=outcome')
    const arrived = edge.seen.filter(({ team }) => team === 'killed').length
    expect(books.granted).toBe(books.used + books.returned + books.outstanding + books.unsettled)
    expect(arrived).toBeGreaterThanOrEqual(books.used - uncertain(books))
    expect(arrived).toBeLessThanOrEqual(books.used + books.outstanding + books.unsettled)
  }, 600_000)
})
