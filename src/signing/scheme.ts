/**
 * What a signing scheme is: a pure function from (request, options, secret, time, nonce) to edits, in one
 * file, with every intermediate string of its specification open to inspection as a stage.
 */
import { folded } from '../core/headers.ts'
import type { Secret } from '../core/redact.ts'

/** The request as it will be sent, before the scheme's own edits. */
export interface SignRequest {
  readonly method: string
  /** `https://host[:port]` of the upstream. */
  readonly origin: string
  /** `host[:port]`, as the Host header will have it. */
  readonly host: string
  /** Path as sent, base path included: percent-encoded, never normalised again. */
  readonly path: string
  /** Query as sent, with its `?`; `''` when there is none (a bare `?` is `'?'`). */
  readonly query: string
  /** Value of a header that will be sent, names in lower case; null when it is not. */
  header(name: string): string | null
  /** Names of all headers that will be sent, in lower case: for schemes that must cover a family (`x-amz-*`). */
  headerNames(): readonly string[]
  readonly body: SignableBody
}

/**
 * What a scheme gets to see of the body, as it asked for (`BodyNeed`). `sha256` is of the bytes that are sent;
 * a caller's Content-Digest stands in for them when the body streams through unread.
 */
export type SignableBody =
  | { readonly kind: 'empty' }
  | { readonly kind: 'unread' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'sha256'; readonly sha256: Uint8Array<ArrayBuffer> }

/** none: the scheme does not cover it; sha256: a digest is enough, so a given one lets it stream; bytes: all of it. */
export type BodyNeed = 'none' | 'sha256' | 'bytes'

/** What they need together. */
export function widestNeed(parts: readonly { readonly bodyNeed: BodyNeed }[]): BodyNeed {
  const needs = new Set(parts.map(({ bodyNeed }) => bodyNeed))
  return needs.has('bytes') ? 'bytes' : needs.has('sha256') ? 'sha256' : 'none'
}

/** Changes to the request. `set` replaces what is there; `query` is appended, names and values already encoded. */
export interface Edits {
  readonly set: readonly (readonly [name: string, value: string])[]
  readonly query?: readonly (readonly [name: string, value: string])[]
}

/** One intermediate result, in the specification's words: what vectors assert and `explain` prints. */
export interface Stage {
  readonly name: string
  readonly text: string
}

/** Time in milliseconds since 1970 and a source of unguessable text, as arguments: schemes have neither. */
export interface Moment {
  readonly now: number
  /** 128 bits or more, `[0-9a-f]`, fresh at every call. */
  readonly nonce: () => string
}

/** Collects the faults of a scheme's options; `path` is relative to `sign`. */
export type ReportFault = (path: string, message: string) => void

/** Thrown by `parseSecret`: the form of a secret is wrong. The message names the form, never the secret. */
export class SecretFault extends Error {
  override readonly name = 'SecretFault'
}

interface SchemeCommon<Options, Parsed> {
  /** Reports every fault (unknown fields too); what it returns then is not used. */
  readonly parseOptions: (input: Readonly<Record<string, unknown>>, fault: ReportFault) => Options
  readonly parseSecret: (secret: string, options: Options) => Parsed
  /** Header names in lower case that the scheme sets: no caller's value of these survives. */
  readonly owns: (options: Options) => readonly string[]
  /** Headers that choose for whom the key acts and that no signature covers: configuration may set them, a caller never. */
  readonly selectors?: readonly string[]
  /** `contentType` is the caller's, null without one. */
  readonly bodyNeed: (options: Options, contentType: string | null) => BodyNeed
}

export interface SignScheme<Options, Parsed, Prepared> extends SchemeCommon<Options, Parsed> {
  readonly kind: 'sign'
  /** Imports CryptoKeys, once for each version of a key. */
  readonly prepare: (secret: Parsed, options: Options) => Prepared | Promise<Prepared>
  /** Every string on the way to the signature, without the secret and without the signature. */
  readonly stages: (
    request: SignRequest,
    options: Options,
    prepared: Prepared,
    moment: Moment,
  ) => readonly Stage[] | Promise<readonly Stage[]>
  readonly sign: (
    request: SignRequest,
    options: Options,
    prepared: Prepared,
    moment: Moment,
  ) => Edits | Promise<Edits>
  /**
   * The texts of the secret that `sign` puts on the wire, so that an answer's header which repeats one is
   * dropped. Empty where the secret itself never leaves (HMAC, public-key signatures).
   */
  readonly sends: (secret: Parsed, options: Options) => readonly string[]
}

/** A credential that is fetched from a token URL with the secret, and then used until it expires. */
export interface MintScheme<Options, Parsed> extends SchemeCommon<Options, Parsed> {
  readonly kind: 'mint'
  readonly mintRequest: (
    secret: Parsed,
    options: Options,
    moment: Moment,
  ) => MintRequest | Promise<MintRequest>
  /** `json` is the parsed answer of the token URL; throws SecretFault when it is not a grant. */
  readonly parseMint: (json: unknown, options: Options, now: number) => Minted
  readonly thenSign: (request: SignRequest, options: Options, minted: Minted) => Edits
}

export interface MintRequest {
  readonly url: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

export interface Minted {
  readonly token: Secret
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

/** A row of the table with its options fixed and its types closed over: what the configuration holds. */
export interface BoundScheme {
  readonly name: string
  /** Dots folded. */
  readonly owns: ReadonlySet<string>
  readonly selectors: ReadonlySet<string>
  readonly bodyNeed: (contentType: string | null) => BodyNeed
  /** Parses and prepares one version of a key; throws SecretFault. */
  readonly open: (secret: string) => Promise<OpenKey>
}

/** One version of a key, ready to sign. */
export type OpenKey =
  | {
      readonly kind: 'sign'
      readonly sign: (request: SignRequest, moment: Moment) => Edits | Promise<Edits>
      readonly stages: (request: SignRequest, moment: Moment) => readonly Stage[] | Promise<readonly Stage[]>
      readonly sends: readonly string[]
    }
  | {
      readonly kind: 'mint'
      readonly mintRequest: (moment: Moment) => MintRequest | Promise<MintRequest>
      readonly parseMint: (json: unknown, now: number) => Minted
      readonly thenSign: (request: SignRequest, minted: Minted) => Edits
    }

/** Fixes the options of a scheme; the generic types end here. */
export function bindScheme<Options, Parsed, Prepared>(
  name: string,
  scheme: SignScheme<Options, Parsed, Prepared> | MintScheme<Options, Parsed>,
  options: Options,
): BoundScheme {
  return {
    name,
    owns: new Set(scheme.owns(options).map(folded)),
    selectors: new Set(scheme.selectors),
    bodyNeed: (contentType) => scheme.bodyNeed(options, contentType),
    open: async (text) => {
      const secret = scheme.parseSecret(text, options)
      if (scheme.kind === 'mint') {
        return {
          kind: 'mint',
          mintRequest: (moment) => scheme.mintRequest(secret, options, moment),
          parseMint: (json, now) => scheme.parseMint(json, options, now),
          thenSign: (request, minted) => scheme.thenSign(request, options, minted),
        }
      }
      const prepared = await scheme.prepare(secret, options)
      return {
        kind: 'sign',
        sign: (request, moment) => scheme.sign(request, options, prepared, moment),
        stages: (request, moment) => scheme.stages(request, options, prepared, moment),
        sends: scheme.sends(secret, options),
      }
    },
  }
}
