/**
 * The grants of people at `POST /oauth/token`: device code (RFC 8628), authorization code (RFC 6749 section 4.1 with
 * RFC 7636) and refresh token (section 6 with RFC 9700 section 4.14). All end in one way: what the login's owner may
 * now is read again, a token is signed, and only then the credential is redeemed, once, for the next one.
 */
import { refreshIdleSeconds } from '../../core/limits.ts'
import { Secret } from '../../core/redact.ts'
import { table } from '../../core/table.ts'
import type { Audience } from '../../tokens/access-token.ts'
import { addressOf } from '../../tokens/audit.ts'
import { assertAudience, provesChallenge } from '../../tokens/authorization.ts'
import { readAudience, readScopes } from '../../tokens/exchange.ts'
import { nextRefreshToken, readRefreshToken } from '../../tokens/login.ts'
import { type OAuthErrorCode, OAuthRefusal } from '../../tokens/oauth-error.ts'
import { digestOf } from '../../tokens/opaque.ts'
import { required } from '../../tokens/parameters.ts'
import { provenByGrant } from '../../tokens/people.ts'
import type { RefreshFamily } from '../../tokens/records.ts'
import { answered, endInAccounts, type TokenService } from '../../tokens/token-service.ts'
import { uncachedJson } from '../json.ts'
import type { GrantRequest, GrantType } from './grant-type.ts'
import { issueToken } from './issue.ts'

export const deviceCodeGrant = 'urn:ietf:params:oauth:grant-type:device_code'

/** What is kept with a code or a family: whose it is, and what was approved. Written by us alone. */
export interface LoginPayload {
  readonly grantId: string
  readonly clientId: string
  readonly scopes: readonly string[] | null
  /** What the login was asked for, and so its tokens where their requests do not say (RFC 8707 section 2.2). */
  readonly audience?: Audience
  /** Of an authorization code. */
  readonly redirectUri?: string
  readonly challenge?: string
}

/** One answer for everything that is not good any more: which of these it was is logged. */
function loginRefused(reason: string): OAuthRefusal {
  return new OAuthRefusal(
    'invalid_grant',
    'The code or refresh token is not good, or not any more. Log in again.',
    { reason },
  )
}

interface LoginEnd {
  readonly reason: string
  /** Who ends it: without it, somebody who holds a credential of it. */
  readonly actor?: string
  readonly from: string | null
}

/** Ends a login and all that descends from it: answered when the accounts have heard of it. */
export async function endLogin(
  grantId: string,
  { actor = 'holder', from, reason }: LoginEnd,
  { directory, accounts, now }: Pick<TokenService, 'directory' | 'accounts' | 'now'>,
): Promise<void> {
  const action = grantId.startsWith('session:') ? 'session.ended' : 'grant.ended'
  const entry = { actor, action, team: null, target: grantId, detail: { reason }, from } as const
  await endInAccounts(accounts, await answered(directory().endGrant(grantId, now(), entry)))
}

/** What must not go on ends first, and then is refused. */
async function refuseAndEnd(
  grantId: string,
  { reason, request }: { readonly reason: string } & Pick<GrantRequest, 'request'>,
  service: TokenService,
): Promise<never> {
  await endLogin(grantId, { reason, from: addressOf(request.headers) }, service)
  throw loginRefused(reason)
}

interface Issue {
  readonly payload: LoginPayload
  /** The refresh token that was presented; null: this opens the family. */
  readonly previous: string | null
  /** Redeems what was presented for the family; false when another request came first. */
  readonly redeem: (family: RefreshFamily) => Promise<boolean>
  /** What to do where its owner may nothing any more: without it, the login ends. */
  readonly disowned?: () => Promise<never>
}

async function issue(
  request: GrantRequest,
  { payload, previous, redeem, disowned }: Issue,
  service: TokenService,
): Promise<Response> {
  const { config, directory, fingerprintKey, now, randomBytes } = service
  const { parameters, clientId } = request
  const audience = readAudience(parameters, config.url, { otherwise: payload.audience })
  assertAudience(clientId, audience)
  const scopes = readScopes(parameters)
  const { challenge: _proven, redirectUri: _used, ...kept } = payload
  const { grantId, scopes: approved } = kept
  const grant = await answered(directory().findGrant(grantId, now()))
  const proven = grant && provenByGrant(grant, approved, config.teams)
  if (grant === null || proven === null)
    return (
      disowned?.() ?? refuseAndEnd(grantId, { ...request, reason: 'its owner may nothing any more' }, service)
    )
  const token = await issueToken(proven, { audience, scopes, ended: loginRefused }, request, service)
  const refreshToken = nextRefreshToken(randomBytes, { subject: proven.subject, previous })
  const digests = await readRefreshToken(refreshToken, fingerprintKey)
  if (digests === null) throw new TypeError('a refresh token of ours has its form')
  const redeemed = await redeem({
    ...digests,
    payload: JSON.stringify(kept),
    expiresAt: Math.min(now() + refreshIdleSeconds * 1000, grant.expiresAt),
  })
  if (!redeemed) throw loginRefused('redeemed by another request')
  return uncachedJson({ ...token, refresh_token: refreshToken })
}

/** T15: a code that comes twice was stolen by one of the two, so what the first one got ends. */
export const authorizationCode: GrantType = async (request, service) => {
  const { parameters, clientId } = request
  const { directory, now } = service
  const verifier = required(parameters, 'code_verifier')
  const redirectUri = required(parameters, 'redirect_uri')
  const digest = await digestOf(new Secret(required(parameters, 'code')))
  const found = await answered(directory().examine('code', { digest, now: now() }))
  if (found === null) throw loginRefused('code unknown or expired')
  const payload: LoginPayload = JSON.parse(found.payload)
  const twice = () => refuseAndEnd(payload.grantId, { ...request, reason: 'code presented twice' }, service)
  if (found.spent) return twice()
  const bound =
    payload.clientId === clientId &&
    payload.redirectUri === redirectUri &&
    (await provesChallenge(verifier, payload.challenge ?? ''))
  if (!bound)
    return refuseAndEnd(payload.grantId, { ...request, reason: 'code presented by another client' }, service)
  const redeem = async (family: RefreshFamily): Promise<boolean> =>
    (await answered(directory().redeem('code', { digest, now: now() }, family))) === 'redeemed' || twice()
  return issue(request, { payload, previous: null, redeem }, service)
}

/** Section 3.5 of RFC 8628: what a poll is told while there is nothing to redeem. */
const undecided = table({
  pending: ['authorization_pending', 'Nobody has decided yet.'],
  slow_down: ['slow_down', 'Wait five seconds longer between polls.'],
  denied: ['access_denied', 'The login was denied.'],
  expired: ['expired_token', 'The code was not approved in time. Begin again.'],
} as const) satisfies Readonly<Record<string, readonly [OAuthErrorCode, string]>>

export const deviceCode: GrantType = async (request, service) => {
  const { directory, now } = service
  const digest = await digestOf(new Secret(required(request.parameters, 'device_code')))
  const poll = await answered(directory().pollDevice({ digest, clientId: request.clientId }, now()))
  if (poll === 'unknown') throw loginRefused('device code unknown, or of another client')
  if (poll !== 'approved') {
    const [code, description] = undecided[poll]
    throw new OAuthRefusal(code, description)
  }
  const found = await answered(directory().examine('device', { digest, now: now() }))
  if (found === null || found.spent) throw loginRefused('device code redeemed before')
  const payload: LoginPayload = JSON.parse(found.payload)
  const disowned = async (): Promise<never> => {
    throw new OAuthRefusal('access_denied', 'Who approved the login may not do so any more. Log in again.')
  }
  const redeem = async (family: RefreshFamily): Promise<boolean> =>
    (await answered(directory().redeem('device', { digest, now: now() }, family))) === 'redeemed'
  return issue(request, { payload, previous: null, redeem, disowned }, service)
}

/** Each refresh token is good once; one that comes again ends its family. */
export const refreshToken: GrantType = async (request, service) => {
  const { directory, fingerprintKey, now } = service
  const previous = required(request.parameters, 'refresh_token')
  const presented = await readRefreshToken(previous, fingerprintKey)
  if (presented === null) throw loginRefused('not a refresh token')
  const { familyDigest, digest } = presented
  const found = await answered(directory().examineFamily(familyDigest, { digest, now: now() }))
  if (found === null) throw loginRefused('family unknown, or idle for too long')
  const payload: LoginPayload = JSON.parse(found.payload)
  if (payload.clientId !== request.clientId) throw loginRefused('refresh token of another client')
  const twice = () =>
    refuseAndEnd(payload.grantId, { ...request, reason: 'refresh token presented twice' }, service)
  if (found.spent) return twice()
  const redeem = async (family: RefreshFamily): Promise<boolean> =>
    (await answered(directory().rotateFamily(family, digest))) || twice()
  return issue(request, { payload, previous, redeem }, service)
}
