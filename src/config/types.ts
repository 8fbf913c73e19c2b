/**
 * What `countersign.config.ts` may hold, for editors and for `tsc`. Every field is explained in
 * docs/configuration.md; what the types cannot say, `config/parse.ts` checks.
 */
import type { TokenAlgorithm } from '../core/jwk.ts'
import type { KeyBindings, UpstreamDefinition } from '../upstreams/definition.ts'

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** The `keys` of each upstream: what grants are checked against. */
export type UpstreamKeys = Readonly<Record<string, KeyBindings>>

export interface Config<Keys extends UpstreamKeys = UpstreamKeys> {
  /** Our own origin: issuer and audience of our tokens. `https://edge.acme.example`, no trailing slash. */
  readonly url: string
  /** Who mints the tokens that are accepted, besides our own token service. */
  readonly issuers?: Readonly<Record<string, IssuerConfig>>
  readonly upstreams: { readonly [Name in keyof Keys]: UpstreamDefinition<Keys[Name]> }
  readonly teams: Readonly<Record<string, TeamConfig<NoInfer<Keys>>>>
  /** Browser clients of the token service, by client_id. */
  readonly clients?: Readonly<Record<string, ClientConfig>>
  /** The company's OpenID provider, where people sign in. */
  readonly signIn?: SignInConfig
  readonly usage?: {
    /** How often a team's totals are copied to KV. Default 15, 1 to 1440. */
    readonly rollupMinutes?: number
  }
}

export interface IssuerConfig {
  /** The exact `iss`. */
  readonly issuer: string
  /** The URL of its JWKS, or the public keys themselves. */
  readonly jwks: string | { readonly keys: readonly object[] }
  /** The only algorithms that its tokens may use. `EdDSA` and `Ed25519` are one. */
  readonly algorithms: readonly TokenAlgorithm[]
  /** The `aud` that its tokens must have. Default: our url. */
  readonly audience?: string
  /** Which team a token speaks for. */
  readonly team:
    | { readonly value: string }
    | { readonly claim: string; readonly map?: Readonly<Record<string, string>> }
  /** Where a token's scopes stand; 'granted': all that the team was granted. Default `{ claim: 'scope' }`. */
  readonly scopes?: 'granted' | { readonly claim: string }
  /** Claims that must equal these values. */
  readonly where?: Readonly<Record<string, string | number | boolean>>
  /** Accepted `typ`. Default `['at+jwt']`. */
  readonly typ?: readonly string[]
  /** The longest `exp - iat`. Default 900, at most 86400. */
  readonly maxLifetimeSeconds?: number
  /** How far the issuer's clock may be off. Default 5, at most 60. */
  readonly clockToleranceSeconds?: number
  /** Whether its tokens call directly, may be exchanged for ours, or both. Default `['call']`. */
  readonly use?: readonly ('call' | 'exchange')[]
  /** All of this issuer's tokens are ours: nobody else uses it. */
  readonly dedicated?: boolean
  /** The teams that it may speak for; needed by a plain `claim` when there are several issuers. */
  readonly teams?: readonly string[]
}

export interface TeamConfig<Keys extends UpstreamKeys = UpstreamKeys> {
  readonly grants?: { readonly [Name in keyof Keys]?: GrantConfig<keyof Keys[Name] & string> }
  readonly limits?: readonly LimitConfig<keyof Keys & string>[]
  /** Exact origins of web pages that may call: `https://shop.acme.example`. */
  readonly origins?: readonly string[]
}

export interface GrantConfig<KeyName extends string = string> {
  readonly keys: readonly KeyName[]
  /** Used without a `Countersign-Key` header; the only key is its own default. */
  readonly defaultKey?: KeyName
  readonly scopes: readonly string[]
}

export interface LimitConfig<UpstreamName extends string = string> {
  /** What 429 answers and admins call it; unique in its team. */
  readonly name: string
  readonly requests: number
  /** In which time `requests` refill. */
  readonly per: `${number}${'s' | 'm' | 'h' | 'd'}`
  /** How many pass at once. Default: `requests`. */
  readonly burst?: number
  /** Only calls to this upstream. */
  readonly upstream?: UpstreamName
  /** Only these methods; GET includes HEAD. */
  readonly methods?: readonly Method[]
  /** 'observe' counts what it would have refused. Default 'enforce'. */
  readonly mode?: 'enforce' | 'observe'
}

export interface ClientConfig {
  readonly redirectUris: readonly string[]
}

export interface SignInConfig {
  readonly issuer: string
  readonly clientId: string
  /** Name of a secret binding; none for a public client. */
  readonly clientSecret?: string
  readonly team: { readonly claim: string; readonly map?: Readonly<Record<string, string>> }
  readonly role?: {
    readonly claim: string
    readonly map: Readonly<Record<string, 'admin' | 'team-admin' | 'member'>>
  }
}
