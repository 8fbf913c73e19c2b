/**
 * Credentials that are fetched from a token URL and used until they expire: one renewal for all callers, ahead of
 * the end, and none at all while a good one is at hand.
 */
import { readTextAtMost } from '../core/bounded-text.ts'
import {
  mintAnswerBytesMax,
  mintedRefusedMillis,
  mintedTokenMarginMillis,
  mintFetchMillis,
  mintRetryMillis,
} from '../core/limits.ts'
import { Refusal } from '../core/problems.ts'
import { type SetTimer, within } from '../core/within.ts'
import { type Minted, type Moment, type OpenKey, SecretFault } from '../signing/scheme.ts'

type MintKey = Extract<OpenKey, { kind: 'mint' }>

export interface MintDeps {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  readonly setTimer: SetTimer
}

interface Entry {
  minted: Minted | null
  /** The upstream did: whoever comes next waits for another. */
  refused: boolean
  /** From when on the token is renewed: a while before its end, but never as soon as it is here. */
  renewAt: number
  renewal: Promise<Minted> | null
  /** When the renewal began: one that takes longer than a fetch may is dead. */
  begunAt: number
}

function newEntry(): Entry {
  return { minted: null, refused: false, renewAt: 0, renewal: null, begunAt: 0 }
}

export class MintedTokens {
  readonly #fetch: MintDeps['fetch']
  readonly #setTimer: SetTimer
  readonly #entries = new WeakMap<MintKey, Entry>()

  constructor({ fetch, setTimer }: MintDeps) {
    this.#fetch = fetch
    this.#setTimer = setTimer
  }

  /**
   * A token with time left; fetched when there is none. A renewal ahead of time goes to `waitUntil`, and nobody waits
   * for it. Rejects with Refusal `credential_unavailable`.
   */
  get(key: MintKey, moment: Moment, waitUntil: (work: Promise<unknown>) => void): Minted | Promise<Minted> {
    const entry = this.#entries.get(key) ?? newEntry()
    this.#entries.set(key, entry)
    const { minted } = entry
    if (entry.begunAt + mintFetchMillis < moment.now) entry.renewal = null
    if (minted === null || minted.expiresAt <= moment.now) return this.#renew(key, entry, moment)
    if (entry.renewAt > moment.now || entry.renewal !== null) return minted
    const renewal = this.#renew(key, entry, moment).catch(() => {
      entry.renewAt = moment.now + mintRetryMillis
      return minted
    })
    if (entry.refused) return renewal
    waitUntil(renewal)
    return minted
  }

  /**
   * Replaces a token that the upstream refused, one of the texts that went out: it may have been revoked before its
   * end. While no other can be had it is used on, since one team's calls may get a 401 for what is theirs alone. A fresh
   * one is kept: what refuses it would refuse the next one too, and each call would fetch a token.
   */
  refused(key: MintKey, texts: readonly string[], now: number): void {
    const entry = this.#entries.get(key)
    if (!entry?.minted || entry.begunAt + mintedRefusedMillis > now) return
    if (!texts.includes(entry.minted.token.reveal())) return
    entry.refused = true
    entry.renewAt = now
  }

  /**
   * The renewal that is under way, or a new one. A renewal belongs to the request that began it and dies with it, so
   * whoever waits for another's gives up after the time that a fetch may take; one of them then begins anew.
   */
  async #renew(key: MintKey, entry: Entry, moment: Moment): Promise<Minted> {
    for (let { renewal } = entry; renewal !== null; ) {
      const minted = await within(mintFetchMillis, renewal, this.#setTimer)
      if (minted !== null) return minted
      if (entry.renewal === renewal) entry.renewal = null
      // Another who waited may have begun anew, and even be done.
      if (entry.minted !== null && entry.renewAt > moment.now) return entry.minted
      renewal = entry.renewal
    }
    const renewal = this.#mint(key, moment)
    entry.renewal = renewal
    entry.begunAt = moment.now
    try {
      const minted = await renewal
      entry.minted = minted
      entry.refused = false
      entry.renewAt =
        minted.expiresAt - Math.min(mintedTokenMarginMillis, (minted.expiresAt - moment.now) / 2)
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
      const text = await readTextAtMost(answer.body, mintAnswerBytesMax)
      if (text === null) throw new SecretFault('the token URL answered too much, or not in UTF-8')
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
