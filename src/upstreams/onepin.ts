/**
 * OnePin, workflows. Bearer keys that begin with `op_live_`; `GET /api/v1/auth/whoami` tells whose key it is and
 * changes nothing.
 *
 * Keys: `op_live_...`
 * Source: https://api.onepin.ai
 */
import { entry } from './entry.ts'

export const onepin = entry({
  url: 'https://api.onepin.ai',
  sign: { scheme: 'bearer' },
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
  livePrefixes: ['op_live_'],
})
