/** URLs of the configuration: what may be sent to, and with a DNS name unless it is a loopback host. */
import { isLoopbackUrl, parseTargetUrl } from '../core/url.ts'
import type { Input } from './input.ts'

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
export function readBaseUrl(input: Input): BaseUrl | null {
  const url = readUrl(input, 'the base URL of the API, such as https://api.acme.example/v2')
  if (url === null) return null
  const text = String(input.value)
  if (text.includes('?')) return input.fault('must not have a query; routes and callers add theirs')
  if (/\/\.{1,2}(?:\/|$)|[^:/]\/\/|%2f|%5c|%2e|;/i.test(text))
    return input.fault('must have a plain path: no dot segments, double slashes, ";", %2f, %5c or %2e')
  const { origin, host, pathname } = url
  return { origin, host, basePath: pathname.replace(/\/$/, ''), barePath: pathname }
}

/** A URL with a path and possibly a query: a JWKS, an OpenID provider. */
export function readUrl(input: Input, what: string): URL | null {
  const { value } = input
  if (typeof value !== 'string')
    return input.fault(value === undefined ? `is missing: ${what}` : `must be text: ${what}`)
  const url = parse(value)
  return typeof url === 'string' ? input.fault(url) : url
}

/** Origins that need no parser to know that they are written as browsers send them. */
const plainOrigin = /^https:\/\/(?!(?:.*\.)?xn--)(?:[a-z0-9-]{1,63}\.)+[a-z]{2,63}$/

/** An origin in exactly the form in which browsers send it and tokens carry it. */
export function readOrigin(input: Input, what: string): string | null {
  if (typeof input.value === 'string' && plainOrigin.test(input.value)) return input.value
  const url = readUrl(input, what)
  if (url === null) return null
  if (input.value === url.origin) return url.origin
  return input.fault(`must be exactly an origin, without path or trailing slash: ${url.origin}`)
}

/** A redirect URI of a browser client: compared as text, so a wildcard would never match. */
export function readRedirectUri(input: Input): string | null {
  const url = readUrl(input, 'an exact redirect URI, such as https://shop.acme.example/cb')
  if (url === null) return null
  const text = String(input.value)
  if (text.includes('*')) return input.fault('must be exact; wildcards are not matched')
  return text
}
