/** Names that are Countersign's own: nothing in a configuration may be called so. */

/** The issuer that is our own token service. */
export const ownIssuerName = 'countersign'

/** The public client that the CLI is; built in. */
export const cliClientId = 'countersign-cli'

/**
 * Stands in a token whose request named no client: a machine that exchanges what it holds is no client's user. Such a
 * token may be ended by any client, and by who names none.
 */
export const unnamedClientId = 'countersign-unnamed'

/** First path segments. */
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
