/** Token endpoints (RFC 6749 section 3.2): where a credential is fetched, and what an answer must look like. */
import { Secret } from '../core/redact.ts'
import type { OptionReader } from './options.ts'
import { type Edits, type Minted, type ReportFault, SecretFault } from './scheme.ts'

export interface TokenEndpointOptions {
  readonly tokenUrl: string
  readonly scope: string | null
  readonly parameters: readonly (readonly [name: string, value: string])[]
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

export function readTokenEndpoint(options: OptionReader, fault: ReportFault): TokenEndpointOptions {
  const tokenUrl = options.text('tokenUrl')
  const problem = tokenUrl === '' ? null : tokenUrlFault(tokenUrl)
  if (problem !== null) fault('tokenUrl', problem)
  const scope = options.optionalText('scope', null)
  if (scope !== null && !/^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/.test(scope))
    fault('scope', 'must be scopes separated by single spaces (RFC 6749 section 3.3)')
  return {
    tokenUrl,
    scope,
    parameters: readParameters(options.raw('parameters'), fault),
    expiresSeconds: options.integer('expiresSeconds', 300, { min: 1, max: 86_400 }),
  }
}

function readParameters(input: unknown, fault: ReportFault): TokenEndpointOptions['parameters'] {
  if (input === undefined) return []
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    fault('parameters', 'must be names with texts')
    return []
  }
  return Object.entries(input).map(([name, value]): readonly [string, string] => {
    if (ownParameters.has(name)) fault(`parameters.${name}`, 'is set by the scheme')
    if (typeof value !== 'string' || value === '')
      fault(`parameters.${name}`, 'must be a text that is not empty')
    return [name, String(value)]
  })
}

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** Why a token must not be fetched from there, or null. */
export function tokenUrlFault(text: string): string | null {
  const url = /^[\x21-\x7e]+$/.test(text) && !text.includes('\\') ? URL.parse(text) : null
  if (url === null) return 'must be a URL, such as https://login.acme.example/oauth/token'
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback.test(url.hostname)))
    return 'must begin with https:// (http:// only for localhost, 127.0.0.1, [::1])'
  if (url.username !== '' || url.password !== '' || /\/\/[^/?#]*@/.test(text))
    return 'must not hold a user or password; secrets live in bindings'
  return text.includes('#') ? 'must not have a fragment (#...)' : null
}

/** RFC 6749 appendix B. */
export function formBody(pairs: readonly (readonly [name: string, value: string])[]): string {
  return new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, value])).toString()
}

export const tokenRequestHeaders = [
  ['content-type', 'application/x-www-form-urlencoded'],
  ['accept', 'application/json'],
] as const

/** RFC 6749 section 5.1, bearer tokens only. Throws SecretFault; its message has nothing of the answer but a code. */
export function parseTokenAnswer(
  json: unknown,
  { expiresSeconds }: TokenEndpointOptions,
  now: number,
): Minted {
  const answer = (typeof json === 'object' && json !== null ? json : {}) as Readonly<Record<string, unknown>>
  const { access_token: token, token_type: type, expires_in: expires, error } = answer
  if (typeof error === 'string' && /^[a-z_]{1,40}$/.test(error))
    throw new SecretFault(`the token endpoint refused the credential: ${error}`)
  // RFC 6750 section 2.1: the form of a bearer token.
  if (typeof token !== 'string' || !/^[A-Za-z0-9._~+/-]+=*$/.test(token))
    throw new SecretFault('the token endpoint did not answer with an access_token')
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer')
    throw new SecretFault('the token endpoint did not answer with a bearer token')
  const seconds = expires === undefined ? expiresSeconds : Number(expires)
  if (!Number.isFinite(seconds) || seconds <= 0 || typeof expires === 'boolean' || expires === null)
    throw new SecretFault('the token endpoint answered with an expires_in that is not a positive number')
  return { token: new Secret(token), expiresAt: now + Math.min(seconds, 86_400) * 1000 }
}

export function bearerEdits({ token }: Minted): Edits {
  return {
    set: [['authorization', `Bearer ${token.reveal()}`]],
  }
}
