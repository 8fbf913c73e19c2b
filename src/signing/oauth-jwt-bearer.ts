/**
 * `oauth-jwt-bearer` (RFC 7523): a bearer token from the upstream's authorization server for a JWT that we sign,
 * as Google's service accounts use it. Covers nothing of the request. The secret binding holds a service account
 * file as Google hands it out (`client_email`, `private_key`, `private_key_id`), or JSON `{ "keyid", "issuer",
 * "jwk" }`. A `token_uri` in it is not used: where tokens are fetched is configuration, not secret.
 */
import { parseJsonObject } from '../core/json.ts'
import { compactJws } from '../core/jws.ts'
import { type JwsAlgorithm, jwsAlgorithms, privateByJose } from './jws.ts'
import { OptionReader } from './options.ts'
import { type ImportSigner, parsePrivateKey, textMember } from './private-key.ts'
import type { Pair } from './query-string.ts'
import { type MintScheme, SecretFault } from './scheme.ts'
import {
  bearerMint,
  readTokenEndpoint,
  type TokenEndpointDefinition,
  type TokenEndpointOptions,
  tokenRequest,
} from './token-endpoint.ts'

type AssertionAlgorithm = Exclude<JwsAlgorithm, 'HS256'>

export interface OAuthJwtBearerDefinition extends TokenEndpointDefinition {
  readonly scheme: 'oauth-jwt-bearer'
  /** Default 'RS256'. */
  readonly algorithm?: AssertionAlgorithm
  /** `aud`. Default: tokenUrl. */
  readonly audience?: string
  /** `sub`; 'none' leaves it out, as Google wants without delegation. Default: the issuer. */
  readonly subject?: string
  /** What the JWT stands for: the grant itself (section 2.1), or the client in a client credentials grant (2.2). Default 'grant'. */
  readonly use?: 'grant' | 'client'
  /** Sends the scope as a claim of the JWT, as Google wants, instead of as a parameter. Default false. */
  readonly scopeClaim?: boolean
  /** How long the JWT holds. Default 300, at most 3600. */
  readonly lifetimeSeconds?: number
}

interface AssertionOptions extends TokenEndpointOptions {
  readonly algorithm: AssertionAlgorithm
  readonly audience: string
  readonly subject: string | null
  readonly use: 'grant' | 'client'
  readonly scopeClaim: boolean
  readonly lifetimeSeconds: number
}

interface AssertionSecret {
  readonly keyid: string
  readonly issuer: string
  readonly importSigner: ImportSigner
}

const assertionAlgorithms = jwsAlgorithms.filter((name): name is AssertionAlgorithm => name !== 'HS256')

const grantParameters = {
  grant: (assertion: string): readonly Pair[] => [
    ['grant_type', 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
    ['assertion', assertion],
  ],
  client: (assertion: string): readonly Pair[] => [
    ['grant_type', 'client_credentials'],
    ['client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'],
    ['client_assertion', assertion],
  ],
}

export const oauthJwtBearer: MintScheme<AssertionOptions, AssertionSecret> = {
  ...bearerMint,
  parseOptions: (input, fault) => {
    const options = new OptionReader(input, fault)
    const endpoint = readTokenEndpoint(options, fault)
    const parsed: AssertionOptions = {
      ...endpoint,
      algorithm: options.choice('algorithm', assertionAlgorithms, 'RS256'),
      audience: options.optionalText('audience', endpoint.tokenUrl),
      subject: options.optionalText('subject', null),
      use: options.choice('use', ['grant', 'client'], 'grant'),
      scopeClaim: options.flag('scopeClaim', false),
      lifetimeSeconds: options.integer('lifetimeSeconds', 300, { min: 1, max: 3_600 }),
    }
    options.done()
    return parsed
  },
  parseSecret: (text, { algorithm }) => {
    const fields = parseJsonObject(text)
    const keyid = fields && (textMember(fields, 'keyid') ?? textMember(fields, 'private_key_id'))
    const issuer = fields && (textMember(fields, 'issuer') ?? textMember(fields, 'client_email'))
    if (!fields || !keyid || !issuer)
      throw new SecretFault('the secret must be a service account file, or JSON { "keyid", "issuer", "jwk" }')
    const importSigner = parsePrivateKey(fields, privateByJose[algorithm], { pemName: 'private_key' })
    return { keyid, issuer, importSigner }
  },
  mintRequest: async (secret, options, { now, nonce }) => {
    const issuedAt = Math.floor(now / 1000)
    const subject = options.subject ?? secret.issuer
    const claims = {
      iss: secret.issuer,
      ...(subject === 'none' ? {} : { sub: subject }),
      aud: options.audience,
      ...(options.scopeClaim && options.scope !== null ? { scope: options.scope } : {}),
      iat: issuedAt,
      exp: issuedAt + options.lifetimeSeconds,
      jti: nonce(),
    }
    const header = { alg: options.algorithm, kid: secret.keyid, typ: 'JWT' }
    const assertion = await compactJws(header, claims, await secret.importSigner())
    return tokenRequest(options.tokenUrl, [
      ...grantParameters[options.use](assertion),
      ...(options.scope === null || options.scopeClaim ? [] : [['scope', options.scope] as const]),
      ...options.parameters,
    ])
  },
}
