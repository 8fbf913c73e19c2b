/** Entity tags (RFC 9110 section 8.8.3) of what the administration shows, and `If-Match`, by which a change names one. */
import { base64url, sha256OfText } from '../../core/bytes.ts'
import { headerInvalid } from '../../core/problems.ts'
import { privateHeaders, privateJson } from '../json.ts'

/** A strong one: what differs in a byte has another. */
export async function entityTagOf(representation: object): Promise<string> {
  return `"${base64url(await sha256OfText(JSON.stringify(representation)))}"`
}

/** Its answer. Who compresses an answer makes its tag a weak one, which no `If-Match` may name: hence `no-transform`. */
export async function taggedJson(representation: object): Promise<Response> {
  return privateJson(representation, 200, {
    etag: await entityTagOf(representation),
    'cache-control': `${privateHeaders['cache-control']}, no-transform`,
  })
}

/** Places of a list may be empty (section 5.6.1.2). */
const listForm = /^(?:[\s,]*(?:W\/)?"[^\s"]*"\s*(?:,|$))+[\s,]*$/

/** Whether the tag stands in the list of an `If-Match` (section 13.1.1), compared strongly. Throws Refusal `header_invalid`. */
export function namesTag(ifMatch: string, tag: string): boolean {
  if (listForm.test(ifMatch)) return ifMatch.match(/(?:W\/)?"[^"]*"/g)?.includes(tag) === true
  throw headerInvalid('Send If-Match as * or as ETags, each in its quotes.')
}
