/**
 * Access tokens for a command: from the profile's file while they last, otherwise made anew under the lock, so
 * that two commands at once neither exchange twice nor use one refresh token twice (which would end the login).
 */
import type { AccessToken } from '../client/exchange.ts'
import { readClaims } from '../client/jwt.ts'
import type { Secret } from '../core/redact.ts'
import type { Context } from './context.ts'
import { type Audience, readCredentials, type StoredCredential, writeCredentials } from './credentials.ts'
import { Failure } from './failure.ts'
import { type Lock, withLock } from './file-lock.ts'
import { uninterrupted } from './interruption.ts'
import { exchange, refreshSession, type TokenWish } from './oauth.ts'
import { stateDirectory } from './profiles.ts'
import type { ActiveCredential } from './settings.ts'

export interface AccessOptions {
  /** Narrower than what the credential holds; such a token is not kept. */
  readonly scope?: string | undefined
  /** A token that was just refused: not this one again. */
  readonly refused?: string | undefined
  /** Not one that was kept. */
  readonly fresh?: boolean
}

/** A kept token is used while it has at least this left. */
const marginMillis = 30_000

export function audienceUrl(url: string, audience: Audience): string {
  return audience === 'calls' ? url : `${url}/api`
}

function wish(url: string, audience: Audience, { scope }: AccessOptions): TokenWish {
  return {
    resource: audienceUrl(url, audience),
    scope,
  }
}

/** Throws Failure when there is no credential, or when it is refused. */
export async function getAccessToken(
  context: Context,
  audience: Audience,
  options: AccessOptions = {},
): Promise<AccessToken> {
  const { credential } = context
  if (credential.kind === 'key' || credential.kind === 'jwt') return asItIs(credential, audience)
  if (credential.profile === null) {
    return exchange(context.url, credential.secret, wish(context.url, audience, options))
  }

  const kept = usable(readCredentials().get(credential.profile), context.url, audience, options)
  return kept ?? withLock(stateDirectory(), (lock) => renew(context, audience, { ...options, lock }))
}

/** Whether another token can be had after one was refused. */
export function isRenewable({ kind }: ActiveCredential): boolean {
  return kind === 'personal' || kind === 'session'
}

function asItIs({ kind, secret }: ActiveCredential, audience: Audience): AccessToken {
  const text = secret.reveal()
  if (kind === 'key' && audience === 'calls') {
    throw new Failure('usage', 'The admin key administers; it does not call.', {
      hint: 'Make a token to call with: countersign tokens create NAME --team TEAM --scope SCOPE',
    })
  }
  const { exp } = readClaims(text)
  return { text, expiresAt: typeof exp === 'number' ? exp * 1000 : Number.POSITIVE_INFINITY }
}

function usable(
  stored: StoredCredential | undefined,
  url: string,
  audience: Audience,
  { scope, refused, fresh }: AccessOptions,
): AccessToken | null {
  const kept = stored?.url === url ? stored.accessTokens.get(audience) : undefined
  if (kept === undefined || scope !== undefined || fresh === true || kept.text === refused) return null
  return kept.expiresAt - marginMillis > Date.now() ? kept : null
}

/** Under the lock: what is in the file now decides, since another command may have renewed meanwhile. */
async function renew(
  context: Context,
  audience: Audience,
  { lock, ...options }: AccessOptions & { readonly lock: Lock },
): Promise<AccessToken> {
  const { url, credential } = context
  const profile = credential.profile ?? ''
  const stored = readCredentials().get(profile)
  if (stored === undefined || stored.url !== url) {
    throw new Failure('noCredential', `The profile ${profile} was logged out meanwhile.`, {
      hint: 'Log in with countersign login.',
    })
  }
  const kept = usable(stored, url, audience, options)
  if (kept !== null) return kept

  const save = (secret: Secret, token: AccessToken): Promise<void> =>
    lock.change(() => {
      const credentials = new Map(readCredentials())
      // Logged out or in again while this command was stopped: that was the later word.
      if (credentials.get(profile)?.secret.reveal() !== stored.secret.reveal()) return
      const accessTokens = new Map(stored.accessTokens)
      if (options.scope === undefined) accessTokens.set(audience, token)
      writeCredentials(credentials.set(profile, { ...stored, secret, accessTokens }))
    })
  if (stored.kind === 'session') {
    // Whoever sends a refresh token and does not keep the one that comes back has ended the login.
    return uninterrupted(async () => {
      // A disk that is full or read-only says so now, as long as nothing is lost.
      writeCredentials(readCredentials())
      const issued = await refreshSession(url, stored.secret, wish(url, audience, options))
      await save(issued.refreshToken ?? stored.secret, issued.accessToken)
      return issued.accessToken
    })
  }
  const token = await exchange(url, stored.secret, wish(url, audience, options))
  if (options.scope === undefined) await save(stored.secret, token)
  return token
}
