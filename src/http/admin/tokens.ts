/** `/api/tokens`: personal tokens are made, listed and revoked; shown once, when they are made. */
import type { Team } from '../../core/configuration.ts'
import { malformed, Refusal, requestInvalid } from '../../core/problems.ts'
import { dayMillis } from '../../core/quota/books.ts'
import { fingerprint } from '../../tokens/audit.ts'
import { writeInstant, writeInstantOrNull } from '../../tokens/instant.ts'
import { digestOf, makePersonalToken, opaqueSecretBytes, tokenIdBytes } from '../../tokens/opaque.ts'
import type { Page } from '../../tokens/page.ts'
import {
  type Creation,
  type ListedToken,
  statusOf,
  subjectOf,
  type TokenRecord,
  type TokenStatus,
  tokenIdOfGrant,
} from '../../tokens/records.ts'
import { coversScope, withinGrants } from '../../tokens/scope-set.ts'
import { readTokenRequest, type TokenRequest } from '../../tokens/token-request.ts'
import { answered, endInAccounts, type TokenService } from '../../tokens/token-service.ts'
import { privateJson } from '../json.ts'
import { type Administrator, maySee, requireTeamAdmin, roleInsufficient } from './authorize.ts'
import {
  type AdminCall,
  asSent,
  auditEntry,
  notFound,
  pageQuery,
  paging,
  type Read,
  readJson,
  readQuery,
} from './request.ts'

interface Tokens {
  readonly service: TokenService
}

/** A token as lists show it: never the digest. */
export interface TokenListing extends Pick<ListedToken, 'id' | 'name' | 'team' | 'scopes' | 'owner'> {
  readonly createdAt: string
  readonly expiresAt: string | null
  readonly lastUsedAt: string | null
  readonly status: TokenStatus
}

export async function makeToken(call: AdminCall, { service }: Tokens): Promise<Response> {
  const made = await createToken(await readJson(call.request), call, service)
  return privateJson(made, 201, { location: `${service.config.url}/api/tokens/${made.id}` })
}

/** `body` as it was parsed. The answer is the one place where the text of the token stands. Throws Refusal. */
export async function createToken(
  body: unknown,
  call: Omit<AdminCall, 'id'>,
  service: TokenService,
): Promise<TokenListing & { readonly token: string }> {
  const { administrator } = call
  const { config, directory, fingerprintKey, now, randomBytes } = service
  const at = now()
  const wanted = readTokenRequest(body, at)
  if (!maySee(administrator, wanted.team)) throw roleInsufficient('admin')
  const team = config.teams.get(wanted.team)
  if (team === undefined) throw malformed('team', 'a team of the configuration')
  const parent = await parentOf(wanted, administrator, service)
  if (wanted.service) requireTeamAdmin(administrator, team.name)
  checkScopes(wanted.scopes, administrator, team)
  const { id, text } = makePersonalToken(randomBytes(tokenIdBytes + opaqueSecretBytes))
  const record: TokenRecord = {
    ...wanted,
    id,
    digest: await digestOf(text),
    owner: administrator.subject,
    parent,
    createdAt: at,
    lastUsedAt: null,
    revokedAt: null,
  }
  const entry = auditEntry(call, {
    action: 'token.created',
    team: team.name,
    target: id,
    detail: {
      name: wanted.name,
      scopes: wanted.scopes.join(' '),
      service: wanted.service,
      expiresAt: writeInstantOrNull(wanted.expiresAt),
      fingerprint: await fingerprint(text, fingerprintKey),
    },
  })
  const creation = await answered(directory().createToken(record, entry))
  if (creation !== 'created') throw notCreated(creation)
  return { ...listing(record, now()), token: text.reveal() }
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
  if (end !== null && (wanted.expiresAt === null || wanted.expiresAt > end))
    throw requestInvalid(
      `Send expiresAt as ${writeInstant(end)} or earlier: a token that a token makes ends with it.`,
    )
  return parent
}

/** No wider than the creator's scopes; an admin's are the team's grants, of which each scope must hold a part. */
function checkScopes(scopes: readonly string[], administrator: Administrator, team: Team): void {
  for (const scope of scopes) {
    if (administrator.role !== 'admin' && !coversScope(administrator.scopes, scope)) {
      throw new Refusal('scope_insufficient', {
        detail: `Leave out the scope ${scope}: it is wider than your own.`,
        members: { scope },
      })
    }
    if (withinGrants([scope], team).length === 0)
      throw requestInvalid(`Leave out the scope ${scope}: ${team.name} was granted nothing of it.`)
  }
}

function notCreated(creation: Exclude<Creation, 'created'>): Refusal {
  if (creation === 'parent_ended') return new Refusal('token_revoked', { reason: creation })
  return new Refusal('overloaded', {
    detail:
      'As many tokens are kept as may be. Those that ended go after 90 days; revoke some that are idle.',
    reason: creation,
    headers: { 'retry-after': '3600' },
  })
}

const listParameters = {
  team: asSent,
  status: readStatus,
  idleDays: readDays,
  expiringDays: readDays,
  ...paging,
}

export async function showTokens(call: AdminCall, { service }: Tokens): Promise<Response> {
  return privateJson(await listTokens(readQuery(call.request, listParameters), call.administrator, service))
}

/** `idleDays`: active and not used for so long; `expiringDays`: active and ending within so long. Throws Refusal. */
export async function listTokens(
  query: Read<typeof listParameters>,
  administrator: Administrator,
  { config, directory, now }: TokenService,
): Promise<Page<TokenListing>> {
  const at = now()
  const { status = null, idleDays, expiringDays } = query
  const filter = {
    team: listedTeam(query.team, administrator),
    status,
    idleSince: idleDays === undefined ? null : at - idleDays * dayMillis,
    expiringUntil: expiringDays === undefined ? null : at + expiringDays * dayMillis,
  }
  const { items, next } = await answered(directory().listTokens(filter, pageQuery(query, at)))
  assertKept(query.team, items, config)
  return { items: items.map((token) => listing(token, at)), next }
}

/** The team that a list is about; null: all teams, which only an admin sees. */
export function listedTeam(wanted: string | undefined, administrator: Administrator): string | null {
  if (wanted === undefined) return administrator.role === 'admin' ? null : (administrator.team ?? '')
  if (!maySee(administrator, wanted)) throw notFound('team')
  return wanted
}

/** What is kept of a team stays readable when the team is gone; where there is neither, its name was mistyped. */
export function assertKept(
  team: string | undefined,
  items: readonly unknown[],
  { teams }: TokenService['config'],
): void {
  if (team !== undefined && items.length === 0 && !teams.has(team)) throw notFound('team')
}

export const tokenStatuses: readonly TokenStatus[] = ['active', 'expired', 'revoked']

function readStatus(text: string): TokenStatus {
  const status = tokenStatuses.find((one) => one === text)
  if (status !== undefined) return status
  throw malformed('status', `one of ${tokenStatuses.join(', ')}`)
}

function readDays(text: string, name: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text)
  throw malformed(name, 'a number of days')
}

export async function endToken(call: AdminCall, { service }: Tokens): Promise<Response> {
  await revokeToken(call, service)
  return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } })
}

/** For its owner, the token itself, and who administers the team. Answered once the team's account has heard of it. */
export async function revokeToken(
  call: AdminCall,
  { directory, accounts, now }: TokenService,
): Promise<void> {
  const { administrator } = call
  const token = await answered(directory().findToken(call.id))
  if (token === null || !maySee(administrator, token.team)) throw notFound('token')
  const { id, team, name } = token
  const own = token.owner === administrator.subject || subjectOf(token) === administrator.subject
  if (!own) requireTeamAdmin(administrator, team)
  const entry = auditEntry(call, { action: 'token.revoked', team, target: id, detail: { name } })
  await endInAccounts(accounts, await answered(directory().revokeToken(id, now(), entry)))
}

function listing(token: ListedToken, now: number): TokenListing {
  const { id, name, team, scopes, owner } = token
  return {
    id,
    name,
    team,
    scopes,
    owner,
    createdAt: writeInstant(token.createdAt),
    expiresAt: writeInstantOrNull(token.expiresAt),
    lastUsedAt: writeInstantOrNull(token.lastUsedAt),
    status: statusOf(token, now),
  }
}
