import type { Parameters } from '../../tokens/parameters.ts'
import type { Signer } from '../../tokens/signing-keys.ts'
import type { TokenService } from '../../tokens/token-service.ts'

export interface GrantRequest {
  readonly parameters: Parameters
  readonly clientId: string
  readonly signer: Signer
}

/** One way to get a token (RFC 6749 section 4). Throws OAuthRefusal or Refusal. */
export type GrantType = (request: GrantRequest, service: TokenService) => Promise<Response>
