/** The calls of the admin API, for its description. Made when it is asked for, as the schemas are. */
import { pageItemsDefault, pageItemsMax } from '../../core/limits.ts'
import type { ProblemCode } from '../../core/problems.ts'
import { oneOf, page, ref, type Schema, type SchemaName, text, usageColumns } from './openapi-schemas.ts'

export interface Operation {
  readonly summary: string
  /** The least role that gets an answer for a team of its own. */
  readonly role: 'admin' | 'team-admin' | 'member'
  readonly query?: Readonly<Record<string, Schema>>
  readonly body?: SchemaName
  /** Without it: 200. */
  readonly status?: number
  readonly answer?: Schema
  readonly csv?: boolean
  /** Beyond those that every call can get, or every call with an id or a team in its query. */
  readonly refusals?: readonly ProblemCode[]
}

type Operations = Readonly<Record<string, Operation>>

/** By `METHOD /path`. */
export function operations(): Operations {
  return { ...accountOperations(), ...tokenOperations() }
}

function accountOperations(): Operations {
  return {
    'GET /api/whoami': {
      summary: 'Whom the credential stands for',
      role: 'member',
      answer: ref('Whoami'),
    },
    'GET /api/teams': {
      summary: 'Teams that you see',
      role: 'member',
      query: paging(),
      answer: page('Team'),
    },
    'GET /api/teams/{id}': {
      summary: 'One team, with its limits as they hold now',
      role: 'member',
      answer: ref('Team'),
    },
    'PATCH /api/teams/{id}': {
      summary: 'Suspend a team, or change its limits',
      role: 'admin',
      body: 'TeamPatch',
      answer: ref('Team'),
    },
    'POST /api/revocations': {
      summary: 'End tokens; two seconds after the answer no call starts with them',
      role: 'team-admin',
      body: 'RevocationRequest',
      status: 201,
      answer: ref('NewRevocation'),
      refusals: ['not_found', 'overloaded'],
    },
    'GET /api/revocations': {
      summary: 'Revocations that still matter',
      role: 'team-admin',
      query: { team: text(), ...paging() },
      answer: page('Revocation'),
    },
    'GET /api/usage': {
      summary: 'The books of a team',
      role: 'member',
      query: {
        team: text(),
        from: instant(),
        to: instant(),
        by: text(`Any of ${usageColumns().join(', ')}, separated by commas.`),
      },
      answer: ref('Usage'),
      csv: true,
    },
  }
}

function tokenOperations(): Operations {
  return {
    'POST /api/tokens': {
      summary: 'Make a personal token; it is shown this once',
      role: 'member',
      body: 'TokenRequest',
      status: 201,
      answer: ref('NewToken'),
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
        ...paging(),
      },
      answer: page('Token'),
    },
    'DELETE /api/tokens/{id}': {
      summary: 'Revoke a token, what was made with it, and what it was exchanged for',
      role: 'member',
      status: 204,
    },
    'POST /api/explain': {
      summary: 'How a call would be signed, step by step, without making it',
      role: 'admin',
      body: 'ExplainRequest',
      answer: ref('Explanation'),
      refusals: ['key_required', 'not_found', 'path_invalid'],
    },
    'GET /api/audit': {
      summary: 'Who changed what, when, from where; the newest first',
      role: 'team-admin',
      query: { team: text(), from: instant(), ...paging() },
      answer: page('AuditEntry'),
    },
  }
}

function paging() {
  return {
    cursor: text('next of the page before.'),
    limit: { type: 'integer', minimum: 1, maximum: pageItemsMax, default: pageItemsDefault },
  }
}

function instant(): Schema {
  return text('A day (2026-11-22) or an RFC 3339 time.')
}

const days: Schema = { type: 'integer', minimum: 0, maximum: 9_999 }
