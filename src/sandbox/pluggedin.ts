/**
 * A small Plugged.in: bearer keys with scopes, 401 for a key that nobody knows, 403 for a missing scope, 410 for
 * a revoked key, 429 with Retry-After beyond a key's requests per minute.
 */
import { type BearerKey, type BearerRoute, bearerDecider } from './bearer.ts'
import type { Api, Reply } from './listen.ts'

const servers = [
  { id: 'srv_1', name: 'calendar', type: 'STDIO', status: 'ACTIVE' },
  { id: 'srv_2', name: 'search', type: 'STREAMABLE_HTTP', status: 'ACTIVE' },
]
const documents = [{ id: 'doc_1', title: 'Runbook', visibility: 'workspace' }]

const routes: readonly BearerRoute[] = [
  { route: 'GET /api/servers', scope: 'read:servers', answer: () => ({ status: 200, data: { servers } }) },
  { route: 'GET /api/servers/*', scope: 'read:servers', answer: () => ({ status: 200, data: servers[0] }) },
  { route: 'POST /api/servers', scope: 'write:servers', answer: () => ({ status: 201, data: servers[0] }) },
  { route: 'PUT /api/servers/*', scope: 'write:servers', answer: () => ({ status: 200, data: servers[0] }) },
  {
    route: 'DELETE /api/servers/*',
    scope: 'delete:servers',
    answer: () => ({ status: 200, data: { deleted: true } }),
  },
  {
    route: 'GET /api/documents',
    scope: 'read:documents',
    answer: () => ({ status: 200, data: { documents } }),
  },
  {
    route: 'GET /api/documents/*',
    scope: 'read:documents',
    answer: () => ({ status: 200, data: documents[0] }),
  },
  {
    route: 'POST /api/documents',
    scope: 'write:documents',
    answer: (request) => ({ status: 201, data: { id: 'doc_2', sha256: request.bodySha256 } }),
  },
  {
    route: 'POST /api/rag/query',
    scope: 'read:documents',
    answer: () => ({
      status: 200,
      data: { answer: 'The runbook says: read the log line first.', sources: ['doc_1'] },
    }),
  },
]

export function pluggedinApi(keys: readonly BearerKey[]): Api {
  const decide = bearerDecider(keys, routes)
  return (request) => {
    const outcome = decide(request)
    switch (outcome.kind) {
      case 'unauthorized':
      case 'expired':
        return refusal(401, 'INVALID_API_KEY', 'The API key is missing or unknown.')
      case 'revoked':
        return refusal(410, 'API_KEY_REVOKED', 'The API key was revoked. Create a new one.')
      case 'forbidden':
        return {
          ...failure(403, 'INSUFFICIENT_SCOPE', `The key lacks ${outcome.scope}.`),
          ...accepted(outcome.key),
        }
      case 'limited': {
        const headers = { 'retry-after': String(outcome.retryAfterSeconds) }
        return { ...failure(429, 'RATE_LIMITED', 'Too many requests.'), headers, ...accepted(outcome.key) }
      }
      case 'not-found':
        return { ...failure(404, 'NOT_FOUND', 'There is nothing at this path.'), ...accepted(outcome.key) }
      case 'answer':
        return { status: outcome.status, body: outcome.data, ...accepted(outcome.key) }
    }
  }
}

function accepted(key: BearerKey): Pick<Reply, 'verdict'> {
  return {
    verdict: { accepted: true, key: key.name, signed: null },
  }
}

function failure(status: number, code: string, error: string): Pick<Reply, 'status' | 'body'> {
  return {
    status,
    body: { error, code },
  }
}

function refusal(status: number, code: string, error: string): Reply {
  return {
    ...failure(status, code, error),
    verdict: { accepted: false, code },
  }
}
