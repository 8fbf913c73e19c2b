/**
 * Credentials that are fetched from a token URL and used until they expire: one renewal for all callers, ahead of
 * the end, and none at all while a good one is at hand.
 */
import { mintAnswerBytesMax, mintedTokenMarginMillis, mintFetchMillis } from '../core/limits.ts'
import { Refusal } from '../core/problems.ts'
import { type Minted, type Moment, type OpenKey, SecretFault } from '../signing/scheme.ts'

type MintKey = Extract<OpenKey, { kind: 'mint' }>

export interface MintDeps {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
}

interface Entry {
  minted: Minted | null
  renewal: Promise<Minted> | null
}

export class MintedTokens {
  readonly #fetch: MintDeps['fetch']
  readonly #entries = new WeakMap<MintKey, Entry>()

  constructor({ fetch }: MintDeps) {
    this.#fetch = fetch
  }

  /** A token with time left; fetched when there is none. Rejects with Refusal `credential_unavailable`. */
  get(key: MintKey, moment: Moment): Minted | Promise<Minted> {
    const entry = this.#entries.get(key) ?? { minted: null, renewal: null }
    this.#entries.set(key, entry)
    const { minted } = entry
    if (minted !== null && minted.expiresAt - mintedTokenMarginMillis > moment.now) return minted
    return this.#renew(key, entry, moment)
  }

  /**
   * The renewal that is under way, or a new one. A renewal belongs to the request that began it and dies with it, so
   * whoever waits for another's gives up after the time that a fetch may take, and fetches for itself.
   */
  async #renew(key: MintKey, entry: Entry, moment: Moment): Promise<Minted> {
    if (entry.renewal !== null) {
      const minted = await Promise.race([entry.renewal.catch(() => null), after(mintFetchMillis)])
      if (minted !== null) return minted
    }
    const renewal = this.#mint(key, moment)
    entry.renewal = renewal
    try {
      const minted = await renewal
      entry.minted = minted
      return minted
    } finally {
      if (entry.renewal === renewal) entry.renewal = null
    }
  }

  async #mint(key: MintKey, moment: Moment): Promise<Minted> {
    try {
      const { url, headers, body } = await key.mintRequest(moment)
      const answer = await this.#fetch(url, {
        method: 'POST',
        headers: headers.map(([name, value]) => [name, value]),
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(mintFetchMillis),
      })
      if (answer.status !== 200) {
        await answer.body?.cancel()
        throw new SecretFault(`the token URL answered ${answer.status}`)
      }
      const text = await answer.text()
      if (text.length > mintAnswerBytesMax) throw new SecretFault('the token URL answered too much')
      return key.parseMint(JSON.parse(text), moment.now)
    } catch (error) {
      throw new Refusal('credential_unavailable', {
        detail: 'The token for this upstream cannot be fetched right now.',
        reason: error instanceof SecretFault ? error.message : 'the token URL cannot be reached or read',
        headers: { 'retry-after': '5' },
      })
    }
  }
}

const after = (millis: number): Promise<null> =>
  new Promise((resolve) => {
    setTimeout(() => resolve(null), millis)
  })
