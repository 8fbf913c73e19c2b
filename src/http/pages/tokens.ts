/**
 * `/dashboard/tokens`: personal tokens made, listed and revoked by people. What is done is done by the routes of the
 * admin API, with the session in place of a bearer token, so that a page can do nothing that the API would refuse.
 */

import { html } from 'hono/html'
import { Hono } from 'hono/tiny'
import { Refusal } from '../../core/problems.ts'
import { scopesOf } from '../../tokens/people.ts'
import type { TokenService } from '../../tokens/token-service.ts'
import type { Administrator } from '../admin/authorize.ts'
import { tokenRoutes } from '../admin/tokens.ts'
import { homePath } from '../sign-in/next.ts'
import type { Session } from '../sign-in/session.ts'
import { readForm } from './form.ts'
import { hidden, type Markup, page, seeOther } from './page.ts'
import type { People } from './people.ts'

interface ListedToken {
  readonly id: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly owner: string
  readonly createdAt: string
  readonly expiresAt: string | null
  readonly lastUsedAt: string | null
  readonly status: string
}

function administratorOf({ person, expiresAt, grantId }: Session, { config }: TokenService): Administrator {
  return {
    ...person,
    scopes: scopesOf(person, config.teams),
    expiresAt,
    grantId,
  }
}

type Api = (path: string, init?: { readonly method: string; readonly body?: object }) => Promise<Response>

/** Throws Refusal, as the API's routes do. */
function apiOf(request: Request, session: Session, service: TokenService): Api {
  const administrator = administratorOf(session, service)
  const routes = new Hono().route(
    '/',
    tokenRoutes(service, async () => administrator),
  )
  routes.onError((error) => {
    throw error
  })
  const headers = new Headers({ 'content-type': 'application/json' })
  const address = request.headers.get('cf-connecting-ip')
  if (address !== null) headers.set('cf-connecting-ip', address)
  return async (path, { method, body } = { method: 'GET' }) =>
    routes.fetch(
      new Request(`${service.config.url}/api/tokens${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    )
}

/** The team that the page is about: an admin may look at each. */
function teamOf(asked: string | null, { person }: Session, { config }: TokenService): string {
  if (person.role === 'admin' && asked !== null && config.teams.has(asked)) return asked
  return person.team ?? config.teams.keys().next().value ?? ''
}

export function showTokens(request: Request, session: Session, { service }: People): Promise<Response> {
  const team = teamOf(new URL(request.url).searchParams.get('team'), session, service)
  return tokensPage(apiOf(request, session, service), { team, session, service })
}

interface Shown {
  readonly team: string
  readonly session: Session
  readonly service: TokenService
  /** What has just happened. */
  readonly notice?: Markup
  readonly status?: number
}

async function tokensPage(api: Api, shown: Shown): Promise<Response> {
  const { team, session, service, notice = '', status = 200 } = shown
  const { person } = session
  const response = await api(`?limit=200&team=${encodeURIComponent(team)}`)
  const { items } = (await response.json()) as { readonly items: readonly ListedToken[] }
  const may = ({ owner, status: is }: ListedToken): boolean =>
    is === 'active' && (owner === person.subject || person.role !== 'member')
  const body = html`${notice}<p>A token lets a program act for <strong>${team}</strong> without you. Keep each in one place only, and revoke what you do not need.</p>${
    person.role === 'admin' ? chooseTeam(team, service) : ''
  }<h2>Make a token</h2>${newToken(team, session, service)}<h2>Tokens of ${team}</h2>${
    items.length === 0
      ? html`<p class="soft">There are none yet.</p>`
      : html`<ul class="list">${items.map((token) => item(token, may(token) ? { csrf: session.csrf, team } : null))}</ul>`
  }`
  return page('Tokens', body, { session, status, wide: true })
}

function chooseTeam(team: string, { config }: TokenService): Markup {
  return html`<form method="get" action="${homePath}" class="pair"><label for="of">Team</label><select id="of" name="team">${[
    ...config.teams.keys(),
  ].map(
    (name) => html`<option${name === team ? html` selected` : ''}>${name}</option>`,
  )}</select><button class="second">Show</button></form>`
}

function newToken(team: string, { csrf, person }: Session, { config }: TokenService): Markup {
  const scopes = scopesOf({ ...person, team }, config.teams)
  return html`<form method="post" action="${homePath}">${hidden('csrf', csrf)}${hidden('team', team)}<label for="name">Name</label><input id="name" name="name" required maxlength="64" autocomplete="off" placeholder="laptop, nightly report, ..."><fieldset><legend>It may</legend><ul>${scopes.map(
    (scope) =>
      html`<li><label><input type="checkbox" name="scope" value="${scope}"><code>${scope}</code></label></li>`,
  )}</ul></fieldset><label for="expiresIn">It ends in</label><select id="expiresIn" name="expiresIn"><option value="30d">30 days</option><option value="90d">90 days</option></select>${
    person.role === 'member'
      ? ''
      : html`<fieldset><ul><li><label><input type="checkbox" name="service" value="yes">For a service: booked as itself, not as you. It still ends when you leave the team</label></li></ul></fieldset>`
  }<button>Make the token</button></form>`
}

function day(instant: string | null, otherwise: string): string {
  return instant?.slice(0, 10) ?? otherwise
}

function item(
  { id, name, scopes, owner, createdAt, expiresAt, lastUsedAt, status }: ListedToken,
  revocable: { readonly csrf: string; readonly team: string } | null,
): Markup {
  return html`<li><div><p><strong>${name}</strong> ${status === 'active' ? '' : html`<span class="soft">(${status})</span>`}</p><p class="soft">${scopes.map((scope) => html`<code>${scope}</code> `)}</p><p class="soft">made ${day(createdAt, '')} by ${owner}, ends ${day(expiresAt, 'never')}, last used ${day(lastUsedAt, 'never')}</p></div>${
    revocable === null
      ? ''
      : html`<form method="post" action="${homePath}">${hidden('csrf', revocable.csrf)}${hidden('team', revocable.team)}<button class="second" name="revoke" value="${id}" aria-label="Revoke ${name}">Revoke</button></form>`
  }</li>`
}

export async function changeTokens(
  request: Request,
  session: Session,
  { service }: People,
): Promise<Response> {
  const form = await readForm(request, service.config.url, session)
  const api = apiOf(request, session, service)
  const team = teamOf(form.get('team'), session, service)
  const revoked = form.get('revoke')
  try {
    if (revoked !== null) {
      await api(`/${encodeURIComponent(revoked)}`, { method: 'DELETE' })
      return seeOther(`${homePath}?team=${encodeURIComponent(team)}`)
    }
    const body = {
      name: form.get('name') ?? '',
      team,
      scopes: form.getAll('scope'),
      expiresIn: form.get('expiresIn') ?? '',
      service: form.has('service'),
    }
    const { token } = (await (await api('', { method: 'POST', body })).json()) as { readonly token: string }
    const notice = html`<div class="note" role="status"><p><strong>Here it is, this once.</strong> Copy it now; Countersign keeps only a digest.</p><p><output>${token}</output></p></div>`
    return await tokensPage(api, { team, session, service, notice, status: 201 })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const notice = html`<p class="bad" role="alert">${error.detail}</p>`
    return tokensPage(api, { team, session, service, notice, status: 400 })
  }
}
