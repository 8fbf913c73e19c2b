/** The upstream's answer on its way to the caller: the body as it comes, the headers by our rules. */
import { parseList } from 'structured-headers'
import type { RateLimitFields } from '../accounts/accounts.ts'
import {
  byNames,
  connectionNamed,
  dropsAnswerHeader,
  privateCacheControl,
  repeatsText,
} from '../core/headers.ts'
import { redirectStatuses, relocate } from '../core/location.ts'
import type { Permit } from '../core/permit.ts'
import { Refusal } from '../core/problems.ts'
import { bodylessStatuses, type Sent } from './dispatch.ts'
import type { Fields } from './fields.ts'

export interface RelayOptions {
  /** Our own origin. */
  readonly url: string
  /** The token came in Countersign-Authorization, which a client would carry along to another host. */
  readonly tokenInOwnHeader: boolean
  readonly rateLimit: RateLimitFields | null
}

/** What the caller gets. Throws Refusal `upstream_bad_response` for what cannot be passed on. */
export function relay(sent: Sent, permit: Permit, options: RelayOptions): Response {
  const { answer, fields, credentialTexts } = sent
  const { status } = answer
  if (status < 200 || status > 599)
    throw badResponse('The upstream answered with a status that is not final.', status)
  const response = new Response(bodylessStatuses.has(status) ? null : answer.body, initOf(sent))
  const { headers } = response
  const { names } = fields
  dropHeaders(headers, fields, credentialTexts)
  if (names.includes('location')) rewriteLocation(headers, sent, permit, options)
  limitCaching(headers, names)
  headers.set('x-content-type-options', 'nosniff')
  headers.set('content-security-policy', "sandbox; default-src 'none'; frame-ancestors 'none'")
  headers.append('via', '1.1 countersign')
  if (status === 401 || status === 403) {
    headers.append('link', `<${options.url}/problems/upstream_refused>; rel="help"`)
  }
  if (options.rateLimit !== null) {
    appendToList(headers, names, ['ratelimit-policy', options.rateLimit.policy])
    appendToList(headers, names, ['ratelimit', options.rateLimit.limit])
  }
  return response
}

/**
 * The runtime copies status, reason phrase and headers of a whole answer for the price of one. The phrase is free text
 * that could repeat the credential; then it is left out.
 */
function initOf({ answer, credentialTexts }: Sent): ResponseInit {
  return credentialTexts.length > 0 && repeatsText(answer.statusText, credentialTexts)
    ? { status: answer.status, headers: answer.headers }
    : answer
}

/**
 * Behind the upstream's own members (RFC 9651 section 3.1). What is no list, such as the dictionary of
 * earlier drafts, or has no member, would make all of it unreadable, and gives way.
 */
function appendToList(
  headers: Headers,
  names: readonly string[],
  [name, member]: readonly [name: string, member: string],
): void {
  if (names.includes(name) && !hasMembers(headers.get(name) ?? '')) headers.delete(name)
  headers.append(name, member)
}

function hasMembers(list: string): boolean {
  try {
    return parseList(list).length > 0
  } catch {
    return false
  }
}

function badResponse(detail: string, reason: string | number): Refusal {
  return new Refusal('upstream_bad_response', { detail, reason: String(reason) })
}

/**
 * Drops what is not passed on by its name or because `Connection` names it, and every field that repeats the
 * credential, as it is or encoded as a `Location` would hold it.
 */
function dropHeaders(headers: Headers, { names, lines }: Fields, credentialTexts: readonly string[]): void {
  const named = names.includes('connection') ? connectionNamed(headers.get('connection')) : []
  for (const name of droppedOf(names)) headers.delete(name)
  for (const name of named) headers.delete(name)
  if (credentialTexts.length === 0) return
  // What all values together do not hold, in whatever encoding, none of them does.
  if (lines !== null && !repeatsText(lines, credentialTexts)) return
  for (const name of names) {
    if (repeatsText(headers.get(name) ?? '', credentialTexts)) headers.delete(name)
  }
}

const droppedOf = byNames((names) => names.filter(dropsAnswerHeader))

/** `Vary: *` says that the answer is for this request alone; no-store says the same, and leaves Vary to CORS. */
function limitCaching(headers: Headers, names: readonly string[]): void {
  const forOne = names.includes('vary') && headers.get('vary')?.includes('*') === true
  if (forOne) headers.delete('vary')
  const value = names.includes('cache-control') ? headers.get('cache-control') : null
  const limited = privateCacheControl(forOne ? null : value)
  if (limited !== value) headers.set('cache-control', limited)
}

function rewriteLocation(
  headers: Headers,
  { answer: { status }, url: calledUrl }: Sent,
  { upstream }: Permit,
  { url: ownOrigin, tokenInOwnHeader }: RelayOptions,
): void {
  const location = headers.get('location')
  if (location === null) return
  const relocated = relocate(location, upstream, { calledUrl, ownOrigin })
  if (relocated.kind === 'refused') {
    if (redirectStatuses.has(status)) {
      throw badResponse(
        'The upstream redirects to something that cannot be read, or to another upstream here.',
        'redirect unreadable or to our own origin',
      )
    }
    headers.delete('location')
    return
  }
  if (relocated.kind === 'elsewhere' && tokenInOwnHeader && redirectStatuses.has(status)) {
    throw badResponse(
      'The upstream redirects to another host, and your client would carry Countersign-Authorization along. Send the token in Authorization, which clients drop then.',
      'redirect elsewhere with the token in Countersign-Authorization',
    )
  }
  headers.set('location', relocated.location)
}
