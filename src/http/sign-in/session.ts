/**
 * Sessions of people: a cookie with random text, and a grant in `Directory` that it stands for. Each request reads
 * the person anew, so that who was revoked is out with the next click.
 */
import type { Configuration } from '../../core/configuration.ts'
import { adminSessionSeconds, sessionSeconds, signInSeconds } from '../../core/limits.ts'
import { Secret } from '../../core/redact.ts'
import { addressOf } from '../../tokens/audit.ts'
import { loginDigest, makeLoginSecret } from '../../tokens/login.ts'
import { digestOf } from '../../tokens/opaque.ts'
import { adminKeyOwner, grantIdOf, type Person } from '../../tokens/records.ts'
import { answered, type TokenService } from '../../tokens/token-service.ts'

export interface Session {
  /** `session:...`: what tokens made in it descend from. */
  readonly grantId: string
  readonly person: Person
  /** Seconds since 1970. */
  readonly expiresAt: number
  /** Stands in every form of this session: another site cannot read it. */
  readonly csrf: string
}

type SessionService = Pick<TokenService, 'config' | 'directory' | 'fingerprintKey' | 'now' | 'randomBytes'>

/**
 * A cookie of this one host: `__Host-` says so, and browsers take it only with Secure; on http, which the
 * configuration allows for loopback alone, it goes without both.
 */
function cookieOf(kind: 'session' | 'sign-in', { url }: Pick<Configuration, 'url'>) {
  const secure = url.startsWith('https:')
  const prefix = `${secure ? '__Host-' : ''}countersign-${kind}=`
  return {
    /** For so many seconds; 0 removes it. Lax: a link from elsewhere may lead to a page, no form from elsewhere carries it. */
    set: (value: string, seconds: number): string =>
      `${prefix}${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`,
    /** A cookie that was set once; one that stands there twice was put there by somebody else too. */
    read: (headers: Headers): string | null => {
      const found = (headers.get('cookie') ?? '').split(/; */).filter((pair) => pair.startsWith(prefix))
      return found.length === 1 ? (found[0]?.slice(prefix.length) ?? null) : null
    },
  }
}

const sessionForm = /^cs[pa]_[0-9A-Za-z]{43}$/

async function sessionGrantId(text: string, adminKey: Secret): Promise<string> {
  return grantIdOf('session', await loginDigest(text, adminKey))
}

/** Who is signed in; null: nobody, or not any more. */
export async function findSession({ headers }: Request, service: SessionService): Promise<Session | null> {
  const { config, directory, fingerprintKey, now } = service
  const text = cookieOf('session', config).read(headers)
  if (text === null || !sessionForm.test(text)) return null
  const grantId = await sessionGrantId(text, fingerprintKey)
  const grant = await answered(directory().findGrant(grantId, now()))
  if (grant === null || grant.person === null || grant.person.team !== grant.team) return null
  const csrf = await digestOf(new Secret(`csrf\n${text}`))
  return { grantId, person: grant.person, expiresAt: Math.floor(grant.expiresAt / 1000), csrf }
}

/** Opens a session; the cookie to set. What the person may is what they may from now on, everywhere. */
export async function openSession(
  person: Person,
  { headers }: Request,
  service: SessionService,
): Promise<string> {
  const { config, directory, fingerprintKey, now, randomBytes } = service
  const { subject, team, role } = person
  const seconds = subject === adminKeyOwner ? adminSessionSeconds : sessionSeconds
  const text = makeLoginSecret(randomBytes, subject)
  const id = await sessionGrantId(text, fingerprintKey)
  await answered(directory().rememberPerson(person, now()))
  await answered(
    directory().openGrant({ id, subject, team, expiresAt: now() + seconds * 1000 }, now(), {
      actor: subject,
      action: 'session.started',
      team,
      target: id,
      detail: { role },
      from: addressOf(headers),
    }),
  )
  return cookieOf('session', config).set(text, seconds)
}

export function forgetSession(config: Pick<Configuration, 'url'>): string {
  return cookieOf('session', config).set('', 0)
}

/** What has to be remembered on the way to the provider and back: in the browser, so that a flood costs us nothing. */
export function pendingSignIn(config: Pick<Configuration, 'url'>) {
  const { set, read } = cookieOf('sign-in', config)
  return { set: (value: string) => set(value, signInSeconds), read, clear: () => set('', 0) }
}
