/**
 * What a command works with, and where each part comes from: flag > environment > profile > default (docs/cli.md).
 * A stored credential is used for the origin that it was made for and for no other.
 */
import type { Secret } from '../core/redact.ts'
import { type CredentialKind, kindOfToken, readToken } from './credential.ts'
import { readCredentials } from './credentials.ts'
import { Failure, usageFailure } from './failure.ts'
import { defaultProfile, profileNameForm, readOrigin, readProfiles } from './profiles.ts'

export interface Flags {
  readonly url?: string
  readonly profile?: string
  readonly json?: boolean
  readonly verbose?: boolean
}

export interface Sourced<Value> {
  readonly value: Value
  /** In words, for `status` and `whoami`. */
  readonly source: string
}

export interface ActiveCredential {
  readonly kind: CredentialKind
  readonly secret: Secret
  readonly source: string
  /** The profile whose files keep the access tokens; null: they are kept nowhere. */
  readonly profile: string | null
}

export interface Settings {
  readonly url: Sourced<string>
  readonly profile: Sourced<string>
  readonly credential: ActiveCredential | null
  /** Why there is no credential, as a hint. */
  readonly absence: string
}

/** Where `npm start` listens. */
export const defaultUrl = 'http://127.0.0.1:8787'

export function resolveSettings(flags: Flags, environment: NodeJS.ProcessEnv): Settings {
  const profile = resolveProfile(flags, environment)
  const url = resolveUrl(flags, environment, profile.value)
  return { profile, url, ...resolveCredential(environment, profile.value, url) }
}

/** Throws Failure `notFound` when a profile was asked for by name and there is none. */
export function resolveProfile(flags: Flags, environment: NodeJS.ProcessEnv): Sourced<string> {
  const asked = askedProfile(flags, environment)
  const { current, urls } = readProfiles()
  if (asked === null) {
    return current === null
      ? { value: defaultProfile, source: 'default' }
      : { value: current, source: 'current' }
  }
  if (!urls.has(asked.value)) {
    const known = urls.size === 0 ? 'There is none yet.' : `There is ${[...urls.keys()].join(', ')}.`
    throw new Failure('notFound', `There is no profile ${asked.value} (${asked.source}).`, {
      hint: `${known} Make it with: countersign login --profile ${asked.value} --url URL`,
    })
  }
  return asked
}

export function askedProfile(flags: Flags, environment: NodeJS.ProcessEnv): Sourced<string> | null {
  const value = flags.profile ?? (environment['COUNTERSIGN_PROFILE'] || undefined)
  if (value === undefined) return null
  const source = flags.profile === undefined ? 'COUNTERSIGN_PROFILE' : '--profile'
  if (!profileNameForm.test(value)) {
    throw usageFailure(
      `${source} is not the name of a profile.`,
      'Letters, digits, dot, - and _, at most 64.',
    )
  }
  return { value, source }
}

/** The origin that was asked for in this command or its environment; null when neither names one. */
export function askedUrl(flags: Flags, environment: NodeJS.ProcessEnv): Sourced<string> | null {
  if (flags.url !== undefined) return { value: readOrigin(flags.url, '--url'), source: '--url' }
  const value = environment['COUNTERSIGN_URL']
  if (!value) return null
  return { value: readOrigin(value, 'COUNTERSIGN_URL'), source: 'COUNTERSIGN_URL' }
}

function resolveUrl(flags: Flags, environment: NodeJS.ProcessEnv, profile: string): Sourced<string> {
  const asked = askedUrl(flags, environment)
  if (asked !== null) return asked
  const url = readProfiles().urls.get(profile)
  return url === undefined
    ? { value: defaultUrl, source: 'default, the sandbox of npm start' }
    : { value: url, source: `profile ${profile}` }
}

function resolveCredential(
  environment: NodeJS.ProcessEnv,
  profile: string,
  url: Sourced<string>,
): Pick<Settings, 'credential' | 'absence'> {
  const text = environment['COUNTERSIGN_TOKEN']
  if (text) return { credential: fromEnvironment(text, url), absence: '' }

  const stored = readCredentials().get(profile)
  if (stored === undefined)
    return { credential: null, absence: 'Log in with countersign login, or set COUNTERSIGN_TOKEN.' }
  if (stored.url !== url.value) {
    const absence = `The profile ${profile} is logged in to ${stored.url}, and its credential goes nowhere else. Log in with: countersign login --profile NAME --url ${url.value}`
    return { credential: null, absence }
  }
  const kind = stored.kind === 'session' ? 'session' : kindOfToken(stored.secret.reveal())
  return {
    credential: { kind, secret: stored.secret, source: `profile ${profile}`, profile },
    absence: '',
  }
}

function fromEnvironment(text: string, url: Sourced<string>): ActiveCredential {
  const secret = readToken(text, 'COUNTERSIGN_TOKEN')
  const kind = kindOfToken(secret.reveal())
  // A JWT says for whom it is; anything else would work for whoever happens to listen on that port.
  if (url.source.startsWith('default') && kind !== 'jwt') {
    throw usageFailure(
      'COUNTERSIGN_TOKEN is set, but not to which Countersign it belongs.',
      'Set COUNTERSIGN_URL too, or give --url.',
    )
  }
  return { kind, secret, source: 'COUNTERSIGN_TOKEN', profile: null }
}
