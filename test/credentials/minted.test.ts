import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  mintAnswerBytesMax,
  mintedRefusedMillis,
  mintedTokenMarginMillis,
  mintFetchMillis,
  mintRetryMillis,
} from '../../src/core/limits.ts'
import { Secret } from '../../src/core/redact.ts'
import { MintedTokens } from '../../src/credentials/minted.ts'
import { setTimer } from '../../src/http/timer.ts'
import { type Moment, type OpenKey, SecretFault } from '../../src/signing/scheme.ts'
import { refusalOf } from '../core/refused.ts'

type MintKey = Extract<OpenKey, { kind: 'mint' }>

const mintKey = (): MintKey => ({
  kind: 'mint',
  mintRequest: () => ({
    url: 'https://login.test/token',
    headers: [['content-type', 'application/x-www-form-urlencoded']],
    body: 'grant_type=client_credentials',
  }),
  parseMint: (json, now) => {
    const { token, lives } = json as { token?: unknown; lives?: unknown }
    if (typeof token !== 'string' || typeof lives !== 'number')
      throw new SecretFault('the answer is no grant')
    return { token: new Secret(token), expiresAt: now + lives }
  },
  thenSign: () => ({ set: [] }),
})

interface TokenUrl {
  readonly tokens: MintedTokens
  readonly calls: { readonly url: string; readonly init: RequestInit }[]
  /** How the next calls end, the last one for all that follow. */
  answers: (() => Response | Promise<Response>)[]
  /** What goes on behind a call. */
  readonly waits: Promise<unknown>[]
  readonly get: (key: MintKey, moment: Moment) => ReturnType<MintedTokens['get']>
}

const grant =
  (token: string, lives = 600_000) =>
  () =>
    Response.json({ token, lives })
const hang = () => new Promise<never>(() => {})

const tokenUrl = (...answers: TokenUrl['answers']): TokenUrl => {
  const made: TokenUrl = {
    answers,
    calls: [],
    waits: [],
    get: (key, moment) => made.tokens.get(key, moment, (work) => made.waits.push(work)),
    tokens: new MintedTokens({
      setTimer,
      fetch: async (url, init) => {
        made.calls.push({ url, init })
        const answer = made.answers.length > 1 ? made.answers.shift() : made.answers[0]
        if (answer === undefined) throw new Error('no answer is planned')
        return answer()
      },
    }),
  }
  return made
}

const at = (now: number): Moment => ({ now, nonce: () => '0'.repeat(32) })

const textAt = async ({ get }: TokenUrl, key: MintKey, now: number): Promise<string> =>
  (await get(key, at(now))).token.reveal()

describe('a minted token', () => {
  test('is fetched from the token URL, whose redirects are not followed', async () => {
    const made = tokenUrl(grant('made-up-1'))
    expect(await textAt(made, mintKey(), 0)).toBe('made-up-1')
    const [{ url, init } = { url: '', init: {} }] = made.calls
    expect(url).toBe('https://login.test/token')
    expect(init).toMatchObject({ method: 'POST', redirect: 'manual', body: 'grant_type=client_credentials' })
    expect(init.signal).toBeInstanceOf(AbortSignal)
  })

  test('is used until shortly before its end, without another fetch and without waiting', async () => {
    const made = tokenUrl(grant('made-up-1'), grant('made-up-2'))
    const key = mintKey()
    await textAt(made, key, 0)
    expect(made.get(key, at(600_000 - mintedTokenMarginMillis - 1))).not.toBeInstanceOf(Promise)
    expect(made.calls).toHaveLength(1)
    expect(await textAt(made, key, 600_000 - mintedTokenMarginMillis)).toBe('made-up-1')
    await Promise.all(made.waits)
    expect(await textAt(made, key, 600_000 - mintedTokenMarginMillis)).toBe('made-up-2')
    expect(made.calls).toHaveLength(2)
  })

  test('that lives shorter than the margin is still used for half of its life', async () => {
    const made = tokenUrl(grant('made-up', 40_000))
    const key = mintKey()
    for (const now of [0, 5_000, 19_999]) await textAt(made, key, now)
    expect(made.calls).toHaveLength(1)
    await textAt(made, key, 20_000)
    expect(made.calls).toHaveLength(2)
  })

  test('belongs to its key alone', async () => {
    const made = tokenUrl(grant('made-up-1'), grant('made-up-2'))
    expect(await textAt(made, mintKey(), 0)).toBe('made-up-1')
    expect(await textAt(made, mintKey(), 0)).toBe('made-up-2')
  })

  test('of many callers at once is fetched once', async () => {
    const made = tokenUrl(grant('made-up'))
    const key = mintKey()
    const texts = await Promise.all(Array.from({ length: 100 }, () => textAt(made, key, 0)))
    expect(new Set(texts)).toEqual(new Set(['made-up']))
    expect(made.calls).toHaveLength(1)
  })

  test('is renewed once, behind the calls, while all go on with the one that is still good', async () => {
    const made = tokenUrl(grant('made-up-1'), hang)
    const key = mintKey()
    await textAt(made, key, 0)
    for (let calls = 0; calls < 3; calls += 1) expect(made.get(key, at(580_000))).not.toBeInstanceOf(Promise)
    await new Promise((resolve) => setTimeout(resolve))
    expect(made.calls).toHaveLength(2)
    expect(made.waits).toHaveLength(1)
  })

  test('that was renewed behind a call is the next one to be used', async () => {
    const made = tokenUrl(grant('made-up-1'), grant('made-up-2'))
    const key = mintKey()
    await textAt(made, key, 0)
    expect(await textAt(made, key, 580_000)).toBe('made-up-1')
    await Promise.all(made.waits)
    expect(await textAt(made, key, 580_000)).toBe('made-up-2')
  })

  test('that cannot be renewed is used to its end, and not beyond', async () => {
    const made = tokenUrl(grant('made-up-1'), () => new Response(null, { status: 500 }))
    const key = mintKey()
    await textAt(made, key, 0)
    expect(await textAt(made, key, 599_999)).toBe('made-up-1')
    expect((await refusalOf(() => made.get(key, at(600_000)))).code).toBe('credential_unavailable')
  })

  test('whose renewal failed is used on, and the token URL left alone for a while', async () => {
    const made = tokenUrl(grant('made-up-1'), () => new Response(null, { status: 500 }))
    const key = mintKey()
    await textAt(made, key, 0)
    const due = 600_000 - mintedTokenMarginMillis
    for (const late of [0, 1, mintRetryMillis - 1]) {
      expect(await textAt(made, key, due + late)).toBe('made-up-1')
      await Promise.all(made.waits)
    }
    expect(made.calls).toHaveLength(2)
    await textAt(made, key, due + mintRetryMillis)
    expect(made.calls).toHaveLength(3)
  })
})

describe('a token URL that fails', () => {
  test.each([
    ['answers 400', () => new Response('made-up-secret', { status: 400 })],
    ['redirects', () => new Response(null, { status: 302, headers: { location: 'https://evil.test/' } })],
    ['answers 201', () => Response.json({ token: 'made-up-secret', lives: 1 }, { status: 201 })],
    ['answers no JSON', () => new Response('made-up-secret')],
    ['answers no grant', () => Response.json({ error: 'made-up-secret' })],
    ['answers too much', () => new Response(`"${'x'.repeat(mintAnswerBytesMax)}"`)],
    ['cannot be reached', () => Promise.reject(new TypeError('made-up-secret'))],
  ])('because it %s: 503 credential_unavailable, without a word of what it said', async (_what, answer) => {
    const made = tokenUrl(answer)
    const refusal = await refusalOf(() => made.get(mintKey(), at(0)))
    expect(refusal.code).toBe('credential_unavailable')
    expect(refusal.headers).toEqual({ 'retry-after': '5' })
    expect(`${refusal.detail} ${refusal.reason}`).not.toContain('made-up')
  })

  test('is asked once for all who wait, and again by whoever comes next', async () => {
    const made = tokenUrl(() => new Response(null, { status: 500 }), grant('made-up'))
    const key = mintKey()
    const refusals = await Promise.all(
      Array.from({ length: 50 }, () => refusalOf(() => made.get(key, at(0)))),
    )
    expect(new Set(refusals.map(({ code }) => code))).toEqual(new Set(['credential_unavailable']))
    expect(made.calls).toHaveLength(1)
    expect(await textAt(made, key, 0)).toBe('made-up')
  })

  test('may answer as much as the bound', async () => {
    const frame = JSON.stringify({ token: '', lives: 1_000 }).length
    const made = tokenUrl(grant('x'.repeat(mintAnswerBytesMax - frame), 1_000))
    expect(await textAt(made, mintKey(), 0)).toHaveLength(mintAnswerBytesMax - frame)
  })
})

describe('a token that the upstream refuses', () => {
  const later = mintedRefusedMillis

  test('is fetched anew by whoever comes next', async () => {
    const made = tokenUrl(grant('made-up-1'), grant('made-up-2'))
    const key = mintKey()
    await textAt(made, key, 0)
    made.tokens.refused(key, ['made-up-1'], later)
    expect(await textAt(made, key, later)).toBe('made-up-2')
  })

  test('is used on while no other can be had: who gets a 401 takes nothing from the others', async () => {
    const made = tokenUrl(grant('made-up-1'), () => new Response(null, { status: 500 }), grant('made-up-2'))
    const key = mintKey()
    await textAt(made, key, 0)
    made.tokens.refused(key, ['made-up-1'], later)
    expect(await textAt(made, key, later)).toBe('made-up-1')
    expect(await textAt(made, key, later + mintRetryMillis - 1)).toBe('made-up-1')
    expect(made.calls).toHaveLength(2)
    expect(await textAt(made, key, later + mintRetryMillis)).toBe('made-up-2')
  })

  test('stays while it is so fresh that another would be refused too', async () => {
    const made = tokenUrl(grant('made-up-1'), grant('made-up-2'))
    const key = mintKey()
    await textAt(made, key, 0)
    made.tokens.refused(key, ['made-up-1'], later - 1)
    expect(await textAt(made, key, later)).toBe('made-up-1')
    expect(made.calls).toHaveLength(1)
  })

  test('takes no token with it that came after', async () => {
    const made = tokenUrl(grant('made-up-1'), grant('made-up-2'), grant('made-up-3'))
    const key = mintKey()
    await textAt(made, key, 0)
    made.tokens.refused(key, ['made-up-1'], later)
    await textAt(made, key, later)
    made.tokens.refused(key, ['made-up-1'], 3 * later)
    expect(await textAt(made, key, 3 * later)).toBe('made-up-2')
  })
})

describe('a renewal that hangs, because the request that began it is gone', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('is waited for no longer than a fetch may take; then one of those who waited begins anew', async () => {
    const made = tokenUrl(hang, grant('made-up'))
    const key = mintKey()
    void made.get(key, at(0))
    const waiting = Array.from({ length: 20 }, () => textAt(made, key, 0))
    await vi.advanceTimersByTimeAsync(mintFetchMillis - 1)
    expect(made.calls).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['made-up']))
    expect(made.calls).toHaveLength(2)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('is not waited for at all by who comes later than that', async () => {
    const made = tokenUrl(hang, grant('made-up'))
    const key = mintKey()
    void made.get(key, at(0))
    expect(await textAt(made, key, mintFetchMillis + 1)).toBe('made-up')
  })
})
