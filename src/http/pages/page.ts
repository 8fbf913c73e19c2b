/**
 * The one layout of all pages for people: no script, no other origin, one style sheet that stands in the page and
 * whose digest stands in the policy, so that nothing else can style them. Text from anywhere is escaped by `html`.
 */
import { html, raw } from 'hono/html'
import { base64, sha256OfText } from '../../core/bytes.ts'
import { type ProblemCode, problemRow } from '../../core/problems.ts'
import type { OAuthErrorCode } from '../../tokens/oauth-error.ts'
import { privateHeaders } from '../json.ts'
import type { Session } from '../sign-in/session.ts'
import { style } from './style.ts'

export type Markup = ReturnType<typeof html>

/** Why a page refuses: a problem, or what OAuth calls it, which is 400 but for one. */
export type PageError = ProblemCode | OAuthErrorCode

export interface PageOptions {
  /** Gives the page its status, and stands in Countersign-Error. */
  readonly error?: PageError | undefined
  readonly status?: number
  /** null: nobody is signed in. */
  readonly session?: Session | null
  /** Where forms may lead, redirects after them included: sources of CSP. */
  readonly formAction?: string
  /** Besides the usual ones, or in their place. */
  readonly headers?: Readonly<Record<string, string>>
  readonly wide?: boolean
}

export async function page(title: string, body: Markup, options: PageOptions = {}): Promise<Response> {
  const { error, session = null, formAction = "'self'", wide = false } = options
  const { status = error === undefined ? 200 : statusOf(error) } = options
  const text =
    await html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title} &middot; Countersign</title><style>${raw(style)}</style></head><body><header><a href="/dashboard/tokens">Countersign</a>${session && who(session)}</header><main${wide && html` class="wide"`}><h1>${title}</h1>${body}</main></body></html>`
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    ...privateHeaders,
    // Not `no-referrer`: with it, browsers send `Origin: null` with our own forms.
    'referrer-policy': 'same-origin',
    'x-frame-options': 'DENY',
    'cross-origin-opener-policy': 'same-origin',
    'content-security-policy': `default-src 'none'; style-src '${await styleDigest()}'; base-uri 'none'; form-action ${formAction}; frame-ancestors 'none'`,
    ...(error && { 'countersign-error': error }),
    ...options.headers,
  }
  return new Response(String(text), { status, headers })
}

function statusOf(error: PageError): number {
  return problemRow(error)?.status ?? (error === 'access_denied' ? 403 : 400)
}

function who({ person, csrf }: Session): Markup {
  return form(
    '/oauth/sign-out',
    { csrf },
    html`<span>${person.subject}</span><button class="plain">Sign out</button>`,
  )
}

/** A form that changes something; `hidden` holds the `csrf` of the session, where there is one. */
export function form(action: string, hidden: Readonly<Record<string, string>>, body: Markup): Markup {
  return html`<form method="post" action="${action}">${Object.entries(hidden).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )}${body}</form>`
}

/** A field that has to be filled in; with a fault, a screen reader reads that with it. */
export function field(name: string, label: string, attributes: Markup, fault = ''): Markup {
  return html`${fault && html`<p class="bad" role="alert" id="fault">${fault}</p>`}<label for="${name}">${label}</label><input id="${name}" name="${name}" required autocomplete="off" ${attributes}${fault && html` aria-invalid="true" aria-describedby="fault"`}>`
}

/** Goes on with a GET, whatever was before. */
export function seeOther(location: string, cookies: readonly string[] = []): Response {
  const headers = new Headers({ location, 'cache-control': 'no-store', 'referrer-policy': 'same-origin' })
  for (const cookie of cookies) headers.append('set-cookie', cookie)
  return new Response(null, { status: 303, headers })
}

export interface PageFailure {
  readonly error: PageError
  readonly title: string
  /** For the person: what happened, and what to do. */
  readonly text: string
  /** For the log. */
  readonly reason: string
  /** Where to try again. */
  readonly again?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Thrown wherever a page ends without what it was for. */
export class PageRefusal extends Error {
  override readonly name = 'PageRefusal'
  readonly failure: PageFailure

  constructor(failure: PageFailure) {
    super(failure.reason)
    this.failure = failure
  }
}

let digest = ''

async function styleDigest(): Promise<string> {
  if (digest !== '') return digest
  digest = `sha256-${base64(await sha256OfText(style))}`
  return digest
}
