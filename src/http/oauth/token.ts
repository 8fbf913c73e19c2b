/** `POST /oauth/token` (RFC 6749 section 3.2): one row per grant type. */
import { Refusal } from '../../core/problems.ts'
import { own, table } from '../../core/table.ts'
import { readClientId } from '../../tokens/clients.ts'
import {
  accessTokenType,
  exchangedGrantId,
  exchangedSubject,
  type Proven,
  readExchange,
  tokenExchangeGrant,
} from '../../tokens/exchange.ts'
import { OAuthRefusal, subjectTokenRefused } from '../../tokens/oauth-error.ts'
import { digestOf, parsePersonalToken } from '../../tokens/opaque.ts'
import { required } from '../../tokens/parameters.ts'
import { grantIdOf, subjectOf } from '../../tokens/records.ts'
import { allGranted, scopeTexts } from '../../tokens/scope-set.ts'
import { answered, type TokenService } from '../../tokens/token-service.ts'
import { uncachedJson } from '../json.ts'
import type { Endpoint } from './endpoint.ts'
import type { GrantType } from './grant-type.ts'
import { issueToken } from './issue.ts'
import { authorizationCode, deviceCode, deviceCodeGrant, refreshToken } from './people-grants.ts'

/** Answers a token request. */
export const answerTokenRequest: Endpoint = async (call, service) => {
  const { parameters } = call
  const grantType = own(grantTypes, required(parameters, 'grant_type'))
  if (grantType === undefined) {
    throw new OAuthRefusal(
      'unsupported_grant_type',
      `Send grant_type as one of ${supportedGrantTypes.join(', ')}.`,
    )
  }
  // Everything but an exchange belongs to a client (RFC 6749 section 4.1.3, RFC 8628 section 3.4).
  if (grantType !== exchange) required(parameters, 'client_id')
  return grantType({ ...call, clientId: readClientId(parameters, service.config.clients) }, service)
}

/** RFC 8693: a personal token, or the JWT of a trusted issuer, for an access token of ours. */
const exchange: GrantType = async (request, service) => {
  const { subjectToken, kind, ...asked } = readExchange(request.parameters, service.config.url)
  const prove = kind === 'jwt' ? provenJwt : provenPersonalToken
  const proven = await prove(subjectToken, service)
  const token = await issueToken(proven, { ...asked, ended: subjectTokenRefused }, request, service)
  return uncachedJson({ ...token, issued_token_type: accessTokenType })
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
      'Copy the subject token again, and whole: its checksum does not fit.',
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
