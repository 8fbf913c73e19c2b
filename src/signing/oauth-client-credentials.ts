/**
 * `oauth-client-credentials` (RFC 6749 section 4.4): a bearer token from the upstream's authorization server,
 * fetched with client id and secret, used until shortly before it expires. Covers nothing of the request.
 */
import { base64, utf8 } from '../core/bytes.ts'
import { Secret } from '../core/redact.ts'
import { OptionReader } from './options.ts'
import { percentEncode } from './query-string.ts'
import type { MintScheme } from './scheme.ts'
import { parsePair } from './secret.ts'
import {
  bearerMint,
  readTokenEndpoint,
  type TokenEndpointDefinition,
  type TokenEndpointOptions,
  tokenRequest,
} from './token-endpoint.ts'

export interface OAuthClientCredentialsDefinition extends TokenEndpointDefinition {
  readonly scheme: 'oauth-client-credentials'
  /** How the client authenticates (RFC 6749 section 2.3.1). Default 'basic'. */
  readonly clientAuth?: 'basic' | 'post'
}

interface ClientOptions extends TokenEndpointOptions {
  readonly clientAuth: 'basic' | 'post'
}

interface ClientSecret {
  readonly id: string
  readonly secret: Secret
}

export const oauthClientCredentials: MintScheme<ClientOptions, ClientSecret> = {
  ...bearerMint,
  parseOptions: (input, fault) => {
    const options = new OptionReader(input, fault)
    const endpoint = readTokenEndpoint(options, fault)
    const clientAuth = options.choice('clientAuth', ['basic', 'post'], 'basic')
    options.done()
    return { ...endpoint, clientAuth }
  },
  parseSecret: (text) => {
    const [id, secret] = parsePair(text, ['client id', 'client secret'], { inner: 'spaces' })
    return { id, secret: new Secret(secret) }
  },
  mintRequest: ({ id, secret }, { tokenUrl, scope, parameters, clientAuth }) => {
    const posted = clientAuth === 'post'
    // Section 2.3.1: both are form-encoded before they become user and password.
    const credentials = `${percentEncode(id)}:${percentEncode(secret.reveal())}`
    return tokenRequest(
      tokenUrl,
      [
        ['grant_type', 'client_credentials'],
        ...(scope === null ? [] : [['scope', scope] as const]),
        ...parameters,
        ...(posted
          ? ([
              ['client_id', id],
              ['client_secret', secret.reveal()],
            ] as const)
          : []),
      ],
      posted ? [] : [['authorization', `Basic ${base64(utf8(credentials))}`]],
    )
  },
}
