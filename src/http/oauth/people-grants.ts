/**
 * The grants of people at `POST /oauth/token`: device code (RFC 8628), authorization code (RFC 6749 section 4.1 with
 * RFC 7636) and refresh token (section 6 with RFC 9700 section 4.14). All end in one way: what the login's owner may
 * now is read again, a token is signed, and only then the credential is redeemed, once, for the next one.
 */
import { hex } from '../../core/bytes.ts'
import { refreshIdleSeconds } from '../../core/limits.ts'
import { Secret } from '../../core/redact.ts'
import { type Audience, mintAccessToken } from '../../tokens/access-token.ts'
import { assertAudience, provesChallenge } from '../../tokens/authorization.ts'
import { readAudience, readScopes, scopesToIssue, scopesTooLong } from '../../tokens/exchange.ts'
import { nextRefreshToken, readRefreshToken } from '../../tokens/login.ts'
import { OAuthRefusal } from '../../tokens/oauth-error.ts'
import { digestOf } from '../../tokens/opaque.ts'
import { required } from '../../tokens/parameters.ts'
import { provenByGrant } from '../../tokens/people.ts'
import type { RefreshFamily } from '../../tokens/records.ts'
import { answered, endInAccounts, type TokenService } from '../../tokens/token-service.ts'
import { uncached } from './endpoint.ts'
import type { GrantRequest, GrantType } from './grant-type.ts'

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
    {
      reason,
    },
  )
}

/** Ends a login and all that descends from it: answered when the accounts have heard of it. */
export async function endLogin(
  grantId: string,
  { actor, from, reason }: { readonly actor: string; readonly from: string | null; readonly reason: string },
  { directory, accounts, now }: Pick<TokenService, 'directory' | 'accounts' | 'now'>,
): Promise<void> {
  const action = grantId.startsWith('session:') ? 'session.ended' : 'grant.ended'
  const entry = { actor, action, team: null, target: grantId, detail: { reason }, from } as const
  await endInAccounts(accounts, await answered(directory().endGrant(grantId, now(), entry)))
}

function endStolen(grantId: string, reason: string, service: TokenService): Promise<void> {
  return endLogin(grantId, { actor: 'holder', from: null, reason }, service)
}

interface Issue {
  readonly payload: LoginPayload
  /** The refresh token that was presented; null: this opens the family. */
  readonly previous: string | null
  /** Redeems what was presented for the family; false when another request came first. */
  readonly redeem: (family: RefreshFamily) => Promise<boolean>
}

async function issue(
  { parameters, clientId, signer }: GrantRequest,
  { payload, previous, redeem }: Issue,
  service: TokenService,
): Promise<Response> {
  const { config, directory, fingerprintKey, now, randomBytes } = service
  const audience = readAudience(parameters, config.url, { otherwise: payload.audience })
  assertAudience(clientId, audience)
  const request = { audience, scopes: readScopes(parameters) }
  const { grantId, scopes: approved } = payload
  const grant = await answered(directory().findGrant(grantId, now()))
  const proven = grant === null ? null : provenByGrant(grant, approved, config.teams)
  if (grant === null || proven === null) {
    await endStolen(grantId, 'its owner may nothing any more', service)
    throw loginRefused('the login has ended, or its owner left or moved')
  }
  const scopes = scopesToIssue(proven, request, config.teams)
  const token = await mintAccessToken(
    signer,
    { ...proven, audience, scopes, clientId, tokenId: hex(randomBytes(16)) },
    { url: config.url, now: Math.floor(now() / 1000), notAfter: proven.notAfter },
  )
  if (token === null) throw scopesTooLong()
  if (token.expiresIn < 1) throw loginRefused('ends within this second')
  const refreshToken = nextRefreshToken(randomBytes, { subject: proven.subject, previous })
  const digests = await readRefreshToken(refreshToken, fingerprintKey)
  if (digests === null) throw new TypeError('a refresh token of ours has its form')
  const { challenge: _proven, redirectUri: _used, ...kept } = payload
  const redeemed = await redeem({
    ...digests,
    payload: JSON.stringify(kept),
    expiresAt: Math.min(now() + refreshIdleSeconds * 1000, grant.expiresAt),
  })
  if (!redeemed) throw loginRefused('redeemed by another request')
  return uncached({
    access_token: token.text.reveal(),
    token_type: 'Bearer',
    expires_in: token.expiresIn,
    scope: scopes.join(' '),
    refresh_token: refreshToken,
  })
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
  const bound =
    payload.clientId === clientId &&
    payload.redirectUri === redirectUri &&
    (await provesChallenge(verifier, payload.challenge ?? ''))
  if (found.spent || !bound) {
    const reason = found.spent ? 'code presented twice' : 'code presented by another client'
    await endStolen(payload.grantId, reason, service)
    throw loginRefused(reason)
  }
  return issue(
    request,
    {
      payload,
      previous: null,
      redeem: async (family) => {
        const { outcome } = await answered(directory().redeem('code', { digest, now: now() }, family))
        if (outcome !== 'redeemed') await endStolen(payload.grantId, 'code presented twice', service)
        return outcome === 'redeemed'
      },
    },
    service,
  )
}

/** Section 3.5 of RFC 8628, state by state. */
export const deviceCode: GrantType = async (request, service) => {
  const { directory, now } = service
  const digest = await digestOf(new Secret(required(request.parameters, 'device_code')))
  const poll = await answered(directory().pollDevice({ digest, clientId: request.clientId }, now()))
  switch (poll) {
    case 'pending':
      throw new OAuthRefusal('authorization_pending', 'Nobody has decided yet.')
    case 'slow_down':
      throw new OAuthRefusal('slow_down', 'Wait five seconds longer between polls.')
    case 'denied':
      throw new OAuthRefusal('access_denied', 'The login was denied.')
    case 'expired':
      throw new OAuthRefusal('expired_token', 'The code was not approved in time. Begin again.')
    case 'unknown':
      throw loginRefused('device code unknown, or of another client')
    case 'approved':
  }
  const found = await answered(directory().examine('device', { digest, now: now() }))
  if (found === null || found.spent) throw loginRefused('device code redeemed before')
  const payload: LoginPayload = JSON.parse(found.payload)
  const grant = await answered(directory().findGrant(payload.grantId, now()))
  if (grant === null || provenByGrant(grant, payload.scopes, service.config.teams) === null) {
    throw new OAuthRefusal('access_denied', 'Who approved the login may not do so any more.')
  }
  const redeem = async (family: RefreshFamily): Promise<boolean> =>
    (await answered(directory().redeem('device', { digest, now: now() }, family))).outcome === 'redeemed'
  return issue(request, { payload, previous: null, redeem }, service)
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
  if (found.spent) {
    await endStolen(payload.grantId, 'refresh token presented twice', service)
    throw loginRefused('refresh token presented twice')
  }
  const redeem = async (family: RefreshFamily): Promise<boolean> => {
    const rotated = await answered(directory().rotateFamily(family, digest))
    if (!rotated) await endStolen(payload.grantId, 'refresh token presented twice', service)
    return rotated
  }
  return issue(request, { payload, previous, redeem }, service)
}
