import { describe, expect, it } from 'vitest'
import { verifiedTokenBytesMax, verifiedTokensMax } from '../../src/core/limits.ts'
import type { Caller } from '../../src/core/permit.ts'
import { VerifiedTokens } from '../../src/identity/verified-tokens.ts'
import { parsed } from './fixtures.ts'

const [issuer] = parsed(
  { url: 'https://edge.acme.example', upstreams: {}, teams: {} },
  { signingKeys: true },
).issuers.values()
if (issuer === undefined) throw new Error('our own issuer is there')

const caller = (subject: string): Caller => ({
  issuer,
  team: 'checkout',
  subject,
  tokenId: null,
  grantId: null,
  role: null,
  issuedAt: 0,
  expiresAt: 10,
  scopes: 'granted',
})
const generation = { number: 0 }
const rules = { until: 1_000, generation, number: 0 }

describe('the memory of verified tokens', () => {
  it('keeps the newest of as many as it may, and no more', () => {
    const tokens = new VerifiedTokens()
    for (let index = 0; index <= verifiedTokensMax; index += 1)
      tokens.set(`t${index}`, caller(`s${index}`), rules)
    expect(tokens.size).toBe(verifiedTokensMax)
    expect(tokens.get('t0', 0)).toBeUndefined()
    expect(tokens.get('t1', 0)?.subject).toBe('s1')
    expect(tokens.get(`t${verifiedTokensMax}`, 0)?.subject).toBe(`s${verifiedTokensMax}`)
  })

  it('bounds the bytes, also when one token is set again and again', () => {
    const tokens = new VerifiedTokens()
    const size = 8_192
    const room = verifiedTokenBytesMax / size
    for (let index = 0; index < room; index += 1)
      tokens.set(String(index).padEnd(size, '.'), caller('s'), rules)
    for (let index = 0; index < 10; index += 1) tokens.set('0'.padEnd(size, '.'), caller('s'), rules)
    expect(tokens.size).toBe(room)
    tokens.set('one more', caller('s'), rules)
    expect(tokens.size).toBe(room)
    expect(tokens.get('1'.padEnd(size, '.'), 0)).toBeUndefined()
  })

  it('ends an entry at its time, to the millisecond, and forgets it', () => {
    const tokens = new VerifiedTokens()
    tokens.set('t', caller('s'), rules)
    expect(tokens.get('t', 999)?.subject).toBe('s')
    expect(tokens.get('t', 1_000)).toBeUndefined()
    expect(tokens.size).toBe(0)
  })

  it('ends the entries of one issuer when its keys change', () => {
    const tokens = new VerifiedTokens()
    const changing = { number: 0 }
    tokens.set('theirs', caller('s'), { until: 1_000, generation: changing, number: 0 })
    tokens.set('others', caller('s'), rules)
    changing.number += 1
    expect(tokens.get('theirs', 0)).toBeUndefined()
    expect(tokens.get('others', 0)).toBeDefined()
  })
})
