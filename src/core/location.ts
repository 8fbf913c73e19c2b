import type { Upstream } from './configuration.ts'

export const redirectStatuses: ReadonlySet<number> = new Set([300, 301, 302, 303, 305, 307, 308])

/**
 * `Location` (RFC 9110 section 10.2.2) as our caller must see it: inside of the upstream's base it becomes a path
 * of ours; null when it leads elsewhere, or cannot be read, which is the same to whoever would follow it.
 */
export const rewriteLocation = (
  location: string,
  { name, origin, basePath }: Pick<Upstream, 'name' | 'origin' | 'basePath'>,
  calledUrl: string,
): string | null => {
  const target = URL.parse(location, calledUrl)
  if (target === null || target.origin !== origin) return null
  const { pathname } = target
  if (pathname !== basePath && !pathname.startsWith(`${basePath}/`)) return null
  return `/${name}${pathname.slice(basePath.length)}${target.search}${target.hash}`
}
