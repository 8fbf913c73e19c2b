/**
 * `GET /openapi.json`: the description of the admin API (OpenAPI 3.1). Public, like the code. It is made by hand,
 * because libraries that make it weigh more than the whole Worker; a test compares it with the routes, and what the
 * Worker answers with the schemas.
 */
import { type ProblemCode, problems } from '../../core/problems.ts'
import { ref, type Schema, schemas, text } from './openapi-schemas.ts'
import { type Operation, operations } from './operations.ts'

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
        'Bearer: the admin key, or an access token for <url>/api from POST /oauth/token. Teams that your role does not see do not exist.',
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

function describe(path: string, operation: Operation): Schema {
  const { summary, role = 'member', query, headers, body } = operation
  const inPath = path.includes('{id}')
  const places = { path: inPath ? { id: text() } : {}, query, header: headers }
  const parameters = Object.entries(places).flatMap(([place, named = {}]) =>
    Object.entries(named).map(([name, schema]) => ({ name, in: place, required: place === 'path', schema })),
  )
  return {
    summary,
    description: `Role: ${role}.`,
    parameters,
    ...(body && { requestBody: { required: true, content: json(ref(body)) } }),
    responses: responses(operation, inPath || query?.['team'] !== undefined),
  }
}

function json(schema: Schema): Schema {
  return { 'application/json': { schema } }
}

const anyCall: readonly ProblemCode[] = [
  'token_missing',
  'token_invalid',
  'token_expired',
  'token_revoked',
  'account_unavailable',
  'request_invalid',
]

/** `searches`: it names something that may not be there. */
function responses(operation: Operation, searches: boolean): Schema {
  const { status = 200, schema, csv, body, role, refusals = [] } = operation
  const codes = new Set<ProblemCode>([...anyCall, ...refusals])
  if (searches) codes.add('not_found')
  if (body) codes.add('body_too_large')
  if (body ?? role) codes.add('scope_insufficient')
  const refused = [...Map.groupBy(codes, (code) => problems[code].status)].map(([refusal, found]) => [
    refusal,
    {
      description: found.sort().join(', '),
      content: { 'application/problem+json': { schema: ref('Problem') } },
    },
  ])
  const content = schema && { ...json(schema), ...(csv && { 'text/csv': { schema: text() } }) }
  return { [status]: { description: 'Done', content }, ...Object.fromEntries(refused) }
}
