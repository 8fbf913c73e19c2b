import type { Accounts } from '../accounts/accounts.ts'
import type { Configuration } from '../core/configuration.ts'
import type { Caller } from '../core/permit.ts'
import type { KeyStore } from '../credentials/keys.ts'
import type { MintedTokens } from '../credentials/minted.ts'
import type { Buffers } from './buffers.ts'

/** What the pipeline works with; `worker.ts` puts it together, tests hand in fakes. */
export interface Deps {
  readonly config: Configuration
  /** At once when the token was verified before and is remembered. Throws or rejects with Refusal. */
  readonly verify: (token: string, now: number) => Caller | Promise<Caller>
  readonly accounts: Accounts
  readonly keys: KeyStore
  readonly minted: MintedTokens
  readonly buffers: Buffers
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** 128 random bits as 32 hexadecimal digits, fresh at every call. */
  readonly nonce: () => string
}
