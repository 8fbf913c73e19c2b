/**
 * Plexicus, application security. A personal API token as bearer, which expires after 30 or 90 days or never.
 * Plexicus publishes no base URL, so the configuration names it.
 *
 * Keys: a personal API token
 * Source: its own dashboard, where tokens are made
 */
import { entryWithoutUrl } from './entry.ts'

export const plexicus = entryWithoutUrl({
  sign: { scheme: 'bearer' },
  routes: {
    'GET /repositories': 'repository:read',
    'GET /repositories/*': 'repository:read',
    'POST /repositories': 'repository:write',
    'PUT|PATCH|DELETE /repositories/*': 'repository:write',
    'GET /findings': 'finding:read',
    'GET /findings/*': 'finding:read',
    'PUT|PATCH /findings/*': 'finding:write',
    'GET /scans': 'scan:read',
    'GET /scans/*': 'scan:read',
    'POST /scans': 'scan:write',
  },
  keyRefused: { status: 401 },
})
