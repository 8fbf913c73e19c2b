import type { Role } from './configuration.ts'

/** From the least to the one that may most. */
export const roles: readonly Role[] = ['member', 'team-admin', 'admin']
