/**
 * `/device` (RFC 8628 section 3.3): a person types or confirms the code of a device, sees who asked for what and
 * from where (RFC 10027: the one thing that tells a friend's device from a thief's), and decides. A GET decides nothing.
 */
import { html } from 'hono/html'
import { userCodeAttemptsMax } from '../../core/limits.ts'
import { type ListedDevice, readUserCode } from '../../tokens/device.ts'
import { answered } from '../../tokens/token-service.ts'
import { userCodeDigest } from '../oauth/device-authorization.ts'
import type { LoginPayload } from '../oauth/people-grants.ts'
import type { Session } from '../sign-in/session.ts'
import { clientName, decide, grantOpened, newGrant, what } from './consent.ts'
import { readForm } from './form.ts'
import { hidden, page } from './page.ts'
import { countAttempt, type People } from './people.ts'

export async function showDevice(request: Request, session: Session, people: People): Promise<Response> {
  const typed = new URL(request.url).searchParams.get('user_code')
  if (typed === null) return askForCode(session)
  const found = await look(typed, session, people)
  if (found === null) return askForCode(session, true)
  return confirm(found, session, people)
}

function askForCode(session: Session, wrong = false): Promise<Response> {
  const fault = wrong
    ? html`<p class="bad" role="alert" id="fault">No device waits under this code. It may have expired, or was decided already; begin again on the device.</p>`
    : ''
  const body = html`<p>Your device or terminal shows a code.</p>${fault}<form method="get" action="/device"><label for="user_code">Code</label><input class="code" id="user_code" name="user_code" required maxlength="20" autocomplete="off" autocapitalize="characters" spellcheck="false" placeholder="XXXX-XXXX"${wrong ? html` aria-invalid="true" aria-describedby="fault"` : ''}><button>Continue</button></form>`
  return page('Log in a device', body, { session, status: wrong ? 404 : 200 })
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
  const minutes = Math.floor((service.now() - createdAt) / 60_000)
  const where = html`<dt>Asked</dt><dd>${minutes === 0 ? 'just now' : `${minutes} min ago`}, from ${from === null ? 'an unknown address' : html`the address <code>${from}</code>`}</dd>`
  const body = html`<p class="code">${userCode}</p><p class="note">Allow it only if you began this login yourself, and this code stands on your own device. Nobody who helps you needs you to.</p>${what(clientId, scopes, { person: session.person, service, where })}${decide('/device', session, hidden('user_code', userCode))}`
  return page(`Allow ${clientName(clientId)}?`, body, { session })
}

export async function decideDevice(request: Request, session: Session, people: People): Promise<Response> {
  const { service } = people
  const { config, directory, now } = service
  const form = await readForm(request, config.url, session)
  const found = await look(form.get('user_code') ?? '', session, people)
  if (found === null) return askForCode(session, true)
  const { clientId, scopes } = found.device
  const approved = form.get('decision') === 'approve'
  const grant = newGrant(session.person, service)
  const payload: LoginPayload = { grantId: grant.id, clientId, scopes }
  const decided = await answered(
    directory().decideDevice(
      {
        userCodeDigest: found.digest,
        approval: approved ? { grant, payload: JSON.stringify(payload) } : null,
      },
      now(),
      grantOpened(grant, { clientId, request, way: 'device' }),
    ),
  )
  if (!decided) return askForCode(session, true)
  return approved
    ? page('You are logged in there', html`<p>Go back to your device. You can close this page.</p>`, {
        session,
      })
    : page('Not allowed', html`<p>The device was told no. You can close this page.</p>`, { session })
}
