import type { Upstream } from './configuration.ts'

export const redirectStatuses: ReadonlySet<number> = new Set([300, 301, 302, 303, 305, 307, 308])

export interface LocationOptions {
  /** The URL that was called, which a relative reference is relative to. */
  readonly calledUrl: string
  /** Our own origin. */
  readonly ownOrigin: string
}

/** Where an answer's Location leads, as our caller must see it. */
export type Relocated =
  /** To the upstream itself: a path of ours. */
  | { readonly kind: 'inside'; readonly location: string }
  /** To another place, as an absolute URL: what is relative to the upstream would be read as relative to us. */
  | { readonly kind: 'elsewhere'; readonly location: string }
  /** To another upstream of ours (a client would carry its token along), or unreadable. */
  | { readonly kind: 'refused' }

/** Reads `Location` (RFC 9110 section 10.2.2) from the caller's side of the proxy. */
export function relocate(
  location: string,
  { name, origin, basePath }: Pick<Upstream, 'name' | 'origin' | 'basePath'>,
  { calledUrl, ownOrigin }: LocationOptions,
): Relocated {
  const target = URL.parse(location, calledUrl)
  if (target === null) return { kind: 'refused' }
  const { pathname, search, hash } = target
  if (target.origin === origin && isUnder(basePath, pathname)) {
    return { kind: 'inside', location: `/${name}${pathname.slice(basePath.length)}${search}${hash}` }
  }
  if (target.origin !== ownOrigin) {
    return { kind: 'elsewhere', location: location.startsWith(target.origin) ? location : target.href }
  }
  return isUnder(`/${name}`, pathname)
    ? { kind: 'inside', location: `${pathname}${search}${hash}` }
    : { kind: 'refused' }
}

function isUnder(base: string, pathname: string): boolean {
  return pathname === base || pathname.startsWith(`${base}/`)
}
