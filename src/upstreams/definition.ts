/**
 * An upstream as plain data: what a catalogue function returns, and what an upstream written by hand in the
 * configuration looks like. `config/` parses either strictly; nothing here is trusted before that.
 */
import type { SignDefinition } from '../signing/definition.ts'

/** Names of secret bindings, by key; several are versions, the active one first. */
export type KeyBindings = Readonly<Record<string, string | readonly string[]>>

export interface UpstreamDefinition<Keys extends KeyBindings = KeyBindings> {
  /** Base URL: https, or http on a loopback host. */
  readonly url: string
  readonly sign: SignDefinition
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
  /**
   * What no part of a key's secret may begin with (`beginsWithRefused` of signing/secret.ts decides it): a
   * live key's prefixes, for a slot that is named after testing.
   */
  readonly refusedPrefixes?: { readonly [Name in keyof NoInfer<Keys>]?: readonly string[] }
  /** A harmless call that tells whether a key works: `GET /v1/whoami`. */
  readonly probe?: string
  /** Answers 404, as if it were not there. */
  readonly disabled?: boolean
}

/** What a catalogue function takes: keys, and any field that the catalogue's own should give way to. */
export type CatalogueOptions<Keys extends KeyBindings> = Pick<UpstreamDefinition<Keys>, 'keys'> &
  Partial<Omit<UpstreamDefinition<Keys>, 'keys'>>
