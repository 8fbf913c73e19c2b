/**
 * Who may call, as far as one isolate knows: the account's rules as the latest sync brought them, complete or not at
 * all. Without the whole, nobody is admitted.
 */
import type { Caller } from '../core/permit.ts'
import { Refusal } from '../core/problems.ts'
import { indexRevocations, isRevoked, type RevocationIndex } from '../core/quota/revocation.ts'
import type { SyncReply } from '../core/quota/sync.ts'

export class KnownRules {
  /** 0: none, or not all of them. */
  #version = 0
  #suspended = false
  #revoked: RevocationIndex = new Map()
  /** Until when a suspension is believed without asking again. */
  #suspendedUntil = -Infinity

  /** What the next sync says that this isolate has. */
  get version(): number {
    return this.#version
  }

  /** Whether the rules, as far as they are known, let this caller call. */
  allows(caller: Caller): boolean {
    return this.#version > 0 && !this.#suspended && !isRevoked(this.#revoked, caller)
  }

  /** What may be refused without asking the account again. */
  refusalOf(caller: Caller, now: number): Refusal | null {
    // A revocation is never taken back, so it needs no fresh word from the account.
    if (isRevoked(this.#revoked, caller))
      return new Refusal('token_revoked', { reason: 'an entry of the revocation list matches' })
    return this.#suspended && now < this.#suspendedUntil ? new Refusal('team_suspended') : null
  }

  learn({ rules, rulesVersion, holdMillis }: SyncReply, now: number): void {
    this.#suspendedUntil = now + holdMillis
    if (rules !== null) {
      this.#version = rules.version
      this.#suspended = rules.suspended
      this.#revoked = indexRevocations(rules.revocations)
    } else if (rulesVersion !== this.#version) {
      // Another version without its list: nothing is admitted until a sync has brought the whole.
      this.#version = 0
    }
  }

  /** The clock was set back: nobody knows how old a suspension is. */
  forgetHold(): void {
    this.#suspendedUntil = -Infinity
  }
}
