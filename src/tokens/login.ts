/**
 * What a person's login leaves behind (a session cookie, a refresh token): random text, kept as a digest. What the
 * admin key opened ends with that key: its digest holds the key, so that another key finds nothing.
 */
import { Secret } from '../core/redact.ts'
import { digestOf, opaqueSecretBytes, opaqueText } from './opaque.ts'
import { adminKeyOwner } from './records.ts'

const prefixes = { person: 'csp_', adminKey: 'csa_' } as const

/** 256 random bits behind a prefix that scanners find; of whom it is shows only as far as the digest needs it. */
export function makeLoginSecret(randomBytes: (count: number) => Uint8Array, subject: string): string {
  return `${subject === adminKeyOwner ? prefixes.adminKey : prefixes.person}${opaqueText(randomBytes(opaqueSecretBytes))}`
}

/** Digest of a login's text. `adminKey` is the one that is set now. */
export function loginDigest(text: string, adminKey: Secret): Promise<string> {
  return digestOf(new Secret(text.startsWith(prefixes.adminKey) ? `${text}\n${adminKey.reveal()}` : text))
}

export interface PresentedRefreshToken {
  readonly familyDigest: string
  readonly digest: string
}

const refreshForm = /^(cs[pa]_[0-9A-Za-z]{43})_[0-9A-Za-z]{43}$/

/** The digests of a refresh token's family and of itself; null when it has not the form of one. */
export async function readRefreshToken(
  text: string,
  adminKey: Secret,
): Promise<PresentedRefreshToken | null> {
  const family = refreshForm.exec(text)?.[1]
  if (family === undefined) return null
  return { familyDigest: await loginDigest(family, adminKey), digest: await loginDigest(text, adminKey) }
}

/** The first refresh token of a family, or the next one: the same family, another secret. */
export function nextRefreshToken(
  randomBytes: (count: number) => Uint8Array,
  { subject, previous }: { readonly subject: string; readonly previous: string | null },
): string {
  const family = previous?.slice(0, previous.lastIndexOf('_')) ?? makeLoginSecret(randomBytes, subject)
  return `${family}_${opaqueText(randomBytes(opaqueSecretBytes))}`
}
