import type { Deps } from './deps.ts'

/** One fault of the configuration: where, and what to do about it. */
export interface ConfigurationFault {
  /** Such as `teams.checkout.limits[0].per`; the name of a binding for what stands in the environment. */
  readonly path: string
  readonly message: string
}

/**
 * What a deployment is able to do: everything, or, while its configuration has a fault, nothing but to say so.
 * A fault of one upstream's secret is not among these: it disables one key.
 */
export type Site =
  /** `complete`: no binding of the platform is missing; without one, what needs it is refused, and all else goes on. */
  | { readonly kind: 'ready'; readonly deps: Deps; readonly complete: boolean }
  | { readonly kind: 'faulty'; readonly faults: readonly ConfigurationFault[] }
