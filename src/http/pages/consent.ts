/**
 * `/oauth/authorize` (RFC 6749 section 4.1): a person sees who asks for what and where it goes, and agrees or not.
 * The GET has no effect. Both read the request from the query, in the same way.
 */
import { html } from 'hono/html'
import { hex } from '../../core/bytes.ts'
import type { Configuration } from '../../core/configuration.ts'
import { authorizationCodeSeconds, consentAttemptsMax, refreshSeconds } from '../../core/limits.ts'
import { Secret } from '../../core/redact.ts'
import { cliClientId } from '../../core/reserved.ts'
import { addressOf } from '../../tokens/audit.ts'
import {
  type Asker,
  type AuthorizationRequest,
  answerUri,
  readAsker,
  readAuthorization,
} from '../../tokens/authorization.ts'
import type { ListedDevice } from '../../tokens/device.ts'
import { OAuthRefusal } from '../../tokens/oauth-error.ts'
import { digestOf, opaqueSecretBytes, opaqueText } from '../../tokens/opaque.ts'
import { readParameters } from '../../tokens/parameters.ts'
import { scopesOf } from '../../tokens/people.ts'
import { type GrantRecord, grantIdOf, type Person } from '../../tokens/records.ts'
import { answered, type TokenService } from '../../tokens/token-service.ts'
import type { LoginPayload } from '../oauth/people-grants.ts'
import { signInPath } from '../sign-in/next.ts'
import { findSession, type Session } from '../sign-in/session.ts'
import { readForm } from './form.ts'
import { form, type Markup, page, seeOther } from './page.ts'
import { countAttempt, type People, pathOf } from './people.ts'

/** Who asks is known before anybody signs in: a forged address ends here, and not after a sign-in. */
export async function authorize(request: Request, { service }: People): Promise<Response> {
  const { config } = service
  const parameters = readParameters(new URL(request.url).search.slice(1))
  const asker = readAsker(parameters, config.clients)
  try {
    const wanted = readAuthorization(parameters, asker, config.url)
    const session = await findSession(request, service)
    if (session === null) return seeOther(signInPath(pathOf(request)))
    if (endsInNothing({ ...asker, ...wanted }, session.person, config.teams))
      throw new OAuthRefusal('invalid_scope', 'Who signed in may call nothing of what was asked for.')
    if (request.method !== 'POST') return showConsent(asker, wanted.scopes, { session, request, service })
    const decided = await readForm(request, config.url, session)
    if (decided.get('decision') !== 'approve')
      throw new OAuthRefusal('access_denied', 'The person did not agree.')
    await countAttempt(`consent ${session.person.subject}`, consentAttemptsMax, service)
    const code = await makeCode(asker, wanted, { session, request, service })
    return seeOther(answerUri(asker, { code }, config.url))
  } catch (error) {
    if (!(error instanceof OAuthRefusal)) throw error
    const answer = { error: error.code, error_description: error.description }
    return seeOther(answerUri(asker, answer, config.url))
  }
}

/**
 * Whether a login would get no token, whoever agrees to it: one for calls, of which this person may make none. The
 * terminal administers besides, but where it asked for calls by name.
 */
export function endsInNothing(
  { clientId, scopes, audience }: Pick<ListedDevice, 'clientId' | 'scopes' | 'audience'>,
  person: Person,
  teams: Configuration['teams'],
): boolean {
  const administers = clientId === cliClientId && (scopes === null || audience === 'administration')
  return !administers && scopesOf(person, teams, { asked: scopes }).length === 0
}

interface Consent {
  readonly session: Session
  readonly request: Request
  readonly service: TokenService
}

async function makeCode(
  { clientId, redirectUri }: Asker,
  wanted: AuthorizationRequest,
  { session, request, service }: Consent,
): Promise<string> {
  const { directory, now, randomBytes } = service
  const grant = newGrant(session.person, service)
  await answered(
    directory().openGrant(grant, now(), grantOpened(grant, { clientId, request, way: 'browser' })),
  )
  const code = opaqueText(randomBytes(opaqueSecretBytes))
  const payload: LoginPayload = { ...wanted, grantId: grant.id, clientId, redirectUri }
  const deposited = await answered(
    directory().deposit(
      {
        kind: 'code',
        digest: await digestOf(new Secret(code)),
        grantId: grant.id,
        payload: JSON.stringify(payload),
        expiresAt: now() + authorizationCodeSeconds * 1000,
      },
      now(),
    ),
  )
  if (deposited !== 'stored')
    throw new OAuthRefusal('temporarily_unavailable', 'Too many codes wait. Try again.')
  return code
}

/** A login of this person: what its tokens descend from. */
export function newGrant(
  { subject, team }: Person,
  { now, randomBytes }: Pick<TokenService, 'now' | 'randomBytes'>,
): GrantRecord {
  return {
    id: grantIdOf('refresh', hex(randomBytes(16))),
    subject,
    team,
    expiresAt: now() + refreshSeconds * 1000,
  }
}

interface Opening {
  readonly clientId: string
  readonly request: Request
  readonly way: 'browser' | 'device'
}

export function grantOpened({ id, subject, team }: GrantRecord, { clientId, request, way }: Opening) {
  return {
    actor: subject,
    action: 'grant.opened',
    team,
    target: id,
    detail: { client: clientId, way },
    from: addressOf(request.headers),
  } as const
}

function showConsent(
  { clientId, redirectUri }: Asker,
  scopes: readonly string[] | null,
  { session, request, service }: Consent,
): Promise<Response> {
  const { origin } = new URL(redirectUri)
  const where = html`<dt>Sent to</dt><dd>${clientId === cliClientId && 'a program on this computer, '}<code>${origin}</code></dd>`
  const body = html`${what(clientId, scopes, { person: session.person, service, where })}${decide(pathOf(request), { csrf: session.csrf })}`
  // A source of CSP has no IPv6 literal; its scheme is the nearest that it can say.
  const formAction = `'self' ${origin.startsWith('http://[') ? 'http:' : origin}`
  return page(`Allow ${clientName(clientId)}?`, body, { session, formAction })
}

export function clientName(clientId: string): string {
  return clientId === cliClientId ? 'the Countersign command line' : clientId
}

interface Asked {
  readonly person: Person
  readonly service: TokenService
  /** A row that says where it was asked, or where the answer goes. */
  readonly where: Markup
}

/** Client, person and scopes, in the same words on both pages where people agree to something. */
export function what(
  clientId: string,
  scopes: readonly string[] | null,
  { person, service, where }: Asked,
): Markup {
  const calls = scopesOf(person, service.config.teams, { asked: scopes })
  return html`<p><code>${clientId}</code> wants to act as you, for up to 30 days, or until you log out there.</p><dl><dt>You</dt><dd>${person.subject}</dd>${
    person.team && html`<dt>Team</dt><dd>${person.team}</dd>`
  }<dt>It may call</dt><dd>${
    calls.length === 0
      ? 'nothing'
      : html`<ul>${calls.map((scope) => html`<li><code>${scope}</code></li>`)}</ul>`
  }</dd>${clientId === cliClientId && html`<dt>and administer</dt><dd>what you may as ${person.role}</dd>`}${where}</dl>`
}

export function decide(
  action: string,
  hidden: Readonly<Record<string, string>>,
  { may = true } = {},
): Markup {
  return form(
    action,
    hidden,
    html`<div class="row">${may && html`<button name="decision" value="approve">Allow</button>`}<button class="second" name="decision" value="deny">Do not allow</button></div>`,
  )
}
