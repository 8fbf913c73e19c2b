/** Signing in, by the company's provider or with the admin key, and signing out. */

import { html } from 'hono/html'
import { Hono } from 'hono/tiny'
import { adminKeyAttemptsMax } from '../../core/limits.ts'
import { addressOf, networkOf } from '../../tokens/audit.ts'
import { makeLoginSecret } from '../../tokens/login.ts'
import { readPerson } from '../../tokens/people.ts'
import { adminKeyOwner, type Person } from '../../tokens/records.ts'
import { isAdminKey } from '../admin/authorize.ts'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import { endLogin } from '../oauth/people-grants.ts'
import { readForm } from '../pages/form.ts'
import { field, form, type Markup, PageRefusal, page, seeOther } from '../pages/page.ts'
import { countAttempt, open, type People, queryOf, type SignInBy, signedIn } from '../pages/people.ts'
import { safeNext, signInPath } from './next.ts'
import { ProviderFailure } from './provider.ts'
import { findSession, forgetSession, openSession, pendingSignIn, type Session } from './session.ts'

export function signInRoutes(people: People): OwnRoutes {
  const routes = new Hono<OwnEnv>()
    .get('/oauth/sign-in', open(people, showSignIn))
    .post('/oauth/sign-in', open(people, signInWithKey))
    .get('/oauth/sign-out', signedIn(people, showSignOut))
    .post('/oauth/sign-out', signedIn(people, signOut))
  const { signIn } = people
  if (signIn === null) return routes
  return routes
    .get(
      '/oauth/sign-in/start',
      open(people, (request) => start(request, signIn, people)),
    )
    .get(
      '/oauth/sign-in/callback',
      open(people, (request) => finish(request, signIn, people)),
    )
}

async function showSignIn(request: Request, people: People): Promise<Response> {
  const next = safeNext(queryOf(request).get('next'))
  if ((await findSession(request, people.service)) !== null) return seeOther(next)
  return signInPage(next, people)
}

function signInPage(next: string, { signIn }: People, fault?: string): Promise<Response> {
  const key = form(
    '/oauth/sign-in',
    { next },
    html`${field('key', 'Admin key', html`type="password"`, fault)}<button>Sign in</button>`,
  )
  const body: Markup =
    signIn === null
      ? html`<p>Sign in with the admin key of this Countersign. It opens everything, for an hour.</p>${key}`
      : html`<p>You sign in with your company. Countersign never sees your password.</p><p><a class="button" href="/oauth/sign-in/start?next=${encodeURIComponent(next)}">Continue with ${URL.parse(signIn.issuer)?.host}</a></p><details${fault && html` open`}><summary>Use the admin key instead</summary>${key}</details>`
  return page('Sign in', body, { error: fault === undefined ? undefined : 'access_denied' })
}

async function signInWithKey(request: Request, people: People): Promise<Response> {
  const { service } = people
  const sent = await readForm(request, service.config.url, null)
  await countAttempt(`admin key ${networkOf(request.headers)}`, adminKeyAttemptsMax, service)
  const next = safeNext(sent.get('next'))
  if (!(await isAdminKey(sent.get('key') ?? '', service.fingerprintKey)))
    return signInPage(next, people, 'This is not the admin key.')
  return enter({ subject: adminKeyOwner, role: 'admin', team: null }, { request, next, people })
}

/** To the provider. It has no effect but a cookie, so that a link may lead here. */
async function start(request: Request, { provider }: SignInBy, { service }: People): Promise<Response> {
  const { config, randomBytes } = service
  const next = safeNext(queryOf(request).get('next'))
  const secret = makeLoginSecret(randomBytes, '')
  const url = await provider.authorizationUrl(secret).catch(refusedByProvider(next))
  return seeOther(url, [pendingSignIn(config).set(`${secret}.${btoa(next)}`)])
}

async function finish(request: Request, signIn: SignInBy, people: People): Promise<Response> {
  const { config } = people.service
  const [secret = '', pending = ''] = (pendingSignIn(config).read(request.headers) ?? '').split('.', 2)
  const next = safeNext(decoded(pending))
  if (secret === '') throw signInFailed('no sign-in was begun in this browser', next)
  const claims = await signIn.provider.claimsOf(queryOf(request), secret).catch(refusedByProvider(next))
  const person = readPerson(claims, signIn, config.teams)
  if (person === null) {
    throw new PageRefusal({
      error: 'access_denied',
      title: 'There is no team for you here',
      text: 'Your account names no team of this Countersign. Ask the people who run it.',
      reason: 'claims name no team, and no admin',
    })
  }
  return enter(person, { request, next, people })
}

/** The pending part of the cookie is the browser's to change; what is not well-formed is none. */
function decoded(text: string): string | null {
  try {
    return atob(text)
  } catch {
    return null
  }
}

interface Entrance {
  readonly request: Request
  readonly next: string
  readonly people: People
}

/** A new session each time; one that was there before ends, so that nobody goes on under two names. */
async function enter(person: Person, { request, next, people }: Entrance): Promise<Response> {
  const { service } = people
  const before = await findSession(request, service)
  if (before !== null) await endSession(before, request, people)
  const cookie = await openSession(person, request, service)
  return seeOther(next, [cookie, pendingSignIn(service.config).clear()])
}

function endSession({ grantId, person }: Session, { headers }: Request, { service }: People): Promise<void> {
  return endLogin(grantId, { actor: person.subject, from: addressOf(headers), reason: 'signed out' }, service)
}

function refusedByProvider(next: string) {
  return (error: unknown): never => {
    if (error instanceof ProviderFailure) throw signInFailed(error.message, next)
    throw error
  }
}

function signInFailed(reason: string, next: string): PageRefusal {
  return new PageRefusal({
    error: 'access_denied',
    title: 'Signing in did not work',
    text: 'Nothing was done. Begin again; if it goes on, tell the people who run this Countersign.',
    reason: `sign-in: ${reason}`,
    again: signInPath(next),
  })
}

function showSignOut(_request: Request, session: Session): Promise<Response> {
  const { person, csrf } = session
  const body = html`<p>You are signed in as ${person.subject}.</p>${form('/oauth/sign-out', { csrf }, html`<button>Sign out</button>`)}`
  return page('Sign out', body, { session })
}

async function signOut(request: Request, session: Session, people: People): Promise<Response> {
  const { config } = people.service
  await readForm(request, config.url, session)
  await endSession(session, request, people)
  return page(
    'You are signed out',
    html`<p>Terminals that you logged in stay so; <code>countersign logout</code> ends one.</p><p><a href="/oauth/sign-in">Sign in again</a></p>`,
    { headers: { 'set-cookie': forgetSession(config) } },
  )
}
