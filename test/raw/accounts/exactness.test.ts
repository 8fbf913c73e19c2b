import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Books, booksOf, type Edge, pause, startEdge } from './edge.ts'

const isolates = 4
/**
 * Calls that were sent, of which nobody knows whether they arrived. What an isolate reported at dispatch and did not
 * live to settle stays `open`: on a busy machine it can be killed between its report and its connection.
 */
const unknownArrival: readonly unknown[] = ['unreachable', 'aborted', 'timeout', 'open']
const withoutArrival = ({ rows }: Books): number =>
  rows
    .filter(({ outcome }) => unknownArrival.includes(outcome))
    .reduce((sum, { requests }) => sum + Number(requests), 0)

const perDay = [{ name: 'all', requests: 100, per: '1d' }]

describe('four isolates, one account', () => {
  let edge: Edge
  beforeAll(async () => {
    edge = await startEdge({
      isolates,
      teams: { exact: perDay, killed: perDay, quiet: [{ name: 'all', requests: 5, per: '1d' }] },
    })
  })
  afterAll(() => edge?.stop())

  const storm = (team: string, calls: number) =>
    Promise.allSettled(Array.from({ length: calls }, (_, at) => edge.call(at % isolates, team)))

  test('R01: 1,000 concurrent calls at a limit of 100 a day: exactly 100 reach the upstream, and the books say so', async () => {
    const results = await storm('exact', 1_000)
    const statuses = results.map((result) => (result.status === 'fulfilled' ? result.value.status : 0))
    expect(statuses.filter((status) => status === 200)).toHaveLength(100)
    expect(statuses.filter((status) => status === 429)).toHaveLength(900)
    expect(edge.seen.filter(({ team }) => team === 'exact')).toHaveLength(100)
    await pause(2_500)
    expect(await booksOf(edge, 'exact', '&by=upstream,key,subject,outcome')).toMatchObject({
      granted: 100,
      used: 100,
      returned: 0,
      outstanding: 0,
      unsettled: 0,
      rows: [
        {
          upstream: 'orders',
          key: 'main',
          subject: 'acme:alice',
          outcome: '2xx',
          requests: 100,
          bytesOut: 200,
        },
      ],
      refused: [{ code: 'rate_limited', requests: 900 }],
    })
  }, 60_000)

  test('R03 U02: with kill -9 and restarts on the same storage at most 100, and what is missing shows as unsettled', async () => {
    for (let round = 0; round < 4; round += 1) {
      const calls = storm('killed', 60)
      await pause(20 + round * 40)
      await edge.restart()
      await calls
    }
    await storm('killed', 400)
    const reached = edge.seen.filter(({ team }) => team === 'killed').length
    expect(reached).toBeLessThanOrEqual(100)
    await pause(2_500)
    const books = await booksOf(edge, 'killed', '&by=outcome')
    expect(books.granted).toBe(books.used + books.returned + books.outstanding + books.unsettled)
    expect(books.used - withoutArrival(books)).toBeLessThanOrEqual(reached)
    expect(books.used + books.outstanding + books.unsettled).toBeGreaterThanOrEqual(reached)
  }, 60_000)

  test('R05: an upstream answer carries the limit, a refusal says when to come back', async () => {
    const first = await edge.call(0, 'quiet')
    expect(first.headers.get('ratelimit-policy')).toBe('"all";q=5;w=86400')
    expect(first.headers.get('ratelimit')).toMatch(/^"all";r=4;t=\d+$/)
    for (let at = 0; at < 4; at += 1) await edge.call(1, 'quiet')
    const refused = await edge.call(2, 'quiet')
    expect(refused).toMatchObject({ status: 429, code: 'rate_limited' })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(17_000)
    expect(refused.headers.get('ratelimit')).toMatch(/^"all";r=0;t=\d+$/)
  })
})
