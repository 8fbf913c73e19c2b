/** The same verifier inside workerd: its WebCrypto takes every algorithm that a configuration may name. */
import { CompactSign, exportJWK, generateKeyPair } from 'jose'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import { readOwnSecrets } from '../../src/config/secrets.ts'
import { tokenAlgorithms } from '../../src/core/jwk.ts'
import { Refusal } from '../../src/core/problems.ts'
import { setTimer } from '../../src/http/timer.ts'
import { createVerifier } from '../../src/identity/verifier.ts'

const now = 1_800_000_000
const url = 'https://edge.acme.example'

const claims = new TextEncoder().encode(
  JSON.stringify({
    iss: 'https://a.example',
    sub: 'svc',
    aud: url,
    iat: now,
    exp: now + 600,
    team: 'checkout',
  }),
)

const verifierFor = (algorithm: string, jwk: object) => {
  const parsed = parseConfig(
    {
      url,
      issuers: {
        a: {
          issuer: 'https://a.example',
          jwks: 'https://a.example/jwks',
          algorithms: [algorithm],
          team: { claim: 'team' },
        },
      },
      upstreams: {},
      teams: { checkout: {} },
    },
    { signingKeys: false },
  )
  if ('faults' in parsed) throw new Error(JSON.stringify(parsed.faults))
  return createVerifier({
    config: parsed.config,
    ownKeys: [],
    fetch: () => Promise.resolve(Response.json({ keys: [jwk] })),
    setTimer,
  })
}

describe('inside workerd', () => {
  it.each(tokenAlgorithms)('verifies %s, and refuses a changed signature', async (algorithm) => {
    const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
    const verifier = verifierFor(algorithm, { ...(await exportJWK(publicKey)), kid: 'k1', alg: algorithm })
    const token = await new CompactSign(claims)
      .setProtectedHeader({ alg: algorithm, kid: 'k1', typ: 'at+jwt' })
      .sign(privateKey)
    expect(await verifier.verify(token, now * 1_000)).toMatchObject({ team: 'checkout', subject: 'svc' })
    const [header, payload, signature = ''] = token.split('.')
    const first = signature.startsWith('A') ? 'B' : 'A'
    const forged = `${header}.${payload}.${first}${signature.slice(1)}`
    const refusal = await Promise.resolve(verifier.verify(forged, now * 1_000)).catch(
      (error: unknown) => error,
    )
    expect(refusal).toBeInstanceOf(Refusal)
    expect(refusal).toMatchObject({ code: 'token_invalid' })
  })

  it.each(['EdDSA', 'ES256'])(
    'takes an %s signing key of our own, and refuses halves that do not match',
    async (algorithm) => {
      const [one, other] = await Promise.all([
        generateKeyPair(algorithm, { extractable: true }),
        generateKeyPair(algorithm, { extractable: true }),
      ])
      const COUNTERSIGN_ADMIN_KEY = 'made-up-admin-key-of-some-length-0'
      const jwk = await exportJWK(one.privateKey)
      const sound = await readOwnSecrets(
        {
          COUNTERSIGN_ADMIN_KEY,
          COUNTERSIGN_SIGNING_KEY: JSON.stringify(jwk),
        },
        setTimer,
      )
      expect(sound.faults).toEqual([])
      expect(sound.signingKeys).toHaveLength(1)
      const { d } = await exportJWK(other.privateKey)
      const mixed = await readOwnSecrets(
        {
          COUNTERSIGN_ADMIN_KEY,
          COUNTERSIGN_SIGNING_KEY: JSON.stringify({ ...jwk, d }),
        },
        setTimer,
      )
      expect(mixed.faults.map(({ path }) => path)).toEqual(['COUNTERSIGN_SIGNING_KEY'])
    },
  )
})
