/**
 * Scopes. In a grant: `<scope>`. In a token: `<upstream>:<scope>` or `<upstream>@<key>:<scope>` (confined to
 * one key). A last part `*` matches the rest; elsewhere `*` is a letter like any other.
 */

/** Scopes of a grant, or of a token for one upstream (and key), ready for lookups by exact text and by prefix. */
export interface Scopes {
  readonly exact: ReadonlySet<string>
  /** What stands before the `*`, with its colon: `customer:` for `customer:*`; `''` for `*` alone. */
  readonly prefixes: readonly string[]
}
