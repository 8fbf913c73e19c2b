import type { Permit } from './permit.ts'

export declare const admitted: unique symbol

/** That the account has let a permitted call pass. Only an account makes one; credentials are opened for nothing less. */
export interface Admitted {
  readonly [admitted]: true
  readonly permit: Permit
}
