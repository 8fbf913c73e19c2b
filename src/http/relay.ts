/** The upstream's answer on its way to the caller: the body as it comes, the headers by our rules. */
import { dropsAnswerHeader, privateCacheControl } from '../core/headers.ts'
import { redirectStatuses, relocate } from '../core/location.ts'
import type { Permit } from '../core/permit.ts'
import { Refusal } from '../core/problems.ts'

export interface RelayOptions {
  /** Our own origin. */
  readonly url: string
  /** The URL that was called. */
  readonly calledUrl: string
  /** The token came in Countersign-Authorization, which a client would carry along to another host. */
  readonly tokenInOwnHeader: boolean
  /** Texts of the credential that went out with the request. */
  readonly credentialTexts: readonly string[]
  readonly rateLimit: { readonly policy: string; readonly limit: string } | null
}

const bodylessStatuses: ReadonlySet<number> = new Set([204, 205, 304])

/** What the caller gets. Throws Refusal `upstream_bad_response` for what cannot be passed on. */
export const relay = (answer: Response, permit: Permit, options: RelayOptions): Response => {
  const { status } = answer
  if (status < 200 || status > 599)
    throw badResponse('The upstream answered with a status that is not final.', status)
  const headers = new Headers(answer.headers)
  dropHeaders(headers, options.credentialTexts)
  rewriteLocation(headers, status, permit, options)
  headers.set('cache-control', cacheControl(headers))
  headers.set('x-content-type-options', 'nosniff')
  headers.set('content-security-policy', "sandbox; default-src 'none'; frame-ancestors 'none'")
  headers.append('via', '1.1 countersign')
  if (status === 401 || status === 403) {
    headers.append('link', `<${options.url}/problems/upstream_refused>; rel="help"`)
  }
  if (options.rateLimit !== null) {
    headers.append('ratelimit-policy', options.rateLimit.policy)
    headers.append('ratelimit', options.rateLimit.limit)
  }
  // Without the upstream's reason phrase: free text that could repeat the credential, and that nobody has to read.
  return new Response(bodylessStatuses.has(status) ? null : answer.body, { status, headers })
}

const badResponse = (detail: string, reason: string | number): Refusal =>
  new Refusal('upstream_bad_response', { detail, reason: String(reason) })

/** Drops what is not passed on by its name, and every field that repeats the credential. */
const dropHeaders = (headers: Headers, credentialTexts: readonly string[]): void => {
  const dropped: string[] = []
  for (const [name, value] of headers) {
    if (dropsAnswerHeader(name) || credentialTexts.some((text) => value.includes(text))) dropped.push(name)
  }
  for (const name of dropped) headers.delete(name)
}

/** `Vary: *` says that the answer is for this request alone; no-store says the same, and leaves Vary to CORS. */
const cacheControl = (headers: Headers): string => {
  if (headers.get('vary')?.includes('*') !== true) return privateCacheControl(headers.get('cache-control'))
  headers.delete('vary')
  return privateCacheControl(null)
}

const rewriteLocation = (headers: Headers, status: number, permit: Permit, options: RelayOptions): void => {
  const location = headers.get('location')
  if (location === null) return
  const relocated = relocate(location, permit.upstream, { ...options, ownOrigin: options.url })
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
  if (relocated.kind === 'elsewhere' && options.tokenInOwnHeader && redirectStatuses.has(status)) {
    throw badResponse(
      'The upstream redirects to another host, and your client would carry Countersign-Authorization along. Send the token in Authorization, which clients drop then.',
      'redirect elsewhere with the token in Countersign-Authorization',
    )
  }
  headers.set('location', relocated.location)
}
