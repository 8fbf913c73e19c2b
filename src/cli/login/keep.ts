/** What a login ends with: the credential is known to be good, and only then it is written down. */

import type { AccessToken } from '../../client/exchange.ts'
import type { Secret } from '../../core/redact.ts'
import { audienceUrl } from '../access.ts'
import { api, strangeAnswer } from '../api.ts'
import type { Context } from '../context.ts'
import { kindOfToken } from '../credential.ts'
import { type Audience, readCredentials, type StoredCredential, writeCredentials } from '../credentials.ts'
import { Failure, usageFailure } from '../failure.ts'
import { withLock } from '../file-lock.ts'
import { exchange, type Issued, revokeToken } from '../oauth.ts'
import { assertWritable } from '../private-files.ts'
import { defaultProfile, readProfiles, stateDirectory, writeProfiles } from '../profiles.ts'
import { askedProfile, askedUrl, defaultUrl } from '../settings.ts'

export interface Place {
  readonly profile: string
  readonly url: string
}

/**
 * Where a login goes. A profile stands for one Countersign: another one's login is not put over it. Throws Failure
 * where nothing can be kept, before anybody signs in.
 */
export function readPlace({ flags, environment }: Context): Place {
  assertWritable(stateDirectory())
  const { current, urls } = readProfiles()
  const profile = askedProfile(flags, environment)?.value ?? current ?? defaultProfile
  const there = urls.get(profile)
  const asked = askedUrl(flags, environment)
  const url = asked?.value ?? there ?? defaultUrl
  if (there !== undefined && there !== url) {
    throw new Failure('conflict', `The profile ${profile} is for ${there}.`, {
      hint: `Give this one a name: countersign login --url ${url} --profile NAME`,
    })
  }
  return { profile, url }
}

export interface Identity {
  readonly subject: unknown
  readonly team: unknown
  readonly role: unknown
}

/** A token that was made elsewhere. Throws Failure when it is not good, and writes nothing then. */
export async function keepToken(context: Context, place: Place, secret: Secret): Promise<Identity> {
  const kind = kindOfToken(secret.reveal())
  if (kind === 'jwt') {
    throw usageFailure(
      'A JWT lasts minutes; there is nothing to log in with.',
      'Set COUNTERSIGN_TOKEN to it.',
    )
  }
  const accessTokens = new Map<Audience, AccessToken>()
  if (kind === 'personal') {
    const resource = audienceUrl(place.url, 'administration')
    accessTokens.set('administration', await exchange(place.url, secret, { resource }))
  }
  const text = accessTokens.get('administration')?.text ?? secret.reveal()
  const identity = await whoami(context, place.url, text)
  await save(place, { url: place.url, kind: 'token', secret, accessTokens })
  return identity
}

/** What a person approved. `issued`: for the administration, which says who they are. */
export async function keepSession(context: Context, place: Place, issued: Issued): Promise<Identity> {
  const { accessToken, refreshToken } = issued
  if (refreshToken === null) {
    throw new Failure('failure', `${place.url} gave a token that cannot be renewed.`, {
      hint: 'Nothing was saved. Is it a Countersign of this version?',
    })
  }
  const identity = await whoami(context, place.url, accessToken.text)
  const accessTokens = new Map<Audience, AccessToken>([['administration', accessToken]])
  await save(place, { url: place.url, kind: 'session', secret: refreshToken, accessTokens })
  return identity
}

async function whoami(context: Context, url: string, token: string): Promise<Identity> {
  const { subject, team, role } = await api(context, '/api/whoami', { given: { url, token } })
  if (typeof subject !== 'string') throw strangeAnswer(url)
  return { subject, team, role }
}

/** The credential first: a profile without one is merely logged out. */
async function save({ profile, url }: Place, credential: StoredCredential): Promise<void> {
  const replaced = await withLock(stateDirectory(), () => {
    const credentials = new Map(readCredentials())
    const before = credentials.get(profile)
    writeCredentials(credentials.set(profile, credential))
    writeProfiles({ current: profile, urls: new Map(readProfiles().urls).set(profile, url) })
    return before
  })
  // A login that nobody can use any more should not live on. A personal token may be used elsewhere.
  if (replaced?.kind === 'session') await revokeToken(replaced.url, replaced.secret).catch(() => false)
}
