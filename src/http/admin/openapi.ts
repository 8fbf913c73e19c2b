/**
 * `GET /openapi.json`: the description of the admin API (OpenAPI 3.1). Public, like the code. It is made by hand,
 * because libraries that make it weigh more than the whole Worker; a test compares it with the routes, and what the
 * Worker answers with the schemas.
 */
import { Hono } from 'hono/tiny'
import { type ProblemCode, problems } from '../../core/problems.ts'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import { type Operation, operations } from './openapi-operations.ts'
import { ref, type Schema, schemas, text } from './openapi-schemas.ts'

export function openapiRoutes(): OwnRoutes {
  return new Hono<OwnEnv>().get('/openapi.json', () =>
    Response.json(openapi(), {
      headers: {
        'cache-control': 'public, max-age=3600',
        'access-control-allow-origin': '*',
        'x-content-type-options': 'nosniff',
      },
    }),
  )
}

export function openapi(): Schema {
  const paths: Record<string, Record<string, Schema>> = {}
  for (const [key, operation] of Object.entries(operations())) {
    const [method = '', path = ''] = key.split(' ')
    paths[path] = { ...paths[path], [method.toLowerCase()]: describe(path, operation) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Countersign administration',
      version: '1',
      description:
        'Bearer: the admin key, or an access token for the audience <url>/api from POST /oauth/token. Roles decide which teams one sees; what one does not see does not exist.',
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: schemas(),
    },
  }
}

const anyCall: readonly ProblemCode[] = [
  'token_missing',
  'token_invalid',
  'token_expired',
  'token_revoked',
  'account_unavailable',
]

function responses({ answer, body, query, role, refusals = [] }: Operation): Schema {
  const codes = new Set<ProblemCode>([...anyCall, ...refusals])
  if (body !== undefined || query !== undefined) codes.add('request_invalid')
  if (body !== undefined) codes.add('body_too_large')
  if (body !== undefined || role !== 'member') codes.add('scope_insufficient')
  const byStatus = Map.groupBy(codes, (code) => problems[code].status)
  const problem = { 'application/problem+json': { schema: ref('Problem') } }
  const content = {
    ...(answer.schema && { 'application/json': { schema: answer.schema } }),
    ...(answer.csv && { 'text/csv': { schema: text('The rows.') } }),
  }
  return {
    [answer.status]: { description: 'Done', ...(Object.keys(content).length > 0 && { content }) },
    ...Object.fromEntries(
      [...byStatus].map(([status, found]) => [
        status,
        { description: found.sort().join(', '), content: problem },
      ]),
    ),
  }
}

function describe(path: string, operation: Operation): Schema {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: text(),
  }))
  const inQuery = Object.entries(operation.query ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    schema,
  }))
  const body = operation.body && {
    requestBody: { required: true, content: { 'application/json': { schema: ref(operation.body) } } },
  }
  return {
    summary: operation.summary,
    description: `Role: ${operation.role}.`,
    ...(inPath.length + inQuery.length > 0 && { parameters: [...inPath, ...inQuery] }),
    ...body,
    responses: responses(operation),
  }
}
