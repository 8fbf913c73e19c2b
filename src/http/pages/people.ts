/** What the pages work with, and how each begins and ends. */
import type { Context } from 'hono'
import { html } from 'hono/html'
import type { SignIn } from '../../core/configuration.ts'
import { attemptMillis } from '../../core/limits.ts'
import { asRefusal, problems } from '../../core/problems.ts'
import { OAuthRefusal } from '../../tokens/oauth-error.ts'
import { answered, type TokenService } from '../../tokens/token-service.ts'
import type { OwnEnv } from '../call.ts'
import { signInPath } from '../sign-in/next.ts'
import type { Provider } from '../sign-in/provider.ts'
import { findSession, type Session } from '../sign-in/session.ts'
import { type PageFailure, PageRefusal, page, seeOther } from './page.ts'

/** Signing in with the company: whose people, and who says so. */
export interface SignInBy extends SignIn {
  readonly provider: Provider
}

export interface People {
  readonly service: TokenService
  /** null: people sign in with the admin key alone. */
  readonly signIn: SignInBy | null
  readonly log: (line: string) => void
}

type Handler = (context: Context<OwnEnv>) => Promise<Response>

/** A page that anybody may ask for. What fails becomes a page that says so. */
export function open(
  people: People,
  answer: (request: Request, people: People) => Promise<Response>,
): Handler {
  return async ({ req: { raw }, env }) => {
    try {
      return await answer(raw, people)
    } catch (error) {
      const { title, text, reason, again, ...refusal } = failureOf(error)
      people.log(JSON.stringify({ event: 'page', id: env.call.id, error: refusal.error, reason }))
      return page(
        title,
        html`<p role="alert">${text}</p>${again && html`<p><a class="button" href="${again}">Try again</a></p>`}`,
        refusal,
      )
    }
  }
}

/** A page for who is signed in; everybody else signs in first and then comes back. */
export function signedIn(
  people: People,
  answer: (request: Request, session: Session, people: People) => Promise<Response>,
): Handler {
  return open(people, async (request) => {
    const session = await findSession(request, people.service)
    return session === null ? seeOther(signInPath(pathOf(request))) : answer(request, session, people)
  })
}

export function queryOf({ url }: Request): URLSearchParams {
  return new URL(url).searchParams
}

export function pathOf({ url }: Request): string {
  const { pathname, search } = new URL(url)
  return `${pathname}${search}`
}

/** D03, T12: throws a page with 429 beyond so many in ten minutes. */
export async function countAttempt(
  what: string,
  max: number,
  { directory, now }: TokenService,
): Promise<void> {
  const limit = { what, max, windowMillis: attemptMillis }
  if (await answered(directory().attempt(limit, now()))) return
  throw new PageRefusal({
    error: 'rate_limited',
    title: 'Too many attempts',
    text: 'Wait ten minutes, then try again.',
    reason: what,
    headers: { 'retry-after': String(attemptMillis / 1_000) },
  })
}

function failureOf(error: unknown): PageFailure {
  if (error instanceof PageRefusal) return error.failure
  if (error instanceof OAuthRefusal) {
    return {
      error: error.code,
      title: 'This request cannot be answered',
      text: `The application asked for something that is not offered. ${error.description}`,
      reason: error.code,
    }
  }
  const { code, detail, reason = code, headers } = asRefusal(error)
  return { error: code, title: problems[code].title, text: detail, reason, headers }
}
