/**
 * What a form must show before it has an effect (A03): the browser says that it comes from a page of ours
 * (Sec-Fetch-Site, Origin), it is a form, and it holds the token of this session, which other sites cannot read.
 */
import { sameDigest } from '../../tokens/opaque.ts'
import { readFormText } from '../bounded-body.ts'
import type { Session } from '../sign-in/session.ts'
import { PageRefusal } from './page.ts'

/** `session` null: nobody is signed in yet, and there is nothing that the token could belong to. */
export async function readForm(
  request: Request,
  url: string,
  session: Session | null,
): Promise<URLSearchParams> {
  const { headers } = request
  const site = headers.get('sec-fetch-site')
  const origin = headers.get('origin')
  const sameSite = site === 'same-origin' || (site === null && origin !== null)
  if (!sameSite || (origin !== null && origin !== url)) throw foreign('Sec-Fetch-Site or Origin', url)
  const text = await readFormText(request)
  if (text === null) throw foreign('not a form', url)
  const form = new URLSearchParams(text)
  if (session !== null && !sameDigest(form.get('csrf') ?? '', session.csrf)) throw foreign('csrf token', url)
  return form
}

function foreign(reason: string, url: string): PageRefusal {
  return new PageRefusal({
    error: 'origin_not_allowed',
    title: 'That did not come from this page',
    text: `Nothing was done. Open ${url} yourself, and try again there.`,
    reason: `form refused: ${reason}`,
  })
}
