/**
 * `POST /oauth/revoke` (RFC 7009). Who holds a token may end it: a personal token with all that it was exchanged
 * for, a refresh token's whole login, or one access token by itself. The answer is the same whether anything ended.
 */
import type { Caller } from '../../core/permit.ts'
import { Refusal } from '../../core/problems.ts'
import { unnamedClientId } from '../../core/reserved.ts'
import { parseClaims, parseCompact } from '../../identity/compact.ts'
import { addressOf } from '../../tokens/audit.ts'
import { readClientId } from '../../tokens/clients.ts'
import { type PresentedRefreshToken, readRefreshToken } from '../../tokens/login.ts'
import { digestOf, type PersonalToken, parsePersonalToken } from '../../tokens/opaque.ts'
import { required } from '../../tokens/parameters.ts'
import { answered, endInAccounts, type TokenService } from '../../tokens/token-service.ts'
import type { OAuthCall } from './endpoint.ts'
import { endLogin, type LoginPayload } from './people-grants.ts'

export async function answerRevocation(
  { parameters, request }: OAuthCall,
  service: TokenService,
): Promise<Response> {
  const text = required(parameters, 'token')
  const clientId = readClientId(parameters, service.config.clients)
  const parsed = parsePersonalToken(text)
  const refreshToken = await readRefreshToken(text, service.fingerprintKey)
  const holder = { clientId, from: addressOf(request.headers) }
  if (refreshToken !== null) await revokeLogin(refreshToken, holder, service)
  else if (parsed.kind === 'token') await revokePersonalToken(parsed.token, holder, service)
  else if (parsed.kind === 'other') await revokeAccessToken(text, holder, service)
  return new Response(null, { status: 200, headers: { 'cache-control': 'no-store' } })
}

/** Who asks: what they call themselves, and where from. */
interface Holder {
  readonly clientId: string
  readonly from: string | null
}

async function revokePersonalToken(
  { id, text }: PersonalToken,
  { from }: Holder,
  { directory, accounts, now }: TokenService,
): Promise<void> {
  const presentation = { digest: await digestOf(text), now: now() }
  await endInAccounts(accounts, await answered(directory().revokeHeldToken(id, presentation, from)))
}

/** The whole family, by any refresh token that it ever had. */
async function revokeLogin(
  { familyDigest, digest }: PresentedRefreshToken,
  { clientId, from }: Holder,
  service: TokenService,
): Promise<void> {
  const { directory, now } = service
  const found = await answered(directory().examineFamily(familyDigest, { digest, now: now() }))
  if (found === null) return
  const payload: LoginPayload = JSON.parse(found.payload)
  if (!mayEnd(clientId, payload.clientId)) return
  await endLogin(payload.grantId, { reason: 'logged out', from }, service)
}

/** A token that is not ours, or is over, needs no end. */
async function revokeAccessToken(
  text: string,
  { clientId, from }: Holder,
  service: TokenService,
): Promise<void> {
  const caller = await verifiedOwn(text, service)
  if (caller === null || caller.tokenId === null || !mayEnd(clientId, clientOf(text))) return
  const { directory, accounts, now } = service
  const { tokenId, subject } = caller
  const team = caller.team === '' ? null : caller.team
  const action = 'token.revoked'
  const audit = { actor: 'holder', action, team, target: tokenId, detail: { subject }, from } as const
  await answered(directory().endClaim({ kind: 'token', value: tokenId, at: now() }, audit))
  if (team !== null) await answered(accounts.revoke(team, { by: 'jti', value: tokenId }))
}

/**
 * Section 2.1: no client ends what was issued to another. Where no client is named, who holds the token ends it: all
 * clients are public, so that a name proves nothing more, and a token that was found somewhere should be easy to end.
 */
function mayEnd(clientId: string, issuedTo: unknown): boolean {
  return clientId === issuedTo || clientId === unnamedClientId || issuedTo === unnamedClientId
}

/** `client_id` of a token that was verified. */
function clientOf(text: string): unknown {
  const compact = parseCompact(text)
  return 'malformed' in compact ? undefined : parseClaims(compact)?.['client_id']
}

/** The claims of an access token of ours, for whichever audience; null for anything else. */
async function verifiedOwn(text: string, { verifier, now }: TokenService): Promise<Caller | null> {
  for (const verify of [verifier.verify, verifier.verifyAdministration]) {
    try {
      const caller = await verify(text, now())
      if (caller.issuer.keys.kind === 'own') return caller
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
    }
  }
  return null
}
