import { afterEach, describe, expect, it, vi } from 'vitest'
import { jwksCooldownMillis, jwksFreshMillis } from '../../src/core/limits.ts'
import { setTimer } from '../../src/http/timer.ts'
import { createVerifier, type Verifier } from '../../src/identity/verifier.ts'
import { makeSigner, parsed, refusalOf, type Signer } from './fixtures.ts'

const start = 1_800_000_000_000
const url = 'https://edge.acme.example'

const issuerOf = (name: string, changes: Readonly<Record<string, unknown>> = {}) => ({
  issuer: `https://${name}.example`,
  jwks: `https://${name}.example/jwks`,
  algorithms: ['ES256', 'EdDSA'],
  team: { claim: 'team' },
  teams: ['checkout'],
  ...changes,
})

const claims = (changes: Readonly<Record<string, unknown>> = {}) => ({
  iss: 'https://a.example',
  sub: 'svc',
  aud: url,
  iat: start / 1_000,
  exp: start / 1_000 + 600,
  team: 'checkout',
  scope: 'orders:order:read',
  ...changes,
})

interface World {
  readonly verifier: Verifier
  /** What the JWKS URLs answer now; a function is called for each request. */
  readonly answers: Map<string, () => Response | Promise<Response>>
  readonly fetched: string[]
}

const world = (
  issuers: Readonly<Record<string, unknown>>,
  own: { readonly keys?: readonly Signer[] } = {},
): World => {
  const answers = new Map<string, () => Response | Promise<Response>>()
  const fetched: string[] = []
  const config = parsed(
    { url, issuers, upstreams: {}, teams: { checkout: {} } },
    { signingKeys: own.keys !== undefined },
  )
  const verifier = createVerifier({
    config,
    ownKeys: (own.keys ?? []).map(({ jwk }) => jwk),
    setTimer,
    fetch: async (address, init) => {
      fetched.push(address)
      expect(init.redirect).toBe('manual')
      const answer = answers.get(address)
      if (answer === undefined) throw new TypeError('connection refused')
      return answer()
    },
  })
  return { verifier, answers, fetched }
}

const jwks =
  (...signers: readonly Signer[]) =>
  () =>
    Response.json({ keys: signers.map(({ jwk }) => jwk) })
const codeOf = async (work: () => unknown): Promise<string> => (await refusalOf(work)).code

afterEach(() => vi.useRealTimers())

describe('the memory of verified tokens', () => {
  it('answers the second time at once, with the same caller', async () => {
    const signer = await makeSigner('k1')
    const { verifier, answers } = world({ a: issuerOf('a') })
    answers.set('https://a.example/jwks', jwks(signer))
    const token = await signer.sign(claims())
    const first = verifier.verify(token, start)
    expect(first).toBeInstanceOf(Promise)
    expect(verifier.verify(token, start)).toBeInstanceOf(Promise)
    const caller = await first
    expect(verifier.verify(token, start + 1)).toBe(caller)
  })

  it('J10: ends with the token, to the millisecond, as a first verification does', async () => {
    const signer = await makeSigner('k1')
    const { verifier, answers } = world({ a: issuerOf('a') })
    answers.set('https://a.example/jwks', jwks(signer))
    const token = await signer.sign(claims({ exp: start / 1_000 + 60 }))
    const caller = await verifier.verify(token, start)
    const end = start + 65_000
    expect(verifier.verify(token, end - 1)).toBe(caller)
    expect(await codeOf(() => verifier.verify(token, end))).toBe('token_expired')
  })

  it('forgets an issuer’s tokens when its keys change', async () => {
    const [old, fresh] = await Promise.all([makeSigner('k1'), makeSigner('k2')])
    const { verifier, answers } = world({ a: issuerOf('a', { maxLifetimeSeconds: 7_200 }) })
    answers.set('https://a.example/jwks', jwks(old))
    const token = await old.sign(claims({ exp: start / 1_000 + 7_000 }))
    await verifier.verify(token, start)
    answers.set('https://a.example/jwks', jwks(fresh))
    const later = start + jwksCooldownMillis
    await verifier.verify(await fresh.sign(claims()), later)
    expect(await codeOf(() => verifier.verify(token, later + 1))).toBe('token_invalid')
  })

  it('asks for stale keys again, so that a withdrawn key ends its tokens without any other call', async () => {
    const signer = await makeSigner('k1')
    const { verifier, answers } = world({ a: issuerOf('a', { maxLifetimeSeconds: 7_200 }) })
    answers.set('https://a.example/jwks', jwks(signer))
    const token = await signer.sign(claims({ exp: start / 1_000 + 7_000 }))
    await verifier.verify(token, start)
    answers.set('https://a.example/jwks', jwks())
    expect(await verifier.verify(token, start + jwksFreshMillis - 1)).toMatchObject({ subject: 'svc' })
    expect(await codeOf(() => verifier.verify(token, start + jwksFreshMillis))).toBe('token_invalid')
  })

  it('A01: keeps calls and administration apart', async () => {
    const signer = await makeSigner('own-1')
    const { verifier } = world({}, { keys: [signer] })
    const calling = await signer.sign(claims({ iss: url }))
    const administering = await signer.sign(claims({ iss: url, aud: `${url}/api`, role: 'admin' }))
    expect(await verifier.verify(calling, start)).toMatchObject({ team: 'checkout', role: null })
    expect(await verifier.verifyAdministration(administering, start)).toMatchObject({ role: 'admin' })
    expect(await codeOf(() => verifier.verify(administering, start))).toBe('token_invalid')
    expect(await codeOf(() => verifier.verifyAdministration(calling, start))).toBe('token_invalid')
  })
})

describe('a personal token, sent as it is', () => {
  it('is refused with a word that it is exchanged first', async () => {
    const { verifier } = world({ a: issuerOf('a') })
    const refused = await refusalOf(async () => verifier.verify('cst_made_up', start))
    expect(refused).toMatchObject({ code: 'token_invalid', detail: expect.stringContaining('/oauth/token') })
  })
})

describe('issuer, key and algorithm', () => {
  it('J06: refuses a token of one issuer that a key of another signed', async () => {
    const [keyA, keyB] = await Promise.all([makeSigner('same'), makeSigner('same')])
    const { verifier, answers } = world({ a: issuerOf('a'), b: issuerOf('b') })
    answers.set('https://a.example/jwks', jwks(keyA))
    answers.set('https://b.example/jwks', jwks(keyB))
    expect(await codeOf(async () => verifier.verify(await keyB.sign(claims()), start))).toBe('token_invalid')
    const own = await keyB.sign(claims({ iss: 'https://b.example' }))
    expect(await verifier.verify(own, start)).toMatchObject({ issuer: { name: 'b' } })
  })

  it('takes Ed25519 under both of its names', async () => {
    const signer = await makeSigner('ed', 'EdDSA')
    const { verifier, answers } = world({ a: issuerOf('a', { algorithms: ['Ed25519'] }) })
    answers.set('https://a.example/jwks', jwks(signer))
    expect(await verifier.verify(await signer.sign(claims()), start)).toMatchObject({ subject: 'svc' })
    const renamed = await signer.sign(claims(), { alg: 'Ed25519' })
    expect(await verifier.verify(renamed, start)).toMatchObject({ subject: 'svc' })
  })

  it('refuses an algorithm that the issuer may not use, also with a key that it has', async () => {
    const signer = await makeSigner('ed', 'EdDSA')
    const { verifier, answers, fetched } = world({ a: issuerOf('a', { algorithms: ['ES256'] }) })
    answers.set('https://a.example/jwks', jwks(signer))
    expect(await codeOf(async () => verifier.verify(await signer.sign(claims()), start))).toBe(
      'token_invalid',
    )
    expect(fetched).toEqual([])
  })

  it('takes a token without kid only when exactly one key fits', async () => {
    const [nameless, other] = await Promise.all([makeSigner(undefined), makeSigner('k2')])
    const { verifier, answers } = world({ a: issuerOf('a') })
    answers.set('https://a.example/jwks', jwks(nameless))
    const token = await nameless.sign(claims())
    expect(await verifier.verify(token, start)).toMatchObject({ subject: 'svc' })
    const ambiguous = world({ a: issuerOf('a') })
    ambiguous.answers.set('https://a.example/jwks', jwks(nameless, other))
    expect(await codeOf(() => ambiguous.verifier.verify(token, start))).toBe('token_invalid')
  })

  it('J12: takes the twin signature (r, n-s), and tells it by its claims as the same token', async () => {
    const signer = await makeSigner('k1')
    const { verifier, answers } = world({ a: issuerOf('a') })
    answers.set('https://a.example/jwks', jwks(signer))
    const token = await signer.sign(claims({ jti: 'id-1' }))
    const twin = withTwinSignature(token)
    expect(twin).not.toBe(token)
    expect((await verifier.verify(twin, start)).tokenId).toBe('id-1')
    expect((await verifier.verify(token, start)).tokenId).toBe('id-1')
  })

  it('J08: takes typ only from the issuer’s list', async () => {
    const signer = await makeSigner('k1')
    const { verifier, answers } = world({ a: issuerOf('a', { typ: ['at+jwt', 'JWT'] }) })
    answers.set('https://a.example/jwks', jwks(signer))
    for (const typ of ['at+jwt', 'JWT', 'jwt', 'application/at+jwt'])
      expect(await verifier.verify(await signer.sign(claims(), { typ }), start)).toMatchObject({
        subject: 'svc',
      })
    for (const typ of ['logout+jwt', 'dpop+jwt', 'application/x+at+jwt', '', undefined])
      expect(await codeOf(async () => verifier.verify(await signer.sign(claims(), { typ }), start))).toBe(
        'token_invalid',
      )
  })

  it('J08: exchanges only tokens of issuers that are open to it, and never our own', async () => {
    const signer = await makeSigner('k1')
    const own = await makeSigner('own-1')
    const { verifier, answers } = world({ a: issuerOf('a', { use: ['exchange'] }) }, { keys: [own] })
    answers.set('https://a.example/jwks', jwks(signer))
    const token = await signer.sign(claims())
    expect(await verifier.verifySubjectToken(token, start)).toMatchObject({ team: 'checkout' })
    expect(await codeOf(() => verifier.verify(token, start))).toBe('token_invalid')
    const ours = await own.sign(claims({ iss: url }))
    expect(await codeOf(() => verifier.verifySubjectToken(ours, start))).toBe('token_invalid')
  })

  it('verifies with inline keys without any request', async () => {
    const signer = await makeSigner('k1')
    const { verifier, fetched } = world({ a: issuerOf('a', { jwks: { keys: [signer.jwk] } }) })
    expect(await verifier.verify(await signer.sign(claims()), start)).toMatchObject({ subject: 'svc' })
    expect(await codeOf(async () => verifier.verify(await signer.sign(claims(), { kid: 'k9' }), start))).toBe(
      'token_invalid',
    )
    expect(fetched).toEqual([])
  })

  it('D01: asks no issuer about tokens that name none of ours', async () => {
    const signer = await makeSigner('k1')
    const { verifier, fetched } = world({ a: issuerOf('a') })
    for (const iss of ['https://evil.example', undefined, 1, ['https://a.example'], '__proto__'])
      expect(await codeOf(async () => verifier.verify(await signer.sign(claims({ iss })), start))).toBe(
        'token_invalid',
      )
    expect(fetched).toEqual([])
  })

  it('keeps the finer reason out of what the caller is told', async () => {
    const signer = await makeSigner('k1')
    const { verifier, answers } = world({ a: issuerOf('a') })
    answers.set('https://a.example/jwks', jwks(signer))
    const token = await signer.sign(claims())
    const refusal = await refusalOf(() => verifier.verify(`${token.slice(0, -4)}AAAA`, start))
    expect(refusal.reason).toBe('signature not verified')
    expect(refusal.detail).not.toContain('signature not')
    expect(JSON.stringify(refusal)).not.toContain(token.slice(0, 20))
  })
})

describe('unknown kids', () => {
  it('J05: cost one more fetch in a cooldown, while good tokens keep passing', async () => {
    const signer = await makeSigner('k1')
    const { verifier, answers, fetched } = world({ a: issuerOf('a') })
    answers.set('https://a.example/jwks', jwks(signer))
    await verifier.verify(await signer.sign(claims()), start)
    expect(fetched).toHaveLength(1)
    const codes = new Set<string>()
    const body = (await signer.sign(claims())).split('.')[1]
    for (let index = 0; index < 1_000; index += 1) {
      const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: `r${index}`, typ: 'at+jwt' })).toString(
        'base64url',
      )
      codes.add(await codeOf(() => verifier.verify(`${header}.${body}.AAAA`, start + index * 10)))
      if (index % 100 === 0)
        await verifier.verify(await signer.sign(claims({ sub: `svc-${index}` })), start + index * 10)
    }
    expect([...codes]).toEqual(['token_invalid'])
    expect(fetched).toHaveLength(1)
    expect(
      await codeOf(async () =>
        verifier.verify(await signer.sign(claims(), { kid: 'k9' }), start + jwksCooldownMillis),
      ),
    ).toBe('token_invalid')
    expect(fetched).toHaveLength(2)
  })

  it('find a new key as soon as the cooldown allows', async () => {
    const [old, fresh] = await Promise.all([makeSigner('k1'), makeSigner('k2')])
    const { verifier, answers } = world({ a: issuerOf('a') })
    answers.set('https://a.example/jwks', jwks(old))
    await verifier.verify(await old.sign(claims()), start)
    answers.set('https://a.example/jwks', jwks(old, fresh))
    const token = await fresh.sign(claims())
    expect(await codeOf(() => verifier.verify(token, start + jwksCooldownMillis - 1))).toBe('token_invalid')
    expect(await verifier.verify(token, start + jwksCooldownMillis)).toMatchObject({ subject: 'svc' })
  })

  it.each(['__proto__', 'constructor', '../../dev/null', 'k1\u0000', "' OR 1=1--", ''])(
    'J04: refuses kid %j like any other',
    async (kid) => {
      const signer = await makeSigner('k1')
      const { verifier, answers } = world({ a: issuerOf('a') })
      answers.set('https://a.example/jwks', jwks(signer))
      expect(await codeOf(async () => verifier.verify(await signer.sign(claims(), { kid }), start))).toBe(
        'token_invalid',
      )
    },
  )
})

/** The other valid ECDSA signature over the same bytes (P-256). */
const withTwinSignature = (token: string): string => {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const [header, payload, signature = ''] = token.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const twin = Buffer.concat([
    bytes.subarray(0, 32),
    Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex'),
  ])
  return `${header}.${payload}.${twin.toString('base64url')}`
}
