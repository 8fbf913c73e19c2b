/**
 * Writes the description of the admin API (OpenAPI 3.1), which the Worker serves at /openapi.json:
 *
 *     node scripts/openapi.ts
 *
 * It is made before the build, because libraries that make it at run time weigh more than the whole Worker. A
 * test compares it with the routes, and what the Worker answers with the schemas.
 */
import { writeFileSync } from 'node:fs'
import { pageItemsDefault, pageItemsMax, tokenNameCharsMax, tokenScopesMax } from '../src/core/limits.ts'
import { type ProblemCode, problems } from '../src/core/problems.ts'

export type Schema = Readonly<Record<string, unknown>>

const text = (description?: string): Schema => ({ type: 'string', ...(description && { description }) })
const time: Schema = { type: 'string', format: 'date-time' }
const count: Schema = { type: 'integer', minimum: 0 }
const orNull = (schema: Schema): Schema => ({ ...schema, type: [schema['type'], 'null'] })
const listOf = (items: Schema): Schema => ({ type: 'array', items })
const oneOf = (...values: readonly string[]): Schema => ({ type: 'string', enum: values })
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })

/** An object with exactly these members; `optional` names those that may be missing. */
const object = (properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
})

const page = (item: Schema): Schema =>
  object({ items: listOf(item), next: orNull(text('Send it as cursor.')) })

const schemas = {
  Problem: {
    type: 'object',
    description: 'RFC 9457. Some codes add members, such as scope.',
    properties: {
      type: { type: 'string', format: 'uri' },
      title: text(),
      status: { type: 'integer' },
      detail: text('What to do about it.'),
      code: text(),
      requestId: text(),
    },
    required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
  },
  Whoami: object({
    subject: text(),
    team: orNull(text('null: the platform.')),
    role: oneOf('admin', 'team-admin', 'member'),
    scopes: listOf(text()),
    expiresAt: orNull(time),
  }),
  TokenRequest: {
    ...object(
      {
        name: { type: 'string', minLength: 1, maxLength: tokenNameCharsMax },
        team: text(),
        scopes: { ...listOf(text('upstream:scope or upstream@key:scope')), maxItems: tokenScopesMax },
        expiresIn: { ...oneOf('30d', '90d', 'never'), description: 'never: for services alone.' },
        expiresAt: time,
        service: {
          type: 'boolean',
          description: 'Acts for itself, and not for who made it.',
          default: false,
        },
      },
      ['expiresIn', 'expiresAt', 'service'],
    ),
    oneOf: [{ required: ['expiresIn'] }, { required: ['expiresAt'] }],
  },
  Token: object(tokenMembers()),
  NewToken: object({ ...tokenMembers(), token: text('Shown this once.') }),
  AuditEntry: object({
    id: { type: 'integer' },
    at: time,
    actor: text('Subject of who did it.'),
    action: text('Such as token.created.'),
    team: orNull(text()),
    target: text(),
    detail: { type: 'object' },
    from: orNull(text('Address, as the platform saw it.')),
  }),
  ExplainRequest: object(
    {
      upstream: text(),
      key: text(),
      method: oneOf('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'),
      path: text('What stands behind the name of the upstream, with its query.'),
      headers: { type: 'object', additionalProperties: text() },
      bodySha256: { type: 'string', pattern: '^[0-9A-Fa-f]{64}$', description: 'Without it: no body.' },
    },
    ['path', 'headers', 'bodySha256'],
  ),
  Explanation: object({
    upstream: text(),
    key: text(),
    method: text(),
    url: text('What would be called, without what the scheme adds to the query.'),
    scheme: text(),
    stages: listOf(object({ name: text('In the words of the specification.'), text: text() })),
    headers: listOf(object({ name: text(), value: text('Masked.') })),
    query: listOf(object({ name: text(), value: text('Masked.') })),
    mistakes: listOf(text('The first is the likeliest.')),
  }),
  Team: object({
    id: text(),
    suspended: { type: 'boolean' },
    limits: listOf(
      object({ name: text(), requests: count, per: text(), burst: count, overridden: { type: 'boolean' } }),
    ),
    grants: {
      type: 'object',
      description: 'By upstream.',
      additionalProperties: object({
        keys: listOf(text()),
        defaultKey: orNull(text()),
        scopes: listOf(text()),
      }),
    },
  }),
  TeamPatch: object(
    {
      suspended: { type: 'boolean' },
      limits: {
        type: 'object',
        description: 'By name; null takes an override back.',
        additionalProperties: orNull(object({ requests: count, burst: count }, ['requests', 'burst'])),
      },
    },
    ['suspended', 'limits'],
  ),
  RevocationRequest: {
    ...object(
      {
        team: text(),
        jti: text('One token.'),
        subject: text('All tokens of a subject, and what it owns.'),
        before: text('All tokens issued before this day or time.'),
        issuer: text('Its name in the configuration; needed when several speak for the team.'),
      },
      ['jti', 'subject', 'before', 'issuer'],
    ),
    oneOf: [{ required: ['jti'] }, { required: ['subject'] }, { required: ['before'] }],
  },
  NewRevocation: object({ id: text(), until: time }),
  Revocation: object(
    {
      id: text(),
      team: text(),
      issuer: orNull(text('null: any.')),
      jti: text(),
      subject: text(),
      gid: text('What the tokens descend from.'),
      before: time,
      until: time,
    },
    ['jti', 'subject', 'gid', 'before'],
  ),
  Usage: object(
    {
      team: text(),
      from: time,
      to: time,
      granted: count,
      used: count,
      returned: count,
      outstanding: count,
      unsettled: count,
      rows: listOf(
        object(
          {
            ...Object.fromEntries(usageColumns().map((column) => [column, text()])),
            requests: count,
            bytesIn: orNull(count),
            bytesOut: orNull(count),
            millis: count,
          },
          usageColumns(),
        ),
      ),
      refused: listOf(object({ code: text(), requests: count })),
      observed: listOf(object({ limit: text(), requests: count })),
    },
    ['observed'],
  ),
} satisfies Readonly<Record<string, Schema>>

function tokenMembers(): Readonly<Record<string, Schema>> {
  return {
    id: text(),
    name: text(),
    team: text(),
    scopes: listOf(text()),
    owner: text('Subject of who made it.'),
    createdAt: time,
    expiresAt: orNull(time),
    lastUsedAt: orNull({ ...time, description: 'Within an hour.' }),
    status: oneOf('active', 'expired', 'revoked'),
  }
}

function usageColumns(): readonly string[] {
  return ['hour', 'day', 'upstream', 'key', 'subject', 'outcome']
}

interface Operation {
  readonly summary: string
  /** The least role that gets an answer for a team of its own. */
  readonly role: 'admin' | 'team-admin' | 'member'
  readonly query?: Readonly<Record<string, Schema>>
  readonly body?: keyof typeof schemas
  readonly answer: { readonly status: number; readonly schema?: Schema; readonly csv?: boolean }
  /** Beyond those that every call can get. */
  readonly refusals?: readonly ProblemCode[]
}

const paging = {
  cursor: text('next of the page before.'),
  limit: { type: 'integer', minimum: 1, maximum: pageItemsMax, default: pageItemsDefault },
} as const
const days: Schema = { type: 'integer', minimum: 0, maximum: 9_999 }
const instant = text('A day (2026-11-22, UTC) or an RFC 3339 time.')

/** By `METHOD /path`. */
const operations: Readonly<Record<string, Operation>> = {
  'GET /api/whoami': {
    summary: 'Whom the credential stands for',
    role: 'member',
    answer: { status: 200, schema: ref('Whoami') },
  },
  'GET /api/teams': {
    summary: 'Teams that you see',
    role: 'member',
    query: paging,
    answer: { status: 200, schema: page(ref('Team')) },
  },
  'GET /api/teams/{id}': {
    summary: 'One team, with its limits as they hold now',
    role: 'member',
    answer: { status: 200, schema: ref('Team') },
    refusals: ['not_found'],
  },
  'PATCH /api/teams/{id}': {
    summary: 'Suspend a team, or change its limits',
    role: 'admin',
    body: 'TeamPatch',
    answer: { status: 200, schema: ref('Team') },
    refusals: ['not_found'],
  },
  'POST /api/revocations': {
    summary: 'End tokens; two seconds after the answer no call starts with them',
    role: 'team-admin',
    body: 'RevocationRequest',
    answer: { status: 201, schema: ref('NewRevocation') },
    refusals: ['not_found', 'overloaded'],
  },
  'GET /api/revocations': {
    summary: 'Revocations that still matter',
    role: 'team-admin',
    query: { team: text() },
    answer: { status: 200, schema: page(ref('Revocation')) },
    refusals: ['not_found'],
  },
  'GET /api/usage': {
    summary: 'The books of a team',
    role: 'member',
    query: {
      team: text(),
      from: instant,
      to: instant,
      by: text(`Any of ${usageColumns().join(', ')}, separated by commas.`),
    },
    answer: { status: 200, schema: ref('Usage'), csv: true },
    refusals: ['not_found'],
  },
  'POST /api/tokens': {
    summary: 'Make a personal token; it is shown this once',
    role: 'member',
    body: 'TokenRequest',
    answer: { status: 201, schema: ref('NewToken') },
    refusals: ['overloaded'],
  },
  'GET /api/tokens': {
    summary: 'Personal tokens of your team, the newest first',
    role: 'member',
    query: {
      team: text(),
      status: oneOf('active', 'expired', 'revoked'),
      idleDays: { ...days, description: 'Active, and not used for so long.' },
      expiringDays: { ...days, description: 'Active, and ending within so long.' },
      ...paging,
    },
    answer: { status: 200, schema: page(ref('Token')) },
    refusals: ['not_found'],
  },
  'DELETE /api/tokens/{id}': {
    summary: 'Revoke a token, what was made with it, and what it was exchanged for',
    role: 'member',
    answer: { status: 204 },
    refusals: ['not_found'],
  },
  'POST /api/explain': {
    summary: 'How a call would be signed, step by step, without making it',
    role: 'admin',
    body: 'ExplainRequest',
    answer: { status: 200, schema: ref('Explanation') },
    refusals: ['not_found', 'path_invalid'],
  },
  'GET /api/audit': {
    summary: 'Who changed what, when, from where; the newest first',
    role: 'team-admin',
    query: { team: text(), from: instant, ...paging },
    answer: { status: 200, schema: page(ref('AuditEntry')) },
    refusals: ['not_found'],
  },
}

const anyCall: readonly ProblemCode[] = [
  'token_missing',
  'token_invalid',
  'token_revoked',
  'account_unavailable',
]

const responses = ({ answer, body, query, role, refusals = [] }: Operation): Schema => {
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

const describe = (path: string, operation: Operation): Schema => {
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

export const openapi = (): Schema => {
  const paths: Record<string, Record<string, Schema>> = {}
  for (const [key, operation] of Object.entries(operations)) {
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
      schemas,
    },
  }
}

export const openapiFile = 'src/http/admin/openapi.json'
export const openapiText = (): string => `${JSON.stringify(openapi(), null, 2)}\n`

if (import.meta.main) writeFileSync(openapiFile, openapiText())
