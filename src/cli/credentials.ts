/**
 * `~/.countersign/credentials.json`: what a person logged in with, by profile, each bound to the origin that it
 * was made for, and the short-lived access tokens that came of it.
 */
import { join } from 'node:path'
import { type AccessToken, isToken } from '../client/exchange.ts'
import { Secret } from '../core/redact.ts'
import { removeFile, writePrivateFile } from './private-files.ts'
import { brokenFile, readStateFile, readVersioned, stateDirectory } from './profiles.ts'

export type Audience = 'calls' | 'administration'

export interface StoredCredential {
  /** The only origin that this is ever sent to. */
  readonly url: string
  /** `session`: a refresh token, which every use replaces. */
  readonly kind: 'token' | 'session'
  readonly secret: Secret
  readonly accessTokens: ReadonlyMap<Audience, AccessToken>
}

export type Credentials = ReadonlyMap<string, StoredCredential>

const fileName = 'credentials.json'

function credentialsPath(): string {
  return join(stateDirectory(), fileName)
}

export function readCredentials(): Credentials {
  const text = readStateFile(fileName)
  if (text === null) return new Map()
  const { credentials } = readVersioned(text, credentialsPath())
  return new Map(
    Object.entries(Object(credentials)).map(([name, entry]) => [name, readCredential(name, Object(entry))]),
  )
}

function readCredential(name: string, entry: Readonly<Record<string, unknown>>): StoredCredential {
  const { url, kind, secret } = entry
  if (typeof url !== 'string' || !isToken(secret) || (kind !== 'token' && kind !== 'session')) {
    throw brokenFile(credentialsPath(), name)
  }
  const tokens = Object(entry['accessTokens'])
  const accessTokens = new Map<Audience, AccessToken>()
  for (const audience of ['calls', 'administration'] as const) {
    const { text, expiresAt } = Object(tokens[audience])
    if (isToken(text) && typeof expiresAt === 'number') accessTokens.set(audience, { text, expiresAt })
  }
  return { url, kind, secret: new Secret(secret), accessTokens }
}

/** Replaces the file; without any credential there is no file. */
export function writeCredentials(credentials: Credentials): void {
  if (credentials.size === 0) {
    removeFile(stateDirectory(), fileName)
    return
  }
  const entries = [...credentials].map(([name, { url, kind, secret, accessTokens }]) => [
    name,
    { url, kind, secret: secret.reveal(), accessTokens: Object.fromEntries(accessTokens) },
  ])
  const text = JSON.stringify({ version: 1, credentials: Object.fromEntries(entries) }, null, 2)
  writePrivateFile(stateDirectory(), fileName, `${text}\n`)
}
