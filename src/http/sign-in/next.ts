import { signInNextCharsMax } from '../../core/limits.ts'

/**
 * Where a person goes after they signed in: a page of ours, and nowhere else. Compared as it was written, because
 * browsers read `//evil` and `/\evil` as other hosts.
 */
const nextForm = /^\/(?:device|oauth\/authorize|dashboard(?:\/[a-z-]+)*)(?:\?[\x21\x23-\x5b\x5d-\x7e]*)?$/

export const homePath = '/dashboard/tokens'

/** The path with its query, when it is one of ours; else the page that everybody has. */
export function safeNext(text: string | null | undefined): string {
  return text != null && text.length <= signInNextCharsMax && nextForm.test(text) ? text : homePath
}

export function signInPath(next: string): string {
  return `/oauth/sign-in?next=${encodeURIComponent(next)}`
}
