import { createHash, randomBytes } from 'node:crypto'

/** 256 random bits, as RFC 7636 section 4.1 wants a verifier and RFC 6749 section 10.12 a state. */
export function unguessable(): string {
  return randomBytes(32).toString('base64url')
}

/** S256 (RFC 7636 section 4.2). */
export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url')
}
