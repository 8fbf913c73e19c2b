/**
 * The keys of issuers that publish them at a URL. Fetched once, shared by concurrent calls, kept while the
 * issuer is down, fetched again for an unknown `kid` at most once in the cooldown. In memory only: a new
 * isolate fetches again.
 */
import { readTextAtMost } from '../core/bounded-text.ts'
import { parseJsonObject } from '../core/json.ts'
import {
  jwksBytesMax,
  jwksCooldownMillis,
  jwksFetchMillis,
  jwksFreshMillis,
  jwksKeysMax,
} from '../core/limits.ts'
import { Refusal } from '../core/problems.ts'
import { type SetTimer, within } from '../core/within.ts'
import { type KeySet, makeKeySet } from './key-set.ts'

export interface JwksDeps {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  readonly setTimer: SetTimer
}

export interface JwksStore {
  /** The keys as they are known, fetched when there are none or they are stale. Throws Refusal. */
  current(url: string, now: number): Promise<KnownKeys>
  /** After an unknown `kid`: the keys again, newer where the cooldown allowed it. Throws Refusal. */
  renewed(url: string, now: number): Promise<KnownKeys>
}

export interface KnownKeys {
  readonly keys: KeySet
  /** Milliseconds since 1970; afterwards they are asked for again. */
  readonly freshUntil: number
}

interface Entry {
  known: KnownKeys | null
  /** Milliseconds since 1970, when the last fetch began; the cooldown counts from here. */
  triedAt: number
  flight: Promise<void> | null
}

/** `fetch` and `setTimer` are the runtime's; `now` arguments are milliseconds since 1970. */
export function createJwksStore({ fetch, setTimer }: JwksDeps): JwksStore {
  const entries = new Map<string, Entry>()

  const entryOf = (url: string): Entry => {
    const known = entries.get(url)
    if (known !== undefined) return known
    const made: Entry = { known: null, triedAt: Number.NEGATIVE_INFINITY, flight: null }
    entries.set(url, made)
    return made
  }

  const start = (url: string, entry: Entry, now: number): void => {
    entry.triedAt = now
    const flight = fetchKeySet(fetch, url).then(
      (keys) => {
        entry.known = { keys, freshUntil: now + jwksFreshMillis }
        entry.flight = null
      },
      () => {
        // Down: what is known stays good until the next try.
        if (entry.known !== null) entry.known = { ...entry.known, freshUntil: now + jwksCooldownMillis }
        entry.flight = null
      },
    )
    entry.flight = flight
  }

  /**
   * Waits for a fetch, beginning one where the cooldown allows it. The wait has its own end: when the request
   * that began the fetch is cancelled, its promise may never settle.
   */
  const refresh = async (url: string, entry: Entry, now: number): Promise<void> => {
    const since = now - entry.triedAt
    const abandoned = entry.flight !== null && since > jwksFetchMillis
    if (abandoned) entry.flight = null
    const mayFetch = since >= jwksCooldownMillis || (abandoned && entry.known === null)
    if (entry.flight === null && mayFetch) start(url, entry, now)
    if (entry.flight !== null) await within(jwksFetchMillis, entry.flight, setTimer)
  }

  return {
    current: async (url, now) => {
      const entry = entryOf(url)
      if (entry.known !== null && now < entry.known.freshUntil) return entry.known
      await refresh(url, entry, now)
      return knownOr503(entry, now)
    },
    renewed: async (url, now) => {
      const entry = entryOf(url)
      await refresh(url, entry, now)
      return knownOr503(entry, now)
    },
  }
}

function knownOr503(entry: Entry, now: number): KnownKeys {
  if (entry.known !== null) return entry.known
  const wait = Math.max(1, Math.ceil((entry.triedAt + jwksCooldownMillis - now) / 1_000))
  throw new Refusal('issuer_unavailable', {
    reason: 'jwks unavailable',
    headers: { 'Retry-After': String(wait) },
  })
}

async function fetchKeySet(fetch: JwksDeps['fetch'], url: string): Promise<KeySet> {
  const response = await fetch(url, {
    headers: { accept: 'application/json, application/jwk-set+json' },
    redirect: 'manual',
    signal: AbortSignal.timeout(jwksFetchMillis),
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`JWKS answered ${response.status}`)
  }
  const text = await readTextAtMost(response.body, jwksBytesMax)
  if (text === null) throw new Error('JWKS is too large, or not in UTF-8')
  const keys = parseJsonObject(text)?.['keys']
  if (!Array.isArray(keys) || keys.length > jwksKeysMax) throw new Error('not a JWKS of a sensible size')
  return makeKeySet(keys)
}
