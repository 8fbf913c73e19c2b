/** A small Plexicus: personal API tokens as bearer, 401 for an unknown, expired or revoked one, 403 for a missing right. */
import { type BearerKey, type BearerRoute, bearerDecider } from './bearer.ts'
import type { Api } from './listen.ts'

const repositories = [{ id: 'repo_1', name: 'shop', active: true, priority: 'high' }]
const scans = [{ id: 'scan_1', repositoryId: 'repo_1', status: 'completed' }]
const findings = [{ id: 'find_1', repositoryId: 'repo_1', severity: 'medium', status: 'open' }]

const routes: readonly BearerRoute[] = [
  { route: 'GET /repositories', scope: 'read', answer: () => ({ status: 200, data: repositories }) },
  { route: 'GET /repositories/*', scope: 'read', answer: () => ({ status: 200, data: repositories[0] }) },
  { route: 'GET /findings', scope: 'read', answer: () => ({ status: 200, data: findings }) },
  { route: 'GET /findings/*', scope: 'read', answer: () => ({ status: 200, data: findings[0] }) },
  { route: 'GET /scans', scope: 'read', answer: () => ({ status: 200, data: scans }) },
  { route: 'GET /scans/*', scope: 'read', answer: () => ({ status: 200, data: scans[0] }) },
  { route: 'POST /scans', scope: 'write', answer: () => ({ status: 202, data: scans[0] }) },
  { route: 'PATCH /findings/*', scope: 'write', answer: () => ({ status: 200, data: findings[0] }) },
]

export function plexicusApi(keys: readonly BearerKey[]): Api {
  const decide = bearerDecider(keys, routes)
  return (request) => {
    const outcome = decide(request)
    if (!('key' in outcome)) {
      const code = `token_${outcome.kind}`
      return {
        status: 401,
        body: { detail: 'Could not validate credentials' },
        verdict: { accepted: false, code },
      }
    }
    const verdict = { accepted: true, key: outcome.key.name, signed: null } as const
    switch (outcome.kind) {
      case 'answer':
        return { status: outcome.status, body: outcome.data, verdict }
      case 'forbidden':
        return { status: 403, body: { detail: `Not enough permissions: ${outcome.scope}` }, verdict }
      case 'limited': {
        const headers = { 'retry-after': String(outcome.retryAfterSeconds) }
        return { status: 429, headers, body: { detail: 'Too many requests' }, verdict }
      }
      case 'not-found':
        return { status: 404, body: { detail: 'Not Found' }, verdict }
    }
  }
}
