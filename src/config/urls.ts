/** URLs of the configuration: what may be sent to, and with a DNS name unless it is a loopback host. */
import { isLoopbackUrl, parseTargetUrl } from '../core/url.ts'
import { type Input, type Reader, text } from './input.ts'

const addressForm = /^(?:\[.*\]|\d+(?:\.\d+){3})$/

/** What is wrong with it as a place to send requests to, or the parsed URL. */
function parse(text: string): URL | string {
  const url = parseTargetUrl(text)
  if (typeof url === 'string' || isLoopbackUrl(text)) return url
  if (addressForm.test(url.hostname)) return 'must have a DNS name, not an IP address'
  if (!/^[a-z0-9._-]+$/.test(url.hostname)) return 'must have a plain DNS name; wildcards are not matched'
  if (/^[^/]*\/*[^/?]*%/.test(text)) return 'must have a host without percent-encoding'
  return url
}

export interface BaseUrl {
  readonly origin: string
  /** `host[:port]`. */
  readonly host: string
  /** Without a trailing slash; `''` for a bare origin. */
  readonly basePath: string
  /** As it is written: `/` for a bare origin. */
  readonly barePath: string
}

/** The base URL of an upstream. */
export function readBaseUrl(at: Input): BaseUrl | null {
  const url = readUrl(at, 'the base URL of the API, such as https://api.acme.example/v2')
  if (url === null) return null
  const written = String(at.value)
  if (written.includes('?')) return at.fault('must not have a query; routes and callers add theirs')
  if (/\/\.{1,2}(?:\/|$)|[^:/]\/\/|%2f|%5c|%2e|;/i.test(written))
    return at.fault('must have a plain path: no dot segments, double slashes, ";", %2f, %5c or %2e')
  const { origin, host, pathname } = url
  return { origin, host, basePath: pathname.replace(/\/$/, ''), barePath: pathname }
}

/** A URL with a path and possibly a query: a JWKS, an OpenID provider. */
export function readUrl(at: Input, what: string): URL | null {
  const written = text(what)(at)
  const url = written === '' ? null : parse(written)
  return typeof url === 'string' ? at.fault(url) : url
}

/** The same, as it is written. */
export function readUrlText(what: string): Reader<string> {
  return (at) => (readUrl(at, what) === null ? '' : String(at.value))
}

/** Origins that need no parser to know that they are written as browsers send them. */
const plainOrigin = /^https:\/\/(?!(?:.*\.)?xn--)(?:[a-z0-9-]{1,63}\.)+[a-z]{2,63}$/

/** An origin in exactly the form in which browsers send it and tokens carry it. */
export function readOrigin(at: Input, what: string): string | null {
  if (typeof at.value === 'string' && plainOrigin.test(at.value)) return at.value
  const url = readUrl(at, what)
  if (url === null || at.value === url.origin) return url?.origin ?? null
  return at.fault(`must be exactly an origin, without path or trailing slash: ${url.origin}`)
}

/** A redirect URI of a browser client: compared as text, so a wildcard would never match. */
export function readRedirectUri(at: Input): string | null {
  const uri = readUrlText('an exact redirect URI, such as https://shop.acme.example/cb')(at)
  return uri.includes('*') ? at.fault('must be exact; wildcards are not matched') : uri
}
