/**
 * A small OnePin: `op_live_` keys as bearer, each bound to one workspace and to scopes; `whoami` tells what a key
 * may do, and is what a probe calls.
 */
import { type BearerKey, type BearerRoute, bearerDecider } from './bearer.ts'
import type { Api } from './listen.ts'

const workspaceId = '00000000-0000-4000-8000-00000000c0de'
const workflows = [{ id: 'wf_1', name: 'Weekly voice memo', status: 'published' }]
const voices = [{ id: 'voice_1', name: 'Wren', language: 'en' }]

const routes: readonly BearerRoute[] = [
  {
    route: 'GET /api/v1/auth/whoami',
    scope: null,
    answer: (_request, key) => ({
      status: 200,
      data: { workspace_id: workspaceId, key_name: key.name, scopes: key.scopes },
    }),
  },
  {
    route: 'GET /api/v1/workflows',
    scope: 'workflows:read',
    answer: () => ({ status: 200, data: workflows }),
  },
  {
    route: 'GET /api/v1/workflows/*',
    scope: 'workflows:read',
    answer: () => ({ status: 200, data: workflows[0] }),
  },
  {
    route: 'POST /api/v1/workflows',
    scope: 'workflows:write',
    answer: () => ({ status: 201, data: workflows[0] }),
  },
  {
    route: 'POST /api/v1/workflows/*/runs',
    scope: 'workflows:write',
    answer: () => ({ status: 202, data: { id: 'run_1', status: 'queued' } }),
  },
  { route: 'GET /api/v1/voices', scope: 'voices:read', answer: () => ({ status: 200, data: voices }) },
]

export function onepinApi(keys: readonly BearerKey[]): Api {
  const decide = bearerDecider(
    keys.filter((key) => key.token.startsWith('op_live_')),
    routes,
  )
  return (request) => {
    const outcome = decide(request)
    const meta = { timestamp: new Date(request.receivedAt).toISOString() }
    const failure = (code: string, message: string) => ({ error: { code, message }, meta })
    if (!('key' in outcome)) {
      const body = failure('unauthorized', 'Invalid or revoked API key')
      return { status: 401, body, verdict: { accepted: false, code: outcome.kind } }
    }
    const verdict = { accepted: true, key: outcome.key.name, signed: null } as const
    switch (outcome.kind) {
      case 'answer':
        return { status: outcome.status, body: { data: outcome.data, meta }, verdict }
      case 'forbidden':
        return { status: 403, body: failure('forbidden', `The key lacks ${outcome.scope}`), verdict }
      case 'limited': {
        const headers = { 'retry-after': String(outcome.retryAfterSeconds) }
        return { status: 429, headers, body: failure('rate_limited', 'Too many requests'), verdict }
      }
      case 'not-found':
        return { status: 404, body: failure('not_found', 'There is nothing at this path'), verdict }
    }
  }
}
