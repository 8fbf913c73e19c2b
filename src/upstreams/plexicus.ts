/**
 * Plexicus, application security. A personal API token as bearer, which expires after 30 or 90 days or never.
 * Plexicus publishes no base URL, so the configuration names it.
 */
import type { CatalogueOptions, KeyBindings, UpstreamDefinition } from './definition.ts'

type PlexicusOptions<Keys extends KeyBindings> = CatalogueOptions<Keys> & { readonly url: string }

export const plexicus = <const Keys extends KeyBindings>({
  keys,
  ...overrides
}: PlexicusOptions<Keys>): UpstreamDefinition<Keys> => ({
  sign: { scheme: 'bearer' },
  keys,
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
  ...overrides,
})
