/** What kinds of credential a person or a job may hold, told apart by their form. */
import { isPersonalToken, isToken } from '../client/exchange.ts'
import { Secret } from '../core/redact.ts'
import { usageFailure } from './failure.ts'

/**
 * `personal`: exchanged for access tokens. `session`: a refresh token of a login. `jwt`: sent as it is, for what
 * its audience says. `key`: the admin key, which administers as it is and calls nothing.
 */
export type CredentialKind = 'personal' | 'session' | 'jwt' | 'key'

export function kindOfToken(text: string): Exclude<CredentialKind, 'session'> {
  if (isPersonalToken(text)) return 'personal'
  return /^ey[\w-]+\.[\w-]+\.[\w-]+$/.test(text) ? 'jwt' : 'key'
}

export const kindNames: Readonly<Record<CredentialKind, string>> = {
  personal: 'personal token',
  session: 'login',
  jwt: 'JWT',
  key: 'admin key',
}

/** A token as it was typed, piped or set. Throws Failure `usage` when it could not travel in a header. */
export function readToken(text: string, where: string): Secret {
  const token = text.trim()
  if (token === '') throw usageFailure(`${where} holds no token.`)
  if (!isToken(token)) {
    throw usageFailure(`${where} is not one token.`, 'It holds blanks, line breaks or other odd characters.')
  }
  return new Secret(token)
}

/** A word that tells tokens apart and gives nothing away: the id that lists show, or the kind. */
export function describeToken(token: Secret): string {
  const kind = kindOfToken(token.reveal())
  const id = /^cst_([0-9A-Za-z]+)_/.exec(token.reveal())?.[1]
  return id === undefined ? kindNames[kind] : `${kindNames[kind]} ${id}`
}
