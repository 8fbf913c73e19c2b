/** Token endpoints (RFC 6749 section 3.2): where a credential is fetched, and what an answer must look like. */
import { isJsonObject } from '../core/json.ts'
import { Secret } from '../core/redact.ts'
import { parseTargetUrl } from '../core/url.ts'
import type { OptionReader } from './options.ts'
import type { Pair } from './query-string.ts'
import { type Minted, type MintRequest, type MintScheme, type ReportFault, SecretFault } from './scheme.ts'

export interface TokenEndpointOptions {
  readonly tokenUrl: string
  readonly scope: string | null
  readonly parameters: readonly Pair[]
  /** What an answer without `expires_in` is taken for. */
  readonly expiresSeconds: number
}

export interface TokenEndpointDefinition {
  /** https, or http on a loopback host. The only place, besides the upstream, that sees anything of the secret. */
  readonly tokenUrl: string
  /** Scopes of the upstream's authorization server, separated by spaces. */
  readonly scope?: string
  /** Further parameters of the token request, such as `audience` or `resource`. Never a secret. */
  readonly parameters?: Readonly<Record<string, string>>
  /** For how long a token holds whose answer does not say so. Default 300, at most 86400. */
  readonly expiresSeconds?: number
}

/** Parameters that the schemes set themselves. */
const ownParameters: ReadonlySet<string> = new Set([
  'grant_type',
  'scope',
  'client_id',
  'client_secret',
  'assertion',
  'client_assertion',
  'client_assertion_type',
])

/** The options that all schemes with a token URL share; reports every fault of them. */
export function readTokenEndpoint(options: OptionReader, fault: ReportFault): TokenEndpointOptions {
  const tokenUrl = options.text('tokenUrl')
  const url = tokenUrl === '' ? null : parseTargetUrl(tokenUrl)
  if (typeof url === 'string') fault('tokenUrl', url)
  const scope = options.optionalText('scope', null)
  if (scope !== null && !/^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/.test(scope))
    fault('scope', 'must be scopes separated by single spaces (RFC 6749 section 3.3)')
  return {
    tokenUrl,
    scope,
    parameters: options.entries('parameters').map(([name, value]) => {
      if (ownParameters.has(name)) fault(`parameters.${name}`, 'is set by the scheme')
      if (typeof value === 'string' && value !== '') return [name, value]
      fault(`parameters.${name}`, 'must be a text that is not empty')
      return [name, '']
    }),
    expiresSeconds: options.integer('expiresSeconds', 300, { min: 1, max: 86_400 }),
  }
}

/** A POST of these parameters (RFC 6749 appendix B). */
export function tokenRequest(
  url: string,
  parameters: readonly Pair[],
  headers: readonly Pair[] = [],
): MintRequest {
  return {
    url,
    headers: [
      ['content-type', 'application/x-www-form-urlencoded'],
      ['accept', 'application/json'],
      ...headers,
    ],
    body: new URLSearchParams(parameters.map(([name, value]): [string, string] => [name, value])).toString(),
  }
}

/** What every scheme does alike that fetches a bearer token. */
export const bearerMint = {
  kind: 'mint',
  owns: () => ['authorization'],
  bodyNeed: () => 'none',
  parseMint: parseTokenAnswer,
  thenSign: (_request, _options, { token }) => ({
    set: [['authorization', `Bearer ${token.reveal()}`]],
  }),
} as const satisfies Partial<MintScheme<TokenEndpointOptions, unknown>>

/** RFC 6749 section 5.1, bearer tokens only. Throws SecretFault; its message has nothing of the answer but a code. */
function parseTokenAnswer(json: unknown, { expiresSeconds }: TokenEndpointOptions, now: number): Minted {
  const { access_token: token, token_type: type, expires_in: expires, error } = isJsonObject(json) ? json : {}
  if (typeof error === 'string' && /^[a-z_]{1,40}$/.test(error))
    throw new SecretFault(`the token endpoint refused the credential: ${error}`)
  // RFC 6750 section 2.1: the form of a bearer token.
  if (typeof token !== 'string' || !/^[A-Za-z0-9._~+/-]+=*$/.test(token)) throw noAnswer('an access_token')
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') throw noAnswer('a bearer token')
  const seconds = expires === undefined ? expiresSeconds : Number(expires)
  if (!Number.isFinite(seconds) || seconds <= 0 || typeof expires === 'boolean')
    throw noAnswer('a positive expires_in')
  return { token: new Secret(token), expiresAt: now + Math.min(seconds, 86_400) * 1000 }
}

function noAnswer(what: string): SecretFault {
  return new SecretFault(`the token endpoint did not answer with ${what}`)
}
