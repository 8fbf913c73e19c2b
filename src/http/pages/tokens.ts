/**
 * `/dashboard/tokens`: personal tokens made, listed and revoked by people. What is done is done as by the
 * admin API, with the session in place of a bearer token, so that a page can do nothing that the API would refuse.
 */

import { html } from 'hono/html'
import { pageItemsMax } from '../../core/limits.ts'
import { Refusal } from '../../core/problems.ts'
import { readCursor } from '../../tokens/page.ts'
import { scopesOf } from '../../tokens/people.ts'
import type { TokenService } from '../../tokens/token-service.ts'
import type { Administrator } from '../admin/authorize.ts'
import { createToken, listTokens, revokeToken, type TokenListing } from '../admin/tokens.ts'
import { homePath } from '../sign-in/next.ts'
import type { Session } from '../sign-in/session.ts'
import { readForm } from './form.ts'
import { field, form, type Markup, type PageOptions, page, seeOther } from './page.ts'
import { type People, queryOf } from './people.ts'

function administratorOf({ person, expiresAt, grantId }: Session, { config }: TokenService): Administrator {
  return { ...person, scopes: scopesOf(person, config.teams), expiresAt, grantId }
}

/** The team that the page is about: an admin may look at each. */
function teamOf(asked: string | null, { person }: Session, { config }: TokenService): string {
  if (person.role === 'admin' && asked !== null && config.teams.has(asked)) return asked
  return person.team ?? config.teams.keys().next().value ?? ''
}

export function showTokens(request: Request, session: Session, { service }: People): Promise<Response> {
  const query = queryOf(request)
  const team = teamOf(query.get('team'), session, service)
  return tokensPage({ team, session, service, cursor: query.get('cursor') })
}

interface Shown {
  readonly team: string
  readonly session: Session
  readonly service: TokenService
  /** Of the page before; without it, the newest are shown. */
  readonly cursor?: string | null
  /** What has just happened. */
  readonly notice?: Markup
  readonly how?: Pick<PageOptions, 'status' | 'error'>
}

/** Where the tokens behind that cursor are shown; without one, the newest. */
function placeOf(team: string, cursor: string | null): string {
  return `${homePath}?${new URLSearchParams({ team, ...(cursor && { cursor }) })}`
}

async function tokensPage({ team, session, service, cursor, notice, how }: Shown): Promise<Response> {
  const { person, csrf } = session
  const hidden = { csrf, team, cursor: cursor ?? '' }
  const query = { team, limit: pageItemsMax, ...(cursor && { cursor: readCursor(cursor) }) }
  const { items, next } = await listTokens(query, administratorOf(session, service), service)
  const may = (token: TokenListing): boolean =>
    token.status === 'active' && (token.owner === person.subject || person.role !== 'member')
  const body = html`${notice}<p>A token lets a program act for <strong>${team}</strong> without you. Keep each in one place only, and revoke what you do not need.</p>${
    person.role === 'admin' && chooseTeam(team, service)
  }<h2>Make a token</h2>${newToken(team, session, service)}<h2>Tokens of ${team}</h2>${
    items.length === 0
      ? html`<p class="soft">There are none yet.</p>`
      : html`<ul class="list">${items.map((token) => item(token, may(token) && revoking(token, hidden)))}</ul>`
  }${next && html`<p><a class="button second" href="${placeOf(team, next)}">Older tokens</a></p>`}`
  return page('Tokens', body, { session, wide: true, ...how })
}

function chooseTeam(team: string, { config }: TokenService): Markup {
  return html`<form method="get" action="${homePath}" class="row"><label for="of">Team</label><select id="of" name="team">${[
    ...config.teams.keys(),
  ].map(
    (name) => html`<option${name === team && html` selected`}>${name}</option>`,
  )}</select><button class="second">Show</button></form>`
}

function newToken(team: string, { csrf, person }: Session, { config }: TokenService): Markup {
  const scopes = scopesOf({ ...person, team }, config.teams)
  const name = field('name', 'Name', html`maxlength="64" placeholder="laptop, nightly report, ..."`)
  const body = html`${name}<fieldset><legend>It may</legend><ul>${scopes.map((scope) =>
    choice('scope', scope, html`<code>${scope}</code>`),
  )}</ul></fieldset><label for="expiresIn">It ends in</label><select id="expiresIn" name="expiresIn">${[
    30, 90,
  ].map((days) => html`<option value="${days}d">${days} days</option>`)}</select>${
    person.role !== 'member' &&
    html`<fieldset><ul>${choice('service', 'yes', 'For a service: booked as itself, not as you. It still ends when you leave the team')}</ul></fieldset>`
  }<button>Make the token</button>`
  return form(homePath, { csrf, team }, body)
}

function choice(name: string, value: string, label: Markup | string): Markup {
  return html`<li><label><input type="checkbox" name="${name}" value="${value}">${label}</label></li>`
}

function day(instant: string | null): string {
  return instant?.slice(0, 10) ?? 'never'
}

function item(
  { name, scopes, owner, createdAt, expiresAt, lastUsedAt, status }: TokenListing,
  revocation: Markup | false,
): Markup {
  return html`<li><div><p><strong>${name}</strong> ${status !== 'active' && html`<span class="soft">(${status})</span>`}</p><p class="soft">${scopes.map((scope) => html`<code>${scope}</code> `)}</p><p class="soft">made ${day(createdAt)} by ${owner}, ends ${day(expiresAt)}, last used ${day(lastUsedAt)}</p></div>${revocation}</li>`
}

function revoking({ id, name }: TokenListing, hidden: Readonly<Record<string, string>>): Markup {
  return form(
    homePath,
    hidden,
    html`<button class="second" name="revoke" value="${id}" aria-label="Revoke ${name}">Revoke</button>`,
  )
}

export async function changeTokens(
  request: Request,
  session: Session,
  { service }: People,
): Promise<Response> {
  const sent = await readForm(request, service.config.url, session)
  const team = teamOf(sent.get('team'), session, service)
  const call = { request, administrator: administratorOf(session, service) }
  const revoked = sent.get('revoke')
  const shown = { team, session, service }
  try {
    if (revoked !== null) {
      await revokeToken({ ...call, id: revoked }, service)
      return seeOther(placeOf(team, sent.get('cursor')))
    }
    const wanted = {
      name: sent.get('name') ?? '',
      // As it was sent: for a team that is not theirs, nobody gets a token of another one.
      team: sent.get('team') ?? team,
      scopes: sent.getAll('scope'),
      expiresIn: sent.get('expiresIn') ?? '',
      service: sent.has('service'),
    }
    const { token } = await createToken(wanted, call, service)
    const notice = html`<div class="note" role="status"><p><strong>Here it is, this once.</strong> Copy it now; Countersign keeps only a digest.</p><p><output>${token}</output></p></div>`
    return await tokensPage({ ...shown, notice, how: { status: 201 } })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return tokensPage({
      ...shown,
      notice: html`<p class="bad" role="alert">${error.detail}</p>`,
      how: { error: error.code },
    })
  }
}
