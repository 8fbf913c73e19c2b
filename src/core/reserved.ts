/** First path segments that are ours and that no upstream may be called. */
export const reservedSegments: ReadonlySet<string> = new Set([
  'api',
  'oauth',
  'device',
  'dashboard',
  'assets',
  'docs',
  'problems',
  'healthz',
  'readyz',
  'openapi.json',
  'llms.txt',
  'favicon.ico',
  'robots.txt',
  '.well-known',
])

export function isReservedSegment(segment: string): boolean {
  return reservedSegments.has(segment)
}
