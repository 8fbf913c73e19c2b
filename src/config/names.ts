/**
 * What things may be called. Names travel in paths, scopes (`<upstream>@<key>:<scope>`), account names
 * (`team:<id>`, `key:<upstream>/<key>`) and structured headers, so none holds a character that divides there.
 */
import { isReservedSegment, reservedSegments } from '../core/reserved.ts'
import type { Input } from './input.ts'

/** An upstream that held one of these would send our own credential out, or a thing that is no secret. */
const ownBindings: readonly unknown[] = [
  'COUNTERSIGN_ADMIN_KEY',
  'COUNTERSIGN_SIGNING_KEY',
  'ACCOUNTS',
  'DIRECTORY',
  'USAGE',
]

/** Upstreams and teams. */
export function checkName(at: Input, name: string): void {
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(name))
    at.fault('is not a name: 1 to 32 of a-z, 0-9 and -, beginning with a letter')
}

export function checkUpstreamName(at: Input, name: string): void {
  if (!isReservedSegment(name)) checkName(at, name)
  else at.fault(`is reserved; the paths ${[...reservedSegments].join(', ')} are Countersign's own`)
}

/** Keys, issuers, limits and clients, which stand in no path. */
export function checkLabel(at: Input, name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(name))
    at.fault('is not a name: 1 to 64 of A-Z, a-z, 0-9, _, . and -, beginning with a letter or digit')
}

/** The name of a secret binding. */
export function readBinding(at: Input): string | null {
  const { value } = at
  if (ownBindings.includes(value)) return at.fault(`${value} is Countersign's own binding`)
  if (typeof value === 'string' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(value)) return value
  return at.fault(
    'must be the name of a secret binding (A-Z, a-z, 0-9 and _, not beginning with a digit), never the secret',
  )
}
