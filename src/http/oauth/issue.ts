import { hex } from '../../core/bytes.ts'
import type { Audience } from '../../tokens/access-token.ts'
import { mintAccessToken } from '../../tokens/access-token.ts'
import { type Proven, scopesToIssue, scopesTooLong } from '../../tokens/exchange.ts'
import type { OAuthRefusal } from '../../tokens/oauth-error.ts'
import type { TokenService } from '../../tokens/token-service.ts'
import type { GrantRequest } from './grant-type.ts'

interface Issue {
  readonly audience: Audience
  /** null: as much as was proven. */
  readonly scopes: readonly string[] | null
  /** What to say when it ends within this second. */
  readonly ended: (reason: string) => OAuthRefusal
}

/** An access token for what was proven, as RFC 6749 section 5.1 shows it. Throws OAuthRefusal. */
export async function issueToken(
  proven: Proven,
  { audience, scopes: asked, ended }: Issue,
  { clientId, signer }: GrantRequest,
  { config, now, randomBytes }: TokenService,
): Promise<object> {
  const { url, teams } = config
  const scopes = scopesToIssue(proven, { audience, scopes: asked }, teams)
  const token = await mintAccessToken(
    signer,
    { ...proven, audience, scopes, clientId, tokenId: hex(randomBytes(16)) },
    { url, now: Math.floor(now() / 1000), notAfter: proven.notAfter },
  )
  if (token === null) throw scopesTooLong()
  const { text, expiresIn } = token
  if (expiresIn < 1) throw ended('ends within this second')
  return {
    access_token: text.reveal(),
    token_type: 'Bearer',
    expires_in: expiresIn,
    scope: scopes.join(' '),
  }
}
