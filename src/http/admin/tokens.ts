/** `/api/tokens`: personal tokens are made, listed and revoked; shown once, when they are made. */
import { Hono } from 'hono/tiny'
import type { Team } from '../../core/configuration.ts'
import { Refusal } from '../../core/problems.ts'
import type { Secret } from '../../core/redact.ts'
import { type AuditDraft, addressOf, fingerprint } from '../../tokens/audit.ts'
import { writeInstant, writeInstantOrNull } from '../../tokens/instant.ts'
import { digestOf, makePersonalToken, opaqueSecretBytes, tokenIdBytes } from '../../tokens/opaque.ts'
import { readCursor, readPageLimit } from '../../tokens/page.ts'
import {
  type Creation,
  type ListedToken,
  statusOf,
  subjectOf,
  type TokenFilter,
  type TokenRecord,
  type TokenStatus,
  tokenIdOfGrant,
} from '../../tokens/records.ts'
import { coversScope, withinGrants } from '../../tokens/scope-set.ts'
import { readTokenRequest, type TokenRequest } from '../../tokens/token-request.ts'
import { answered, endInAccounts, type TokenService } from '../../tokens/token-service.ts'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import {
  type Administrator,
  type Guard,
  mayAdminister,
  maySee,
  requireTeamAdmin,
  roleInsufficient,
} from './authorize.ts'
import { methodNotAllowed, notFound, privateJson, readJson, readQuery } from './request.ts'

export function tokenRoutes(service: TokenService, guard: Guard): OwnRoutes {
  return new Hono<OwnEnv>()
    .post('/api/tokens', async ({ req: { raw } }) => createToken(raw, await guard(raw), service))
    .get('/api/tokens', async ({ req: { raw } }) => listTokens(raw, await guard(raw), service))
    .delete('/api/tokens/:id', async ({ req }) =>
      revokeToken(req.param('id'), { request: req.raw, administrator: await guard(req.raw), service }),
    )
    .all('/api/tokens', () => methodNotAllowed('GET, HEAD, POST'))
    .all('/api/tokens/:id', () => methodNotAllowed('DELETE'))
}

async function createToken(
  request: Request,
  administrator: Administrator,
  service: TokenService,
): Promise<Response> {
  const { config, directory, fingerprintKey, now, randomBytes } = service
  const wanted = readTokenRequest(await readJson(request), now())
  if (!maySee(administrator, wanted.team)) throw roleInsufficient('admin')
  const team = config.teams.get(wanted.team)
  if (team === undefined)
    throw new Refusal('request_invalid', { detail: 'team is not one of the configuration.' })
  const parent = await parentOf(wanted, administrator, service)
  if (wanted.service) requireTeamAdmin(administrator, team.name)
  checkScopes(wanted.scopes, administrator, team)
  const made = makePersonalToken(randomBytes(tokenIdBytes + opaqueSecretBytes))
  const record: TokenRecord = {
    ...wanted,
    id: made.id,
    digest: await digestOf(made.text),
    owner: administrator.subject,
    parent,
    createdAt: now(),
    lastUsedAt: null,
    revokedAt: null,
  }
  const creation = await answered(
    directory().createToken(
      record,
      await creationEntry(record, made.text, { request, administrator, fingerprintKey }),
    ),
  )
  if (creation !== 'created') throw notCreated(creation)
  return privateJson({ ...listing(record, now()), token: made.text.reveal() }, 201, {
    location: `${config.url}/api/tokens/${made.id}`,
  })
}

/**
 * A token that a token makes ends with it: otherwise who stole one for a moment would keep what they made.
 * An exchanged JWT makes none; nothing is kept of it that could end them.
 */
async function parentOf(
  wanted: TokenRequest,
  { grantId }: Administrator,
  { directory }: TokenService,
): Promise<string | null> {
  if (grantId === null) return null
  if (grantId.startsWith('jwt:')) {
    throw new Refusal('scope_insufficient', {
      detail: 'What was exchanged for the JWT of an issuer makes no personal tokens. Sign in instead.',
      members: { scope: 'team-admin' },
    })
  }
  const parent = tokenIdOfGrant(grantId)
  if (parent === null) return null
  const end = (await answered(directory().findToken(parent)))?.expiresAt ?? null
  if (end !== null && (wanted.expiresAt === null || wanted.expiresAt > end)) {
    throw new Refusal('request_invalid', {
      detail: `A token that is made with a token ends with it: expiresAt may be at most ${writeInstant(end)}.`,
    })
  }
  return parent
}

/** No wider than the creator's scopes; an admin's are the team's grants, of which each scope must hold a part. */
function checkScopes(scopes: readonly string[], administrator: Administrator, team: Team): void {
  for (const scope of scopes) {
    if (administrator.role !== 'admin' && !coversScope(administrator.scopes, scope)) {
      throw new Refusal('scope_insufficient', {
        detail: `The scope ${scope} is wider than your own.`,
        members: { scope },
      })
    }
    if (withinGrants([scope], team).length === 0) {
      throw new Refusal('request_invalid', {
        detail: `${team.name} was granted nothing of the scope ${scope}.`,
      })
    }
  }
}

interface NewToken {
  readonly request: Request
  readonly administrator: Administrator
  readonly fingerprintKey: Secret
}

async function creationEntry(
  record: TokenRecord,
  text: Secret,
  { request, administrator, fingerprintKey }: NewToken,
): Promise<AuditDraft> {
  return {
    actor: administrator.subject,
    action: 'token.created',
    team: record.team,
    target: record.id,
    detail: {
      name: record.name,
      scopes: record.scopes.join(' '),
      service: record.service,
      expiresAt: writeInstantOrNull(record.expiresAt),
      fingerprint: await fingerprint(text, fingerprintKey),
    },
    from: addressOf(request.headers),
  }
}

function notCreated(creation: Exclude<Creation, 'created'>): Refusal {
  if (creation === 'parent_ended') {
    return new Refusal('token_revoked', { detail: 'The token that you make this one with has ended.' })
  }
  return new Refusal('overloaded', {
    detail:
      'As many tokens are kept as may be. Those that ended go after 90 days; revoke some that are idle.',
    reason: creation,
    headers: { 'retry-after': '3600' },
  })
}

const listParameters = ['team', 'status', 'idleDays', 'expiringDays', 'cursor', 'limit'] as const

/** `idleDays`: active and not used for so long; `expiringDays`: active and ending within so long. */
async function listTokens(
  request: Request,
  administrator: Administrator,
  { directory, now }: TokenService,
): Promise<Response> {
  const query = readQuery(request, listParameters)
  const at = now()
  const team = listedTeam(query.team, administrator)
  const idle = readDays('idleDays', query.idleDays)
  const expiring = readDays('expiringDays', query.expiringDays)
  const filter: TokenFilter = {
    team,
    owner: null,
    status: readStatus(query.status),
    idleSince: idle === null ? null : at - idle,
    expiringUntil: expiring === null ? null : at + expiring,
  }
  const before = query.cursor === undefined ? null : readCursor(query.cursor)
  const page = await answered(
    directory().listTokens(filter, { now: at, before, limit: readPageLimit(query.limit) }),
  )
  return privateJson({ items: page.items.map((token) => listing(token, at)), next: page.next })
}

/** The team that a list is about; null: all teams, which only an admin sees. */
export function listedTeam(wanted: string | undefined, administrator: Administrator): string | null {
  if (wanted === undefined) return administrator.role === 'admin' ? null : (administrator.team ?? '')
  if (!maySee(administrator, wanted)) throw notFound('team')
  return wanted
}

const statuses: readonly TokenStatus[] = ['active', 'expired', 'revoked']

function readStatus(text: string | undefined): TokenStatus | null {
  if (text === undefined) return null
  const status = statuses.find((one) => one === text)
  if (status !== undefined) return status
  throw new Refusal('request_invalid', { detail: `status is one of ${statuses.join(', ')}.` })
}

function readDays(name: string, text: string | undefined): number | null {
  if (text === undefined) return null
  if (/^\d{1,4}$/.test(text)) return Number(text) * 86_400_000
  throw new Refusal('request_invalid', { detail: `${name} is a number of days.` })
}

interface Revocation {
  readonly request: Request
  readonly administrator: Administrator
  readonly service: TokenService
}

/** Its owner, the token itself, and who administers the team. Answered once the team's account has heard of it. */
async function revokeToken(id: string, { request, administrator, service }: Revocation): Promise<Response> {
  const { directory, accounts, now } = service
  const token = await answered(directory().findToken(id))
  if (token === null || !maySee(administrator, token.team)) throw notFound('token')
  const own = token.owner === administrator.subject || subjectOf(token) === administrator.subject
  if (!own && !mayAdminister(administrator, token.team)) throw roleInsufficient('team-admin')
  const ended = await answered(
    directory().revokeToken(token.id, now(), {
      actor: administrator.subject,
      action: 'token.revoked',
      team: token.team,
      target: token.id,
      detail: { name: token.name },
      from: addressOf(request.headers),
    }),
  )
  await endInAccounts(accounts, ended)
  return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } })
}

/** What lists show: never the digest. */
function listing(token: ListedToken, now: number): object {
  return {
    id: token.id,
    name: token.name,
    team: token.team,
    scopes: token.scopes,
    owner: token.owner,
    createdAt: writeInstant(token.createdAt),
    expiresAt: writeInstantOrNull(token.expiresAt),
    lastUsedAt: writeInstantOrNull(token.lastUsedAt),
    status: statusOf(token, now),
  }
}
