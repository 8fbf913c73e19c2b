import type { Deps } from './deps.ts'

/**
 * What a deployment is able to do: everything, or, while its configuration has a fault, nothing but to say so. Which
 * fault stands in the log alone. A fault of one upstream's secret is not among these: it disables one key.
 */
export type Site =
  | {
      readonly kind: 'ready'
      readonly deps: Deps
      /** No binding of the platform is missing; without one, what needs it is refused, and all else goes on. */
      readonly complete: boolean
    }
  | { readonly kind: 'faulty' }
