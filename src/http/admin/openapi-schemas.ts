/**
 * The schemas of the admin API's description (JSON Schema 2020-12). They are made when it is asked for: as data, every
 * start would read them.
 */
import { tokenNameCharsMax, tokenScopesMax } from '../../core/limits.ts'
import { roles } from '../../core/roles.ts'
import { forwardedMethods } from '../../core/route.ts'
import { tokenStatuses } from './tokens.ts'
import { usageColumns } from './usage.ts'

export type SchemaName = keyof ReturnType<typeof schemas>

export function schemas() {
  return {
    ...commonSchemas(),
    ...tokenSchemas(),
    ...explainSchemas(),
    ...accountSchemas(),
    ...usageSchemas(),
  }
}

function commonSchemas() {
  return {
    Problem: {
      ...object({
        type: { type: 'string', format: 'uri' },
        title: text(),
        status: { type: 'integer' },
        detail: text('What to do about it.'),
        code: text(),
        requestId: text(),
      }),
      additionalProperties: true,
    },
    Whoami: object({
      subject: text(),
      team: orNull(text('null: the platform.')),
      role: oneOf(...roles),
      scopes: listOf(text()),
      expiresAt: orNull(time),
    }),
    AuditEntry: object({
      id: { type: 'integer' },
      at: time,
      actor: text('Subject of who did it.'),
      action: text('Such as token.created.'),
      team: orNull(text()),
      target: text(),
      detail: { type: 'object' },
      from: orNull(text('Address of the client.')),
    }),
  } satisfies Readonly<Record<string, Schema>>
}

function tokenSchemas() {
  return {
    TokenRequest: oneRequired(
      {
        expiresIn: { ...oneOf('30d', '90d', 'never'), description: 'never: for services alone.' },
        expiresAt: time,
      },
      {
        name: { type: 'string', minLength: 1, maxLength: tokenNameCharsMax },
        team: text(),
        scopes: { ...listOf(text('upstream:scope or upstream@key:scope')), maxItems: tokenScopesMax },
        service: { ...flag, description: 'Acts for itself, and not for who made it.', default: false },
      },
      ['service'],
    ),
    Token: object(tokenMembers()),
    NewToken: object({ ...tokenMembers(), token: text('Shown this once.') }),
  } satisfies Readonly<Record<string, Schema>>
}

function explainSchemas() {
  const masked = listOf(object({ name: text(), value: text('Masked.') }))
  return {
    ExplainRequest: object(
      {
        upstream: text(),
        key: text('Without it: the only one of the upstream.'),
        method: oneOf(...forwardedMethods),
        path: text('Behind the name of the upstream, with its query.'),
        headers: { type: 'object', additionalProperties: text() },
        bodySha256: { ...text('Without it: no body.'), pattern: '^[0-9A-Fa-f]{64}$' },
      },
      ['key', 'path', 'headers', 'bodySha256'],
    ),
    Explanation: object({
      upstream: text(),
      key: text(),
      method: text(),
      url: text('Without what the scheme adds to the query.'),
      scheme: text(),
      stages: listOf(object({ name: text(), text: text() })),
      headers: masked,
      query: masked,
      mistakes: listOf(text('The first is the likeliest.')),
    }),
  } satisfies Readonly<Record<string, Schema>>
}

function accountSchemas() {
  return {
    Team: object({
      id: text(),
      suspended: flag,
      limits: listOf(object({ name: text(), requests: count, per: text(), burst: count, overridden: flag })),
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
        suspended: flag,
        limits: {
          type: 'object',
          description: 'By name. What is left out of a limit stays as it is; null takes an override back.',
          additionalProperties: orNull(object({ requests: count, burst: count }, ['requests', 'burst'])),
        },
      },
      ['suspended', 'limits'],
    ),
    RevocationRequest: oneRequired(
      {
        jti: text('One token.'),
        subject: text('All tokens of a subject, and what it owns.'),
        before: text('All tokens issued before this day or time.'),
      },
      {
        team: text(),
        issuer: text('Its name in the configuration; needed when several speak for the team.'),
      },
      ['issuer'],
    ),
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
  } satisfies Readonly<Record<string, Schema>>
}

function usageSchemas() {
  const by = Object.fromEntries(usageColumns.map((column) => [column, text()]))
  const row = { ...by, requests: count, bytesIn: orNull(count), bytesOut: orNull(count), millis: count }
  return {
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
        rows: listOf(object(row, usageColumns)),
        refused: listOf(object({ code: text(), requests: count })),
        observed: listOf(object({ limit: text(), requests: count })),
      },
      ['observed'],
    ),
  } satisfies Readonly<Record<string, Schema>>
}

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
    status: oneOf(...tokenStatuses),
  }
}

const time: Schema = { type: 'string', format: 'date-time' }
const count: Schema = { type: 'integer', minimum: 0 }
const flag: Schema = { type: 'boolean' }

export type Schema = Readonly<Record<string, unknown>>

export function text(description?: string): Schema {
  return { type: 'string', ...(description && { description }) }
}

function listOf(items: Schema): Schema {
  return { type: 'array', items }
}

export function oneOf(...values: readonly string[]): Schema {
  return { type: 'string', enum: values }
}

export function ref(name: SchemaName): Schema {
  return { $ref: `#/components/schemas/${name}` }
}

/** A page of a list: its items, and where the next one begins. */
export function page(item: SchemaName): Schema {
  return object({ items: listOf(ref(item)), next: orNull(text('Send it as cursor.')) })
}

function orNull(schema: Schema): Schema {
  return { ...schema, type: [schema['type'], 'null'] }
}

/** An object with exactly these members; `optional` names those that may be missing. */
function object(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  return {
    type: 'object',
    properties,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    additionalProperties: false,
  }
}

/** The same, with exactly one of several members. */
function oneRequired(
  one: Readonly<Record<string, Schema>>,
  others: Readonly<Record<string, Schema>>,
  optional: readonly string[],
): Schema {
  const names = Object.keys(one)
  return {
    ...object({ ...one, ...others }, [...names, ...optional]),
    oneOf: names.map((name) => ({ required: [name] })),
  }
}
