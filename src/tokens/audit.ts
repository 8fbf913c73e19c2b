/**
 * The audit log: who changed what, when, from where. Every state change of the token service and of the admin
 * API is one entry, written in the same transaction as the change where both live in `Directory`.
 */
import { hex, utf8 } from '../core/bytes.ts'
import type { Secret } from '../core/redact.ts'

export type AuditAction =
  | 'token.created'
  | 'token.revoked'
  | 'subject.revoked'
  | 'revocation.created'
  | 'team.changed'
  | 'session.started'
  | 'session.ended'
  | 'grant.opened'
  | 'grant.denied'
  | 'grant.ended'

/** An entry before it has its number and its time. */
export interface AuditDraft {
  /** Subject of who did it; `holder` when a token's holder revoked it without saying who they are. */
  readonly actor: string
  readonly action: AuditAction
  /** null: concerns no single team. */
  readonly team: string | null
  /** What it was done to: a token's id, a team, a revocation's id. */
  readonly target: string
  /** Facts of the change; never a secret, secrets only as `fingerprint`. */
  readonly detail: Readonly<Record<string, string | number | boolean | null>>
  /** The client's address as the platform saw it; null when it is not known. */
  readonly from: string | null
}

export interface AuditEntry extends AuditDraft {
  readonly id: number
  /** Milliseconds since 1970. */
  readonly at: number
}

export interface AuditFilter {
  /** null: of every team, and what concerns none. */
  readonly team: string | null
  /** Milliseconds since 1970, inclusive; null: from the beginning. */
  readonly from: number | null
}

const fingerprintChars = 16

/**
 * Tells the same secret from another one to those who hold the key, and nothing to anyone else: HMAC-SHA256 of
 * the secret, cut to 64 bits, 16 hexadecimal digits.
 */
export async function fingerprint(secret: Secret, key: Secret): Promise<string> {
  const hmacKey = await crypto.subtle.importKey(
    'raw',
    utf8(`countersign audit fingerprint\n${key.reveal()}`),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  )
  const mac = await crypto.subtle.sign('HMAC', hmacKey, utf8(secret.reveal()))
  return hex(new Uint8Array(mac)).slice(0, fingerprintChars)
}

/** Where a request came from, as the platform says; a caller's own X-Forwarded-For counts for nothing. */
export function addressOf(headers: Headers): string | null {
  return headers.get('cf-connecting-ip')
}

/** Whom attempts are counted for: an IPv6 address is counted with its /64, all of which one host may use. */
export function networkOf(headers: Headers): string | null {
  const address = addressOf(headers)
  if (address === null || !address.includes(':')) return address
  const groups = (text: string): readonly string[] => text.split(':').filter((group) => group !== '')
  const zeros = '0:'.repeat(Math.max(0, 8 - groups(address).length))
  const network = groups(address.replace('::', `:${zeros}`)).slice(0, 4)
  return `${network.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
