/**
 * The documents from which a client finds the rest: RFC 8414 (authorization server), RFC 9728 (protected
 * resources) and RFC 7517 (keys). All are public, so any origin may read them.
 */

import { audienceOf } from '../../tokens/access-token.ts'
import type { TokenService } from '../../tokens/token-service.ts'
import { supportedGrantTypes } from './token.ts'

export const metadataPaths = {
  authorizationServer: '/.well-known/oauth-authorization-server',
  protectedResource: '/.well-known/oauth-protected-resource',
  keys: '/.well-known/jwks.json',
} as const

export function authorizationServerMetadata(url: string): object {
  return {
    issuer: url,
    authorization_endpoint: `${url}/oauth/authorize`,
    token_endpoint: `${url}/oauth/token`,
    device_authorization_endpoint: `${url}/oauth/device_authorization`,
    revocation_endpoint: `${url}/oauth/revoke`,
    jwks_uri: `${url}${metadataPaths.keys}`,
    grant_types_supported: supportedGrantTypes,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    protected_resources: [audienceOf(url, 'calls'), audienceOf(url, 'administration')],
  }
}

/** RFC 9728 section 3: the resource's path follows the well-known one. */
export function protectedResourceMetadata(url: string, resource: string): object {
  return {
    resource,
    authorization_servers: [url],
    bearer_methods_supported: ['header'],
    resource_name: resource === url ? 'Countersign' : 'Countersign administration',
  }
}

export function publishedKeys({ signing }: Pick<TokenService, 'signing'>): object {
  return {
    keys: signing?.keys.map(({ publicJwk }) => publicJwk) ?? [],
  }
}
