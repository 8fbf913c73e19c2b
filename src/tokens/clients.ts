/** Clients (RFC 6749 section 2): all of them public, so a `client_id` names who asks and proves nothing. */
import type { Configuration } from '../core/configuration.ts'
import { cliClientId, unnamedClientId } from '../core/reserved.ts'
import { OAuthRefusal } from './oauth-error.ts'
import type { Parameters } from './parameters.ts'

/** Throws OAuthRefusal `invalid_client` for a client that is neither built in nor configured. */
export function readClientId(parameters: Parameters, clients: Configuration['clients']): string {
  const clientId = parameters.get('client_id')
  if (clientId === undefined) return unnamedClientId
  if (clientId === cliClientId || clients.has(clientId)) return clientId
  throw new OAuthRefusal('invalid_client', `No such client. Use ${cliClientId}, or one of the configuration.`)
}
