/**
 * What `countersign.config.ts` may hold, for editors and for `tsc`. Every field is explained in
 * docs/configuration.md; what the types cannot say, `config/parse.ts` checks.
 */
import type { TokenAlgorithm } from '../core/jwk.ts'
import type { SignDefinition } from '../signing/definition.ts'

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Names of secret bindings, by key; several are versions, the active one first. */
export type KeyBindings = Readonly<Record<string, string | readonly string[]>>

/** The `keys` of each upstream: what grants are checked against. */
export type UpstreamKeys = Readonly<Record<string, KeyBindings>>

export interface Config<Keys extends UpstreamKeys = UpstreamKeys> {
  /** Our own origin: issuer and audience of our tokens. `https://edge.acme.example`, no trailing slash. */
  readonly url: string
  /** Who mints the tokens that are accepted, besides our own token service. */
  readonly issuers?: Readonly<Record<string, IssuerConfig>>
  readonly upstreams: { readonly [Name in keyof Keys]: UpstreamConfig<Keys[Name]> }
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

/** How requests are signed. `hmac` and the OAuth schemes document their own options. */
export type SignConfig =
  | SignDefinition
  | {
      readonly scheme: 'aws-sigv4'
      readonly service: string
      readonly region: string
      readonly placement?: 'header' | 'query'
      readonly payload?: 'signed' | 'unsigned'
    }
  | {
      readonly scheme: 'http-signatures'
      /** A name of RFC 9421 section 6.2.2, such as `ed25519` or `hmac-sha256`. */
      readonly algorithm: string
      readonly components: readonly string[]
      readonly label?: string
      readonly expiresSeconds?: number
      readonly tag?: string
    }
  | { readonly scheme: 'standard-webhooks' }
  | ({ readonly scheme: `oauth-${string}` } & Readonly<Record<string, unknown>>)

export interface UpstreamConfig<Keys extends KeyBindings = KeyBindings> {
  /** The base URL: https, or http on a loopback host. */
  readonly url: string
  readonly sign: SignConfig
  /** Names of secret bindings, by key; several are versions, the active one first. */
  readonly keys: Keys
  /** `'GET /orders/*': 'order:read'`; what no route names is refused. */
  readonly routes: Readonly<Record<string, string>>
  readonly headers?: {
    /** Request headers that pass beyond the general ones. */
    readonly allow?: readonly string[]
    /** Request headers that are always sent, whatever the caller sends. Never a secret. */
    readonly set?: Readonly<Record<string, string>>
  }
  /** To the first byte of the answer, for empty and buffered bodies. Default 30000, at most 600000. */
  readonly timeoutMs?: number
  /** The same for streamed bodies. Default 300000, at most 600000. */
  readonly uploadTimeoutMs?: number
  /** Default 104857600 (100 MiB). */
  readonly maxBodyBytes?: number
  /** Where the scheme signs the body itself. Default 1048576 (1 MiB), at most 16777216. */
  readonly maxBufferedBytes?: number
  /** Whether paths with encoded slashes, dots and letters are forwarded. Default 'refuse'. */
  readonly encodedPath?: 'refuse' | 'allow'
  /** Which answer says that the key itself is unknown or revoked, so that the next version is tried. */
  readonly keyRefused?: { readonly status?: number; readonly codes?: readonly string[] }
  /** What the secret of a key must not begin with, such as a live key's prefix in a `test` slot. */
  readonly refusedPrefixes?: { readonly [Name in keyof NoInfer<Keys>]?: readonly string[] }
  /** A harmless call that tells whether a key works: `GET /v1/whoami`. */
  readonly probe?: string
  /** Answers 404, as if it were not there. */
  readonly disabled?: boolean
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
