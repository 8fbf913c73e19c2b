import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  jwksBytesMax,
  jwksCooldownMillis,
  jwksFetchMillis,
  jwksFreshMillis,
  jwksKeysMax,
} from '../../src/core/limits.ts'
import { setTimer } from '../../src/http/timer.ts'
import { createJwksStore } from '../../src/identity/jwks.ts'
import { makeSigner, refusalOf } from './fixtures.ts'

const address = 'https://login.acme.example/jwks'
const start = 1_800_000_000_000

const signer = await makeSigner('k1')
const good = () => Response.json({ keys: [signer.jwk] })

/** A store whose fetches take their answers from a list; the last one repeats. */
const storeOf = (...answers: readonly (() => Response | Promise<Response>)[]) => {
  const seen: RequestInit[] = []
  const fetch = async (url: string, init: RequestInit): Promise<Response> => {
    expect(url).toBe(address)
    const answer = answers[Math.min(seen.length, answers.length - 1)]
    seen.push(init)
    if (answer === undefined) throw new TypeError('connection refused')
    return answer()
  }
  return { store: createJwksStore({ fetch, setTimer }), seen }
}

describe('S06: a JWKS that is not one', () => {
  const many = (count: number) => Response.json({ keys: Array.from({ length: count }, () => signer.jwk) })
  it.each<[string, () => Response | Promise<Response>]>([
    [
      'redirects',
      () => new Response(null, { status: 302, headers: { location: 'https://evil.example/jwks' } }),
    ],
    ['is an HTML page', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['is 5 MB', () => new Response(`{"keys":[],"x":"${'x'.repeat(5_000_000)}"}`)],
    ['is one byte too large', () => new Response('{"keys":[]}'.padEnd(jwksBytesMax + 1, ' '))],
    ['holds 10,000 keys', () => Response.json({ keys: Array.from({ length: 10_000 }, () => ({})) })],
    ['holds one key too many', () => many(jwksKeysMax + 1)],
    ['answers 500', () => new Response('{"keys":[]}', { status: 500 })],
    ['is a list', () => Response.json([signer.jwk])],
    ['has no keys member', () => Response.json({})],
    ['is not UTF-8', () => new Response(new Uint8Array([0xff, 0xfe]))],
    ['cannot be reached', () => Promise.reject(new TypeError('connection refused'))],
  ])('that %s is 503 with Retry-After, and is not asked for again in the cooldown', async (_what, answer) => {
    const { store, seen } = storeOf(answer)
    for (const now of [start, start + 1, start + jwksCooldownMillis - 1]) {
      const refusal = await refusalOf(() => store.current(address, now))
      expect(refusal.code).toBe('issuer_unavailable')
      expect(Number(refusal.headers['Retry-After'])).toBe(
        Math.ceil((start + jwksCooldownMillis - now) / 1_000),
      )
    }
    expect(seen).toHaveLength(1)
    await refusalOf(() => store.current(address, start + jwksCooldownMillis))
    expect(seen).toHaveLength(2)
  })

  it('just within its bounds is taken', async () => {
    const padded = storeOf(
      () => new Response(JSON.stringify({ keys: [signer.jwk] }).padEnd(jwksBytesMax, ' ')),
    )
    expect((await padded.store.current(address, start)).keys.choose('k1', 'ES256')).not.toBeNull()
    const full = storeOf(() => many(jwksKeysMax))
    expect((await full.store.current(address, start)).keys.choose('k1', 'ES256')).not.toBeNull()
  })
})

describe('a JWKS', () => {
  it('is fetched once, without following redirects, and shared by concurrent calls', async () => {
    const { store, seen } = storeOf(good)
    await Promise.all(Array.from({ length: 50 }, () => store.current(address, start)))
    await store.current(address, start + jwksFreshMillis - 1)
    expect(seen).toHaveLength(1)
    expect(seen[0]).toMatchObject({ redirect: 'manual' })
    expect(seen[0]?.signal).toBeInstanceOf(AbortSignal)
    await store.current(address, start + jwksFreshMillis)
    expect(seen).toHaveLength(2)
  })

  it('is kept while the issuer is down, which is asked once in a cooldown', async () => {
    const { store, seen } = storeOf(good, () => new Response('down', { status: 503 }))
    await store.current(address, start)
    const stale = start + jwksFreshMillis
    for (const now of [stale, stale + 1, stale + jwksCooldownMillis - 1])
      expect((await store.current(address, now)).keys.choose('k1', 'ES256')).not.toBeNull()
    expect(seen).toHaveLength(2)
    await store.current(address, stale + jwksCooldownMillis)
    expect(seen).toHaveLength(3)
  })

  it('that is empty replaces what was known: the issuer has withdrawn its keys', async () => {
    const { store } = storeOf(good, () => Response.json({ keys: [] }))
    await store.current(address, start)
    expect((await store.current(address, start + jwksFreshMillis)).keys.choose('k1', 'ES256')).toBeNull()
  })
})

describe('a fetch that never settles, because the request that began it was cancelled', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())
  const never = () => new Promise<Response>(() => undefined)

  it('ends the wait of others, and the next call begins a new one', async () => {
    const { store, seen } = storeOf(never, good)
    const first = refusalOf(() => store.current(address, start))
    const second = refusalOf(() => store.current(address, start))
    await vi.advanceTimersByTimeAsync(jwksFetchMillis)
    expect((await first).code).toBe('issuer_unavailable')
    expect((await second).code).toBe('issuer_unavailable')
    expect(seen).toHaveLength(1)
    const later = await store.current(address, start + jwksFetchMillis + 1)
    expect(later.keys.choose('k1', 'ES256')).not.toBeNull()
    expect(seen).toHaveLength(2)
  })

  it('leaves the known keys in place', async () => {
    const { store } = storeOf(good, never)
    await store.current(address, start)
    const stale = store.current(address, start + jwksFreshMillis)
    await vi.advanceTimersByTimeAsync(jwksFetchMillis)
    expect((await stale).keys.choose('k1', 'ES256')).not.toBeNull()
  })
})
