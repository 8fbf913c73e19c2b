/**
 * The whole admin API at a glance: what each call is, who answers it, and what its description says besides. Made when
 * a first call of our own comes; no call to an upstream waits for it.
 */
import { pageItemsDefault, pageItemsMax } from '../../core/limits.ts'
import type { ProblemCode } from '../../core/problems.ts'
import type { TokenService } from '../../tokens/token-service.ts'
import { listAudit } from './audit.ts'
import { type ExplainDeps, explainCall } from './explain.ts'
import { oneOf, page, ref, type Schema, type SchemaName, text } from './openapi-schemas.ts'
import type { AdminCall } from './request.ts'
import { listRevocations, revoke } from './revocations.ts'
import { type AccountAdministration, listTeams, patchTeam, showTeam } from './teams.ts'
import { endToken, makeToken, showTokens, tokenStatuses } from './tokens.ts'
import { showUsage, usageColumns } from './usage.ts'
import { whoami } from './whoami.ts'

/** What the administration works with. */
export type Administration = AccountAdministration & ExplainDeps & { readonly service: TokenService }

export interface Operation {
  /** Throws Refusal. */
  readonly answer: (call: AdminCall, deps: Administration) => Promise<Response>
  readonly summary: string
  /** The least role that gets an answer for a team of its own; without it: member. */
  readonly role?: 'admin' | 'team-admin'
  readonly query?: Readonly<Record<string, Schema>>
  readonly headers?: Readonly<Record<string, Schema>>
  readonly body?: SchemaName
  /** Without it: 200. */
  readonly status?: number
  /** Of the answer in JSON. */
  readonly schema?: Schema
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
      answer: whoami,
      summary: 'Whom the credential stands for',
      schema: ref('Whoami'),
    },
    'GET /api/teams': {
      answer: listTeams,
      summary: 'Teams that you see',
      query: paging(),
      schema: page('Team'),
    },
    'GET /api/teams/{id}': {
      answer: showTeam,
      summary: 'One team, with its limits as they hold now',
      schema: ref('Team'),
    },
    'PATCH /api/teams/{id}': {
      answer: patchTeam,
      summary: 'Suspend a team, or change its limits',
      role: 'admin',
      headers: { 'If-Match': text('ETag of what was seen: a change that came in between stays.') },
      body: 'TeamPatch',
      schema: ref('Team'),
      refusals: ['header_invalid', 'precondition_failed'],
    },
    'POST /api/revocations': {
      answer: revoke,
      summary: 'End tokens; two seconds after the answer no call starts with them',
      role: 'team-admin',
      body: 'RevocationRequest',
      status: 201,
      schema: ref('NewRevocation'),
      refusals: ['not_found', 'overloaded'],
    },
    'GET /api/revocations': {
      answer: listRevocations,
      summary: 'Revocations that still matter',
      role: 'team-admin',
      query: { team: text(), ...paging() },
      schema: page('Revocation'),
    },
    'GET /api/usage': {
      answer: showUsage,
      summary: 'The books of a team',
      query: {
        team: text(),
        from: instant(),
        to: instant(),
        by: text(`Any of ${usageColumns.join(', ')}, separated by commas.`),
      },
      schema: ref('Usage'),
      csv: true,
    },
  }
}

function tokenOperations(): Operations {
  return {
    'POST /api/tokens': {
      answer: makeToken,
      summary: 'Make a personal token; it is shown this once',
      body: 'TokenRequest',
      status: 201,
      schema: ref('NewToken'),
      refusals: ['overloaded'],
    },
    'GET /api/tokens': {
      answer: showTokens,
      summary: 'Personal tokens of your team, the newest first',
      query: {
        team: text(),
        status: oneOf(...tokenStatuses),
        idleDays: { ...days, description: 'Active, and not used for so long.' },
        expiringDays: { ...days, description: 'Active, and ending within so long.' },
        ...paging(),
      },
      schema: page('Token'),
    },
    'DELETE /api/tokens/{id}': {
      answer: endToken,
      summary: 'Revoke a token, what was made with it, and what it was exchanged for',
      status: 204,
    },
    'POST /api/explain': {
      answer: explainCall,
      summary: 'How a call would be signed, step by step, without making it',
      role: 'admin',
      body: 'ExplainRequest',
      schema: ref('Explanation'),
      refusals: ['key_required', 'not_found', 'path_invalid'],
    },
    'GET /api/audit': {
      answer: listAudit,
      summary: 'Who changed what, when, from where; the newest first',
      role: 'team-admin',
      query: { team: text(), from: instant(), ...paging() },
      schema: page('AuditEntry'),
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
