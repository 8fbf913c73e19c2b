/**
 * The origin of a Countersign: https, or http on this machine, where nobody listens in between. Throws TypeError
 * for anything else, and for a URL that holds more than an origin: what is compared later is the whole origin,
 * never a beginning of it.
 */
export function countersignOrigin(url: string): string {
  const { protocol, hostname, origin, pathname, search, hash, username, password } = new URL(url)
  const local = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
  if (protocol !== 'https:' && !(protocol === 'http:' && local)) {
    throw new TypeError('The url of Countersign must begin with https:// (http:// only for this machine)')
  }
  if (pathname !== '/' || search + hash + username + password !== '') {
    throw new TypeError(`The url of Countersign is an origin, such as ${origin}`)
  }
  return origin
}
