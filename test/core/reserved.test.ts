import { expect, test } from 'vitest'
import { isReservedSegment, reservedSegments } from '../../src/core/reserved.ts'

test('the reserved first segments are those of section 2, in their exact letters', () => {
  const designed = [
    ...['api', 'oauth', 'device', 'dashboard', 'assets', 'docs', 'problems', 'healthz', 'readyz'],
    ...['openapi.json', 'llms.txt', 'favicon.ico', 'robots.txt', '.well-known'],
  ]
  expect([...reservedSegments].sort()).toEqual([...designed].sort())
  for (const segment of ['API', 'api2', '%61pi', '', 'plugipay', '__proto__']) {
    expect(isReservedSegment(segment), segment).toBe(false)
  }
})
