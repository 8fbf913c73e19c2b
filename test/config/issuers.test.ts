import { describe, expect, it } from 'vitest'
import { makeSigner, parsed } from '../identity/fixtures.ts'
import { faultLines, faultPaths, issuer, sound } from './fixtures.ts'

const pathsWith = (changes: Readonly<Record<string, unknown>>): readonly string[] =>
  faultPaths(sound({ issuers: { acme: issuer(changes) } }))

describe('an issuer that others may use too', () => {
  it.each([{ team: { value: 'checkout' } }, { scopes: 'granted' }])(
    'needs where or dedicated for %j',
    (changes) => {
      const field = 'team' in changes ? 'team' : 'scopes'
      expect(pathsWith(changes)).toEqual([`issuers.acme.${field}`])
      expect(pathsWith({ ...changes, dedicated: false })).toEqual([`issuers.acme.${field}`])
      expect(pathsWith({ ...changes, dedicated: true })).toEqual([])
      expect(pathsWith({ ...changes, where: { repository: 'acme/shop' } })).toEqual([])
    },
  )

  it('cannot satisfy that with a where that every token meets', () => {
    const granted = { scopes: 'granted' }
    expect(pathsWith({ ...granted, where: {} })).toContain('issuers.acme.where')
    expect(pathsWith({ ...granted, where: { iss: 'https://login.acme.example' } })).toContain(
      'issuers.acme.where.iss',
    )
    expect(pathsWith({ where: { repository: ['acme/shop'] } })).toEqual(['issuers.acme.where.repository'])
    expect(pathsWith({ where: { repository: 'acme/shop', id: 7, verified: true } })).toEqual([])
  })
})

describe('several external issuers', () => {
  const several = (changes: Readonly<Record<string, unknown>>) =>
    faultPaths(
      sound({
        issuers: {
          acme: issuer({ teams: ['checkout'] }),
          other: issuer({ issuer: 'https://other.example', ...changes }),
        },
      }),
    )

  it('need the teams that a plain claim may name', () => {
    expect(several({})).toEqual(['issuers.other.team'])
    expect(several({ dedicated: true })).toEqual(['issuers.other.team'])
    expect(several({ teams: ['checkout'] })).toEqual([])
    expect(several({ teams: [] })).toEqual(['issuers.other.teams'])
    expect(several({ teams: ['nobody'] })).toEqual(['issuers.other.teams[0]'])
    expect(several({ team: { claim: 'repository', map: { 'acme/shop': 'checkout' } } })).toEqual([])
    expect(several({ team: { value: 'checkout' }, dedicated: true })).toEqual([])
  })

  it('are not counted with our own token service', () => {
    expect(parsed(sound(), { signingKeys: true }).issuers.size).toBe(2)
  })

  it('cannot share an iss, and none can be ours', () => {
    expect(several({ issuer: 'https://login.acme.example', teams: ['checkout'] })).toEqual([
      'issuers.other.issuer',
    ])
    expect(pathsWith({ issuer: 'https://edge.acme.example' })).toEqual(['issuers.acme.issuer'])
    expect(faultPaths(sound({ issuers: { countersign: issuer() } }))).toEqual(['issuers.countersign'])
  })
})

describe('the fields of an issuer', () => {
  it.each(['none', 'None', 'HS256', 'HS512', 'RS1', 'ES256K', 'es256', '', 1])(
    'J02: refuse the algorithm %j',
    (name) => expect(pathsWith({ algorithms: ['ES256', name] })).toEqual(['issuers.acme.algorithms[1]']),
  )

  it('J02: want at least one algorithm', () => {
    expect(pathsWith({ algorithms: [] })).toEqual(['issuers.acme.algorithms'])
    expect(pathsWith({ algorithms: undefined })).toEqual(['issuers.acme.algorithms'])
    expect(pathsWith({ algorithms: 'ES256' })).toEqual(['issuers.acme.algorithms'])
  })

  it('take Ed25519 and EdDSA as one', () => {
    for (const name of ['Ed25519', 'EdDSA']) {
      const algorithms = parsed(sound({ issuers: { acme: issuer({ algorithms: [name] }) } })).issuers.get(
        'https://login.acme.example',
      )?.algorithms
      expect(algorithms).toEqual(new Set(['EdDSA', 'Ed25519']))
    }
  })

  it('bound lifetimes and tolerances on both sides', () => {
    for (const sound of [1, 86_400]) expect(pathsWith({ maxLifetimeSeconds: sound })).toEqual([])
    for (const wrong of [0, 86_401, 1.5, '900', null, Number.NaN])
      expect(pathsWith({ maxLifetimeSeconds: wrong })).toEqual(['issuers.acme.maxLifetimeSeconds'])
    for (const sound of [0, 60]) expect(pathsWith({ clockToleranceSeconds: sound })).toEqual([])
    for (const wrong of [-1, 61, 0.5])
      expect(pathsWith({ clockToleranceSeconds: wrong })).toEqual(['issuers.acme.clockToleranceSeconds'])
  })

  it('A01: keep the audience of administration to our own tokens', () => {
    expect(pathsWith({ audience: 'https://edge.acme.example/api' })).toEqual(['issuers.acme.audience'])
    expect(pathsWith({ audience: 'https://other.example' })).toEqual([])
    expect(pathsWith({ audience: ['https://edge.acme.example'] })).toEqual(['issuers.acme.audience'])
  })

  it('name teams that exist', () => {
    expect(pathsWith({ team: { value: 'nobody' }, dedicated: true })).toEqual(['issuers.acme.team.value'])
    expect(pathsWith({ team: { claim: 'r', map: { x: 'nobody' } } })).toEqual(['issuers.acme.team.map.x'])
    expect(pathsWith({ team: { claim: 'r', map: {} } })).toEqual(['issuers.acme.team.map'])
    expect(pathsWith({ team: { claim: 'r', value: 'checkout' }, dedicated: true })).toEqual([
      'issuers.acme.team',
    ])
    expect(pathsWith({ team: {} })).toEqual(['issuers.acme.team.claim'])
    expect(pathsWith({ team: 'checkout' })).toEqual(['issuers.acme.team'])
  })

  it('say what tokens are used for', () => {
    expect(pathsWith({ use: ['exchange', 'call'] })).toEqual([])
    expect(pathsWith({ use: [] })).toEqual(['issuers.acme.use'])
    expect(pathsWith({ use: ['admin'] })).toEqual(['issuers.acme.use[0]'])
  })

  it('take typ without case and without application/', () => {
    const { issuers } = parsed(sound({ issuers: { acme: issuer({ typ: ['application/AT+JWT', 'JWT'] }) } }))
    expect(issuers.get('https://login.acme.example')?.typ).toEqual(new Set(['at+jwt', 'jwt']))
  })
})

describe('inline keys', () => {
  it('are taken when they are public and sound', async () => {
    const signer = await makeSigner('k1')
    expect(pathsWith({ jwks: { keys: [signer.jwk] } })).toEqual([])
  })

  it('S06: are faults when they are private, shared or weak, without being repeated', async () => {
    const signer = await makeSigner('k1')
    const keys = [signer.jwk, signer.privateJwk, { kty: 'oct', k: 'bWFkZS11cA' }, {}, 'x']
    const lines = faultLines(sound({ issuers: { acme: issuer({ jwks: { keys } }) } }))
    expect(lines).toEqual([
      expect.stringMatching(/^issuers\.acme\.jwks\.keys\[1\]: is a private key/),
      expect.stringMatching(/^issuers\.acme\.jwks\.keys\[2\]: is a shared secret/),
      expect.stringMatching(/^issuers\.acme\.jwks\.keys\[3\]: /),
      expect.stringMatching(/^issuers\.acme\.jwks\.keys\[4\]: /),
    ])
    expect(lines.join()).not.toContain(String(signer.privateJwk.d))
    expect(pathsWith({ jwks: { keys: [] } })).toEqual(['issuers.acme.jwks'])
  })
})
