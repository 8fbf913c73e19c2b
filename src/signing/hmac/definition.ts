/**
 * A recipe of the `hmac` scheme as data: which parts make up the string that is signed, and where the
 * signature goes. A plain text in a list stands for itself.
 *
 *     {
 *       scheme: 'hmac', algorithm: 'sha256',
 *       string: [{ part: 'timestamp', as: 'seconds' }, { part: 'method' }, { part: 'path' },
 *                { part: 'query' }, { part: 'body', begins: 'json' }],
 *       signatureEncoding: 'base64',
 *       headers: { 'x-key': [{ part: 'key-id' }], 'x-sign': [{ part: 'signature' }],
 *                  'x-time': [{ part: 'timestamp', as: 'seconds' }] },
 *     }
 *
 * No two requests share a string: read from the left, each part must end where only the next can begin
 * (hmac/separation.ts). A recipe for which that cannot be is a configuration fault, and a request whose
 * content would blur it (a header with the separator in it) is refused.
 */

export type HmacAlgorithm = 'sha256' | 'sha384' | 'sha512' | 'sha1' | 'md5'
export type TextEncoding = 'hex' | 'upper-hex' | 'base64' | 'base64url'
/** seconds, millis: since 1970. iso: `2026-11-22T17:00:00.000Z`; iso-seconds: the same without the fraction. */
export type TimestampForm = 'seconds' | 'millis' | 'iso' | 'iso-seconds'

interface TimestampPart {
  readonly part: 'timestamp'
  readonly as: TimestampForm
}

interface NoncePart {
  /** 32 hexadecimal digits, fresh for each request and the same all over it. */
  readonly part: 'nonce'
}

interface KeyIdPart {
  readonly part: 'key-id'
}

interface BodyDigestPart {
  readonly part: 'body-digest'
  readonly algorithm: HmacAlgorithm
  readonly encoding: TextEncoding
}

/** A part of the string that is signed. */
export type StringPart =
  | string
  /** In upper case. */
  | { readonly part: 'method' }
  /** `https://host[:port]`. */
  | { readonly part: 'origin' }
  /** `host[:port]`. */
  | { readonly part: 'host' }
  /** As sent. 'percent': all but unreserved characters encoded once more, `/` included. */
  | { readonly part: 'path'; readonly encode?: 'percent' }
  /**
   * `order` 'sent' (default): byte for byte. 'sorted': by name, names and values decoded and encoded anew (RFC
   * 3986); a name that comes twice, or a `+`, is refused then. `mark`: with its `?`; default true for 'sent',
   * false for 'sorted'. What `query` of the recipe adds is covered.
   */
  | {
      readonly part: 'query'
      readonly order?: 'sent' | 'sorted'
      readonly mark?: boolean
      readonly encode?: 'percent'
    }
  /** The request must have it. With `ifSent` it may be missing; when it is there, that text stands before it. */
  | { readonly part: 'header'; readonly name: string; readonly ifSent?: string }
  | TimestampPart
  | NoncePart
  | KeyIdPart
  /** Its bytes. `begins` refuses other bodies, and so lets the body follow a query or a number. */
  | { readonly part: 'body'; readonly begins?: 'json' | 'form' }
  | BodyDigestPart
  /** For recipes that do not cover a body: a request that has one is refused. */
  | { readonly part: 'no-body' }
  /** A field of an `application/x-www-form-urlencoded` body, decoded: letters, digits and `-._~` only. */
  | { readonly part: 'form-field'; readonly name: string }
  /** A digest over parts, by the same rules. */
  | {
      readonly part: 'digest'
      readonly algorithm: HmacAlgorithm
      readonly encoding: TextEncoding | 'raw'
      readonly of: readonly StringPart[]
    }

/** A part of a header or query value that the recipe sets. */
export type PlacedPart =
  | string
  | { readonly part: 'signature' }
  /** The third part of `id:secret:passphrase`. */
  | { readonly part: 'passphrase' }
  | TimestampPart
  | NoncePart
  | KeyIdPart
  | BodyDigestPart

export interface HmacDefinition {
  readonly scheme: 'hmac'
  /** Of the recipe language. Default 1. */
  readonly version?: 1
  /** sha1 and md5 only where an old API insists on them. */
  readonly algorithm: HmacAlgorithm
  /** What the secret binding holds. Default 'id:secret'. */
  readonly secret?: 'secret' | 'id:secret' | 'id:secret:passphrase'
  /** How the bytes of the key are made of the secret's text. Default 'utf8'. */
  readonly keyEncoding?: 'utf8' | 'hex' | 'base64' | 'base64url'
  /** Stands behind the secret in the key, such as Alibaba's `&`; 'utf8' only. */
  readonly keySuffix?: string
  readonly string: readonly StringPart[]
  /** Default 'hex'. */
  readonly signatureEncoding?: TextEncoding
  /** Headers that are set. */
  readonly headers?: Readonly<Record<string, readonly PlacedPart[]>>
  /** Query parameters that are added, those with the signature last; the others are covered by a `query` part. */
  readonly query?: Readonly<Record<string, readonly PlacedPart[]>>
}
