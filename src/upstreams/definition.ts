/**
 * An upstream as plain data: what a catalogue function returns, and what an upstream written by hand in the
 * configuration looks like. `config/` parses either strictly; nothing here is trusted before that.
 */
import type { SignDefinition } from '../signing/definition.ts'

export interface UpstreamDefinition<KeyName extends string = string> {
  /** Base URL: https, or http on a loopback host. */
  readonly url: string
  readonly sign: SignDefinition
  /** Names of secret bindings, by key; several are versions, the active one first. */
  readonly keys: Readonly<Record<KeyName, string | readonly string[]>>
  /** `'GET /orders/*': 'order:read'`; what no route names is refused. */
  readonly routes: Readonly<Record<string, string>>
  readonly headers?: {
    readonly allow?: readonly string[]
    readonly set?: Readonly<Record<string, string>>
  }
  readonly timeoutMs?: number
  readonly uploadTimeoutMs?: number
  readonly maxBodyBytes?: number
  readonly maxBufferedBytes?: number
  readonly encodedPath?: 'refuse' | 'allow'
  /** Which answer says that the key itself is unknown or revoked. */
  readonly keyRefused?: { readonly status?: number; readonly codes?: readonly string[] }
  /**
   * What no part of a key's secret may begin with (`beginsWithRefused` of signing/secret.ts decides it): a
   * live key's prefixes, for a slot that is named after testing.
   */
  readonly refusedPrefixes?: Readonly<Partial<Record<NoInfer<KeyName>, readonly string[]>>>
  /** A harmless call that tells whether a key works: `GET /v1/whoami`. */
  readonly probe?: string
  readonly disabled?: boolean
}

/** What a catalogue function takes: keys, and any field that the catalogue's own should give way to. */
export type CatalogueOptions<KeyName extends string> = Pick<UpstreamDefinition<KeyName>, 'keys'> &
  Partial<Omit<UpstreamDefinition<KeyName>, 'keys'>>
