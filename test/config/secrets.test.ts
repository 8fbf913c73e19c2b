import { calculateJwkThumbprint, type JWK } from 'jose'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { readOwnSecrets as readWith } from '../../src/config/secrets.ts'
import { secretStoreReadMillis } from '../../src/core/limits.ts'
import { setTimer } from '../../src/http/timer.ts'
import { makeSigner } from '../identity/fixtures.ts'

const readOwnSecrets = (env: Readonly<Record<string, unknown>>) => readWith(env, setTimer)
const COUNTERSIGN_ADMIN_KEY = 'made-up-admin-key-of-some-length-0'
const faultsWith = async (env: Readonly<Record<string, unknown>>) =>
  (await readOwnSecrets({ COUNTERSIGN_ADMIN_KEY, ...env })).faults
const pathsWith = async (env: Readonly<Record<string, unknown>>) =>
  (await faultsWith(env)).map(({ path }) => path)

describe('the admin key', () => {
  it.each([
    undefined,
    '',
    ' '.repeat(40),
    'x'.repeat(31),
    `${'x'.repeat(40)}\n`,
    'x y'.repeat(20),
    'é'.repeat(40),
    7,
    {},
  ])('A02: is a configuration fault when it is %j', async (key) => {
    const { adminKey, faults } = await readOwnSecrets({ COUNTERSIGN_ADMIN_KEY: key })
    expect(adminKey).toBeNull()
    expect(faults.map(({ path }) => path)).toEqual(['COUNTERSIGN_ADMIN_KEY'])
  })

  it('is taken from 32 characters on, as text or from a Secrets Store, and does not print itself', async () => {
    const key = 'x'.repeat(32)
    const text = await readOwnSecrets({ COUNTERSIGN_ADMIN_KEY: key })
    expect(text.adminKey?.reveal()).toBe(key)
    expect(JSON.stringify(text)).not.toContain(key)
    const store = await readOwnSecrets({ COUNTERSIGN_ADMIN_KEY: { get: () => Promise.resolve(key) } })
    expect(store.adminKey?.reveal()).toBe(key)
    const broken = { get: () => Promise.reject(new Error('not there')) }
    expect(await pathsWith({ COUNTERSIGN_ADMIN_KEY: broken })).toEqual(['COUNTERSIGN_ADMIN_KEY'])
  })
})

describe('a Secrets Store that does not answer', () => {
  it('is waited for once for both secrets, and is then a fault of each', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const hanging = { get: () => new Promise<string>(() => {}) }
    let paths: readonly string[] | null = null
    const reading = pathsWith({ COUNTERSIGN_ADMIN_KEY: hanging, COUNTERSIGN_SIGNING_KEY: hanging })
    reading.then((found) => {
      paths = found
    })
    await vi.advanceTimersByTimeAsync(secretStoreReadMillis - 1)
    expect(paths).toBeNull()
    await vi.advanceTimersByTimeAsync(1)
    expect(paths).toEqual(['COUNTERSIGN_ADMIN_KEY', 'COUNTERSIGN_SIGNING_KEY'])
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('the signing key', () => {
  it('may be absent: the token service is off, which is no fault', async () => {
    for (const key of [undefined, '']) {
      const { signingKeys, faults } = await readOwnSecrets({
        COUNTERSIGN_ADMIN_KEY,
        COUNTERSIGN_SIGNING_KEY: key,
      })
      expect(signingKeys).toEqual([])
      expect(faults).toEqual([])
    }
  })

  it.each([
    ['EdDSA', 'EdDSA'],
    ['ES256', 'ES256'],
  ])('may be %s, and publishes no private member', async (algorithm, expected) => {
    const { privateJwk, jwk } = await makeSigner('own-1', algorithm)
    const { signingKeys, faults } = await readOwnSecrets({
      COUNTERSIGN_ADMIN_KEY,
      COUNTERSIGN_SIGNING_KEY: JSON.stringify(privateJwk),
    })
    expect(faults).toEqual([])
    expect(signingKeys[0]).toMatchObject({ kid: 'own-1', algorithm: expected })
    expect(signingKeys[0]?.publicJwk).toEqual(jwk)
    expect(JSON.stringify(signingKeys)).not.toContain(String(privateJwk.d))
  })

  it('may be several, each with a kid of its own or its thumbprint', async () => {
    const [one, two, three] = await Promise.all([
      makeSigner(undefined, 'EdDSA'),
      makeSigner('two'),
      makeSigner(undefined, 'ES256'),
    ])
    const keys = JSON.stringify([one, two, three].map(({ privateJwk }) => privateJwk))
    const { signingKeys } = await readOwnSecrets({ COUNTERSIGN_ADMIN_KEY, COUNTERSIGN_SIGNING_KEY: keys })
    const thumbprints = await Promise.all([one, three].map(({ jwk }) => calculateJwkThumbprint(jwk as JWK)))
    expect(signingKeys.map(({ kid }) => kid)).toEqual([thumbprints[0], 'two', thumbprints[1]])
    expect(
      await pathsWith({ COUNTERSIGN_SIGNING_KEY: JSON.stringify([two.privateJwk, two.privateJwk]) }),
    ).toEqual(['COUNTERSIGN_SIGNING_KEY[1]'])
  })

  it('is a configuration fault when it is there and cannot be read: that must not pass for absent', async () => {
    for (const key of [
      { get: () => Promise.reject(new Error('gone')) },
      { get: () => Promise.resolve(1) },
      7,
    ])
      expect(await pathsWith({ COUNTERSIGN_SIGNING_KEY: key })).toEqual(['COUNTERSIGN_SIGNING_KEY'])
  })

  it('is a configuration fault when it is malformed, without being repeated', async () => {
    const [one, other] = await Promise.all([makeSigner('k1'), makeSigner('k2')])
    const rsa = await makeSigner('rsa', 'RS256')
    const wrong = [
      '{',
      '[]',
      '"x"',
      '1',
      'null',
      JSON.stringify(one.jwk),
      JSON.stringify({ ...one.privateJwk, d: other.privateJwk.d }),
      JSON.stringify({ ...one.privateJwk, d: 'AA' }),
      JSON.stringify({ ...one.privateJwk, use: 'enc' }),
      JSON.stringify(rsa.privateJwk),
      JSON.stringify({ kty: 'oct', k: 'bWFkZS11cA' }),
    ]
    for (const COUNTERSIGN_SIGNING_KEY of wrong) {
      const faults = await faultsWith({ COUNTERSIGN_SIGNING_KEY })
      expect(faults.map(({ path }) => path)).toEqual(['COUNTERSIGN_SIGNING_KEY'])
      expect(JSON.stringify(faults)).not.toContain(String(one.privateJwk.d))
    }
  })
})
