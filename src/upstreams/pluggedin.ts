/**
 * Plugged.in, MCP servers and documents for agents. Bearer keys, `pk_live_`, `pk_test_`, `sk_live_`; a revoked
 * key is answered with 410.
 *
 * Keys: `pk_live_...`, `pk_test_...` or `sk_live_...`
 * Source: https://plugged.in
 */
import { entry } from './entry.ts'

export const pluggedin = entry({
  url: 'https://plugged.in',
  sign: { scheme: 'bearer' },
  routes: {
    'GET /api/servers': 'read:servers',
    'GET /api/servers/*': 'read:servers',
    'POST /api/servers': 'write:servers',
    'PUT|PATCH|DELETE /api/servers/*': 'write:servers',
    'GET /api/documents': 'read:documents',
    'GET /api/documents/*': 'read:documents',
    'POST /api/documents': 'write:documents',
    'PUT|PATCH|DELETE /api/documents/*': 'write:documents',
  },
  keyRefused: { status: 410 },
  probe: 'GET /api/servers',
  livePrefixes: ['pk_live_', 'sk_live_'],
})
