import type { TokenService } from '../../tokens/token-service.ts'
import type { OAuthCall } from './endpoint.ts'

export interface GrantRequest extends OAuthCall {
  readonly clientId: string
}

/** One way to get a token (RFC 6749 section 4). Throws OAuthRefusal or Refusal. */
export type GrantType = (request: GrantRequest, service: TokenService) => Promise<Response>
