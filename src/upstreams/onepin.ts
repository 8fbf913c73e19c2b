/**
 * OnePin, workflows. Bearer keys that begin with `op_live_`; `GET /api/v1/auth/whoami` tells whose key it is and
 * changes nothing.
 */
import type { CatalogueOptions, KeyBindings, UpstreamDefinition } from './definition.ts'
import { refuseLiveInTest } from './slots.ts'

export const onepin = <const Keys extends KeyBindings>({
  keys,
  ...overrides
}: CatalogueOptions<Keys>): UpstreamDefinition<Keys> => ({
  url: 'https://api.onepin.ai',
  sign: { scheme: 'bearer' },
  keys,
  routes: {
    'GET /api/v1/auth/whoami': 'account:read',
    'GET /api/v1/workflows': 'workflows:read',
    'GET /api/v1/workflows/*': 'workflows:read',
    'POST /api/v1/workflows': 'workflows:write',
    'POST /api/v1/workflows/*/runs': 'workflows:write',
    'PUT|PATCH|DELETE /api/v1/workflows/*': 'workflows:write',
  },
  keyRefused: { status: 401 },
  probe: 'GET /api/v1/auth/whoami',
  refusedPrefixes: refuseLiveInTest(keys, ['op_live_']),
  ...overrides,
})
