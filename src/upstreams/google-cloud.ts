/**
 * Google Cloud, any of its APIs: a bearer token for a service account, fetched at oauth2.googleapis.com and
 * used for its hour. The address differs by API (`https://storage.googleapis.com`), so the configuration
 * names it; a narrower `scope` than cloud-platform is an override of `sign`.
 *
 * Keys: the service account's key file, JSON as Google hands it out
 * Source: https://developers.google.com/identity/protocols/oauth2/service-account
 */
import { entryWithoutUrl } from './entry.ts'

export const googleCloud = entryWithoutUrl({
  sign: {
    scheme: 'oauth-jwt-bearer',
    tokenUrl: 'https://oauth2.googleapis.com/token',
    scope: 'https://www.googleapis.com/auth/cloud-platform',
    scopeClaim: true,
    subject: 'none',
    lifetimeSeconds: 3600,
  },
  routes: { 'GET /**': 'api:read', 'POST|PUT|PATCH|DELETE /**': 'api:write' },
  keyRefused: { status: 401 },
})
