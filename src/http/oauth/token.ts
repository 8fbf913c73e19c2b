/** `POST /oauth/token` (RFC 6749 section 3.2): one row per grant type. */
import { hex } from '../../core/bytes.ts'
import { Refusal } from '../../core/problems.ts'
import { row, table } from '../../core/table.ts'
import { mintAccessToken } from '../../tokens/access-token.ts'
import { readClientId } from '../../tokens/clients.ts'
import {
  accessTokenType,
  exchangedGrantId,
  exchangedSubject,
  type Proven,
  readExchange,
  scopesToIssue,
  scopesTooLong,
  tokenExchangeGrant,
} from '../../tokens/exchange.ts'
import { OAuthRefusal, subjectTokenRefused } from '../../tokens/oauth-error.ts'
import { digestOf, parsePersonalToken } from '../../tokens/opaque.ts'
import { type Parameters, required } from '../../tokens/parameters.ts'
import { grantIdOf, subjectOf } from '../../tokens/records.ts'
import { allGranted, scopeTexts } from '../../tokens/scope-set.ts'
import { answered, type TokenService } from '../../tokens/token-service.ts'
import { serviceOff, uncached } from './endpoint.ts'
import type { GrantType } from './grant-type.ts'
import { authorizationCode, deviceCode, deviceCodeGrant, refreshToken } from './people-grants.ts'

/** Answers a token request. Throws OAuthRefusal or Refusal. */
export async function answerTokenRequest(parameters: Parameters, service: TokenService): Promise<Response> {
  if (service.signing === null) throw serviceOff()
  const grantType = row(grantTypes, required(parameters, 'grant_type'))
  if (grantType === undefined) {
    throw new OAuthRefusal('unsupported_grant_type', `grant_type can be ${supportedGrantTypes.join(', ')}.`)
  }
  // Everything but an exchange belongs to a client (RFC 6749 section 4.1.3, RFC 8628 section 3.4).
  if (grantType !== exchange) required(parameters, 'client_id')
  const clientId = readClientId(parameters, service.config.clients)
  return grantType({ parameters, clientId, signer: service.signing.signer }, service)
}

/** RFC 8693: a personal token, or the JWT of a trusted issuer, for an access token of ours. */
const exchange: GrantType = async ({ parameters, clientId, signer }, service) => {
  const { url, teams } = service.config
  const request = readExchange(parameters, url)
  const proven =
    request.kind === 'jwt'
      ? await provenJwt(request.subjectToken, service)
      : await provenPersonalToken(request.subjectToken, service)
  const scopes = scopesToIssue(proven, request, teams)
  const token = await mintAccessToken(
    signer,
    { ...proven, audience: request.audience, scopes, clientId, tokenId: hex(service.randomBytes(16)) },
    { url, now: Math.floor(service.now() / 1000), notAfter: proven.notAfter },
  )
  if (token === null) throw scopesTooLong()
  if (token.expiresIn < 1) throw subjectTokenRefused('expired within this second')
  return uncached({
    access_token: token.text.reveal(),
    issued_token_type: accessTokenType,
    token_type: 'Bearer',
    expires_in: token.expiresIn,
    scope: scopes.join(' '),
  })
}

const grantTypes = table({
  [tokenExchangeGrant]: exchange,
  [deviceCodeGrant]: deviceCode,
  authorization_code: authorizationCode,
  refresh_token: refreshToken,
}) satisfies Readonly<Record<string, GrantType>>

export const supportedGrantTypes: readonly string[] = Object.keys(grantTypes)

async function provenPersonalToken(text: string, { directory, now }: TokenService): Promise<Proven> {
  const parsed = parsePersonalToken(text)
  if (parsed.kind === 'mistyped') {
    throw new OAuthRefusal(
      'invalid_request',
      'The subject token was not copied whole: its checksum does not fit. Copy it again.',
      { reason: 'personal token mistyped' },
    )
  }
  if (parsed.kind === 'other') throw subjectTokenRefused('not a personal token')
  const { id, text: secret } = parsed.token
  const presented = await answered(
    directory().presentToken(id, { digest: await digestOf(secret), now: now() }),
  )
  if (!presented.good) throw subjectTokenRefused(`personal token ${presented.reason}`)
  const { record, role } = presented
  return {
    subject: subjectOf(record),
    team: record.team,
    scopes: record.scopes,
    role,
    grantId: grantIdOf('pat', id),
    notAfter: record.expiresAt === null ? null : Math.floor(record.expiresAt / 1000),
  }
}

/** A JWT of an issuer with `use: ['exchange']`. What it is exchanged for is a member of its team, never more. */
async function provenJwt(text: string, { verifier, config, accounts, now }: TokenService): Promise<Proven> {
  const caller = await verifier.verifySubjectToken(text, now()).catch((error: unknown) => {
    if (error instanceof Refusal && (error.code === 'token_invalid' || error.code === 'token_expired')) {
      throw subjectTokenRefused(error.reason ?? error.code)
    }
    throw error
  })
  const team = config.teams.get(caller.team)
  if (team === undefined) throw subjectTokenRefused('its team is not configured')
  // Otherwise a revoked token would go on as a new one, issued after its revocation.
  if (await answered(accounts.revoked(caller))) throw subjectTokenRefused('revoked')
  return {
    subject: exchangedSubject(caller.issuer.name, caller.subject),
    team: caller.team,
    scopes: caller.scopes === 'granted' ? allGranted(team) : scopeTexts(caller.scopes),
    role: 'member',
    grantId: await exchangedGrantId(caller.issuer.name, caller.tokenId ?? text),
    notAfter: null,
  }
}
