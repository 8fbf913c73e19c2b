/**
 * The configuration after it was parsed: names resolved, defaults filled in, everything looked up by Map.
 * What stands here is trusted; `config/parse.ts` is the only place that makes it.
 */
import type { BoundScheme } from '../signing/scheme.ts'
import type { RouteTable } from './route.ts'
import type { Scopes } from './scope.ts'

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface Configuration {
  /** Our own origin, without a trailing slash: issuer of our tokens, audience of calls. */
  readonly url: string
  /** `host[:port]` of `url`: what this deployment calls itself in `CDN-Loop`. */
  readonly host: string
  /** By the `iss` claim. Our own token service is one of them (`own`). */
  readonly issuers: ReadonlyMap<string, Issuer>
  readonly upstreams: ReadonlyMap<string, Upstream>
  readonly teams: Teams
  /** The origins of all teams: what a preflight, which carries no token, is answered from. */
  readonly origins: ReadonlySet<string>
  readonly clients: ReadonlyMap<string, Client>
  readonly signIn: SignIn | null
  readonly usage: { readonly rollupMinutes: number }
}

/** By name. A team is made ready when it is first asked for, so nobody goes through them all. */
export type Teams = Pick<ReadonlyMap<string, Team>, 'get' | 'has' | 'keys'>

export interface Issuer {
  /** Its name in the configuration; our own is called `countersign`. Part of every subject in the books. */
  readonly name: string
  /** The exact `iss`. */
  readonly issuer: string
  /** Where its keys come from; `own`: the public halves of COUNTERSIGN_SIGNING_KEY. */
  readonly keys:
    | { readonly kind: 'url'; readonly url: string }
    | { readonly kind: 'inline'; readonly keys: readonly PublicJwk[] }
    | { readonly kind: 'own' }
  /** JWS names; `Ed25519` and `EdDSA` are stored as both. */
  readonly algorithms: ReadonlySet<string>
  readonly audience: string
  readonly typ: ReadonlySet<string>
  readonly team: TeamRule
  readonly scopes: { readonly kind: 'granted' } | { readonly kind: 'claim'; readonly claim: string }
  /** Claims that must be exactly these. */
  readonly where: readonly (readonly [claim: string, value: string | number | boolean])[]
  readonly maxLifetimeSeconds: number
  readonly clockToleranceSeconds: number
  readonly use: ReadonlySet<'call' | 'exchange'>
}

/** A public key as RFC 7517 writes it; private members are never kept. */
export type PublicJwk = Readonly<Record<string, unknown>> & { readonly kty: string }

export type TeamRule =
  | { readonly kind: 'value'; readonly value: string }
  /** `teams`: whom this issuer may speak for; null: any team. */
  | { readonly kind: 'claim'; readonly claim: string; readonly teams: ReadonlySet<string> | null }
  | { readonly kind: 'map'; readonly claim: string; readonly map: ReadonlyMap<string, string> }

export interface Upstream {
  readonly name: string
  /** `https://host[:port]`, as `URL.origin` writes it. */
  readonly origin: string
  /** `host[:port]`, as the Host header has it. */
  readonly host: string
  /** Path of the base URL, without a trailing slash; `''` for a bare origin. */
  readonly basePath: string
  /** What the upstream's name alone leads to: the path of the base URL as it is written. */
  readonly barePath: string
  readonly scheme: BoundScheme
  readonly keys: ReadonlyMap<string, Key>
  readonly routes: RouteTable
  readonly headers: {
    /** Lower case, beyond the general allow-list. */
    readonly allow: ReadonlySet<string>
    readonly set: readonly (readonly [name: string, value: string])[]
  }
  readonly timeoutMs: number
  readonly uploadTimeoutMs: number
  readonly maxBodyBytes: number
  readonly maxBufferedBytes: number
  readonly encodedPath: 'refuse' | 'allow'
  readonly keyRefused: { readonly status: number; readonly codes: readonly string[] } | null
  /** A harmless call that tells whether a key works, as `METHOD /path`; from the catalogue. */
  readonly probe: string | null
  readonly disabled: boolean
}

export interface Key {
  readonly upstream: string
  readonly name: string
  /** Names of secret bindings, the active version first. */
  readonly versions: readonly [string, ...string[]]
  /** A secret that begins so does not belong into this slot (a live key in `test`), with what to say of it. */
  readonly refusedPrefixes: readonly string[]
}

export interface Team {
  readonly name: string
  readonly grants: ReadonlyMap<string, Grant>
  readonly limits: readonly Limit[]
  readonly origins: ReadonlySet<string>
}

export interface Grant {
  readonly upstream: Upstream
  readonly keys: ReadonlyMap<string, Key>
  readonly defaultKey: Key | null
  readonly scopes: Scopes
}

/** A token bucket: `burst` units, refilled at `requests` per `perMillis`. */
export interface Limit {
  readonly name: string
  readonly requests: number
  readonly perMillis: number
  /** `per` as it was written (`1h`), for people. */
  readonly per: string
  readonly burst: number
  /** null: any. */
  readonly upstream: string | null
  readonly methods: ReadonlySet<string> | null
  readonly mode: 'enforce' | 'observe'
}

export interface Client {
  readonly id: string
  readonly redirectUris: readonly string[]
}

export interface SignIn {
  readonly issuer: string
  readonly clientId: string
  /** Name of a secret binding; null for a public client. */
  readonly clientSecret: string | null
  readonly team: { readonly claim: string; readonly map: ReadonlyMap<string, string> | null }
  readonly role: { readonly claim: string; readonly map: ReadonlyMap<string, Role> }
}

export type Role = 'admin' | 'team-admin' | 'member'
