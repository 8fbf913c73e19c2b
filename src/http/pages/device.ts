/**
 * `/device` (RFC 8628 section 3.3): a person types or confirms the code of a device, sees who asked for what and
 * from where (RFC 10027: the one thing that tells a friend's device from a thief's), and decides. A GET decides nothing.
 */
import { html } from 'hono/html'
import { userCodeAttemptsMax } from '../../core/limits.ts'
import { type ListedDevice, readUserCode } from '../../tokens/device.ts'
import type { Person } from '../../tokens/records.ts'
import { answered } from '../../tokens/token-service.ts'
import { userCodeDigest } from '../oauth/device-authorization.ts'
import type { LoginPayload } from '../oauth/people-grants.ts'
import type { Session } from '../sign-in/session.ts'
import { clientName, decide, endsInNothing, grantOpened, newGrant, what } from './consent.ts'
import { readForm } from './form.ts'
import { field, type Markup, page } from './page.ts'
import { countAttempt, type People, queryOf } from './people.ts'

export async function showDevice(request: Request, session: Session, people: People): Promise<Response> {
  const typed = queryOf(request).get('user_code')
  if (typed === null) return askForCode(session)
  const found = await look(typed, session, people)
  return found === null ? notWaiting(session) : confirm(found, session, people)
}

function askForCode(session: Session, fault?: string): Promise<Response> {
  const code = field(
    'user_code',
    'Code',
    html`class="code" maxlength="20" autocapitalize="characters" spellcheck="false" placeholder="XXXX-XXXX"`,
    fault,
  )
  const body = html`<p>Your device or terminal shows a code.</p><form method="get" action="/device">${code}<button>Continue</button></form>`
  return page('Log in a device', body, { session, error: fault === undefined ? undefined : 'not_found' })
}

function notWaiting(session: Session): Promise<Response> {
  return askForCode(
    session,
    'No device waits under this code. It may have expired, or was decided already; begin again on the device.',
  )
}

interface Waiting {
  readonly userCode: string
  readonly digest: string
  readonly device: ListedDevice
}

/** T12: each look counts, right or wrong, by the person who looks. */
async function look(typed: string, session: Session, { service }: People): Promise<Waiting | null> {
  await countAttempt(`user code ${session.person.subject}`, userCodeAttemptsMax, service)
  const userCode = readUserCode(typed)
  if (userCode === null) return null
  const digest = await userCodeDigest(userCode, service.fingerprintKey)
  const device = await answered(service.directory().lookAtDevice(digest, service.now()))
  return device === null ? null : { userCode, digest, device }
}

function confirm({ userCode, device }: Waiting, session: Session, { service }: People): Promise<Response> {
  const { clientId, scopes, from, createdAt } = device
  const { person, csrf } = session
  const nothing = endsInNothing(device, person, service.config.teams)
  const minutes = Math.floor((service.now() - createdAt) / 60_000)
  const where = html`<dt>Asked</dt><dd>${minutes === 0 ? 'just now' : `${minutes} min ago`}, from ${from === null ? 'an unknown address' : html`the address <code>${from}</code>`}</dd>`
  const body = html`<p class="code">${userCode}</p><p class="note">Allow it only if you began this login yourself, and this code stands on your own device. Nobody who helps you needs you to.</p>${nothing && cannot(scopes, person)}${what(clientId, scopes, { person, service, where })}${decide('/device', { csrf, user_code: userCode }, { may: !nothing })}`
  return page(`Allow ${clientName(clientId)}?`, body, {
    session,
    error: nothing ? 'scope_insufficient' : undefined,
  })
}

function cannot(scopes: readonly string[] | null, { team }: Person): Markup {
  const asked = scopes === null ? '' : ` of ${scopes.join(' ')}`
  const why = team === null ? 'you belong to no team' : `your team ${team} was granted nothing${asked}`
  return html`<p class="bad" role="alert">You cannot allow it: ${why}. Somebody else may, or begin again on the device.</p>`
}

export async function decideDevice(request: Request, session: Session, people: People): Promise<Response> {
  const { service } = people
  const { config, directory, now } = service
  const form = await readForm(request, config.url, session)
  const found = await look(form.get('user_code') ?? '', session, people)
  if (found === null) return notWaiting(session)
  const { clientId, scopes, audience } = found.device
  const approved = form.get('decision') === 'approve'
  if (approved && endsInNothing(found.device, session.person, config.teams))
    return confirm(found, session, people)
  const grant = newGrant(session.person, service)
  const payload: LoginPayload = { grantId: grant.id, clientId, scopes, audience }
  const opened = grantOpened(grant, { clientId, request, way: 'device' })
  const decided = await answered(
    directory().decideDevice(
      {
        userCodeDigest: found.digest,
        approval: approved ? { grant, payload: JSON.stringify(payload) } : null,
      },
      now(),
      approved ? opened : { ...opened, action: 'grant.denied', target: clientId },
    ),
  )
  if (!decided) return notWaiting(session)
  const [title, text] = approved
    ? ['You are logged in there', 'Go back to your device.']
    : ['Not allowed', 'The device was told no.']
  return page(title, html`<p>${text} You can close this page.</p>`, { session })
}
