/**
 * What things may be called. Names travel in paths, scopes (`<upstream>@<key>:<scope>`), account names
 * (`team:<id>`, `key:<upstream>/<key>`) and structured headers, so none holds a character that divides there.
 */
import { isReservedSegment, reservedSegments } from '../core/reserved.ts'
import type { Input } from './input.ts'

/** Upstreams and teams. */
const nameForm = /^[a-z][a-z0-9-]{0,31}$/
/** Keys, issuers, limits and clients, which stand in no path. */
const labelForm = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/
const bindingForm = /^[A-Za-z_][A-Za-z0-9_]*$/

/** The issuer that is our own token service. */
export const ownIssuerName = 'countersign'
/** The public client that the CLI is. */
export const ownClientName = 'countersign-cli'

/** An upstream that held one of these would send our own credential out, or a thing that is no secret. */
export const ownBindings: readonly string[] = [
  'COUNTERSIGN_ADMIN_KEY',
  'COUNTERSIGN_SIGNING_KEY',
  'ACCOUNTS',
  'DIRECTORY',
  'USAGE',
]

export function checkName(input: Input, name: string): boolean {
  if (nameForm.test(name)) return true
  input.fault('is not a name: 1 to 32 of a-z, 0-9 and -, beginning with a letter')
  return false
}

export function checkUpstreamName(input: Input, name: string): boolean {
  if (!isReservedSegment(name)) return checkName(input, name)
  input.fault(`is reserved; the paths ${[...reservedSegments].join(', ')} are Countersign's own`)
  return false
}

export function checkLabel(input: Input, name: string): boolean {
  if (labelForm.test(name)) return true
  input.fault('is not a name: 1 to 64 of A-Z, a-z, 0-9, _, . and -, beginning with a letter or digit')
  return false
}

/** The name of a secret binding. */
export function readBinding(input: Input): string | null {
  const { value } = input
  if (typeof value !== 'string' || !bindingForm.test(value)) {
    return input.fault(
      'must be the name of a secret binding (A-Z, a-z, 0-9 and _, not beginning with a digit), never the secret',
    )
  }
  if (ownBindings.includes(value)) return input.fault(`${value} is Countersign's own binding`)
  return value
}
