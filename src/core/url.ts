/**
 * URLs that we send something to. https, or http on a loopback host that is written as one: other spellings of
 * addresses (`2130706433`, `0177.0.0.1`, `LOCALHOST.`) are refused, because only a resolver knows where they lead.
 */

const loopbackForm = /^https?:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?(?:[/?#]|$)/
/** Spaces, controls, backslashes and non-ASCII: what `new URL` would silently rewrite. Hosts go as punycode. */
const plainForm = /^[\x21-\x5b\x5d-\x7e]+$/

/** http or https, on a loopback host that is written as one. */
export function isLoopbackUrl(text: string): boolean {
  return loopbackForm.test(text)
}

/** The parsed URL, or what is wrong with it as a place to send requests and credentials to. */
export function parseTargetUrl(text: string): URL | string {
  if (!plainForm.test(text)) return 'must be a URL in plain ASCII, without spaces and backslashes'
  const url = URL.parse(text)
  if (url === null) return 'must be a URL, such as https://api.acme.example'
  // An empty user leaves no trace in what is parsed, and the URL standard takes any number of slashes for two.
  if (url.username !== '' || url.password !== '' || /^[^:]*:\/*[^/?#]*@/.test(text))
    return 'must not hold a user or password; secrets live in bindings'
  if (text.includes('#')) return 'must not have a fragment (#...)'
  if (url.protocol !== 'https:' && !isLoopbackUrl(text))
    return 'must begin with https:// (http:// only for localhost, 127.0.0.1, [::1])'
  return url
}
