import { describe, expect, it } from 'vitest'
import { boundScheme, openKey, optionFaults } from './opened.ts'
import { momentAt, signRequest } from './requests.ts'

const moment = momentAt(1_700_000_000_000)

describe('bearer', () => {
  it('sends the token', async () => {
    const key = await openKey({ scheme: 'bearer' }, 'made-up-token')
    expect(await key.sign(signRequest(), moment)).toEqual({
      set: [['authorization', 'Bearer made-up-token']],
    })
    expect(key.sends).toEqual(['made-up-token'])
  })

  it.each(['', 'two words', 'line\n', 'split\r\nX-Evil: 1', 'ümlaut'])('G08: refuses %j', async (text) => {
    await expect(boundScheme({ scheme: 'bearer' }).open(text)).rejects.toThrow('bearer token')
  })

  it('has no options', () => {
    expect(optionFaults({ scheme: 'bearer', prefix: 'x' })).toEqual(['prefix: this scheme has no options'])
  })
})

describe('header', () => {
  it('sends the value behind its prefix', async () => {
    const key = await openKey({ scheme: 'header', name: 'X-Api-Key', prefix: 'Token ' }, 'made-up')
    expect(await key.sign(signRequest(), moment)).toEqual({ set: [['x-api-key', 'Token made-up']] })
    expect([...boundScheme({ scheme: 'header', name: 'X-Api-Key' }).owns]).toEqual(['x-api-key'])
  })

  it.each(['Content-Length', 'Host', 'Connection', 'X-Forwarded-For', 'Countersign-Key', 'a b', 'x\n'])(
    'refuses the name %j',
    (name) => {
      expect(optionFaults({ scheme: 'header', name })).toHaveLength(1)
    },
  )

  it('reports every fault of its options', () => {
    expect(optionFaults({ scheme: 'header', prefix: '\n', value: 'x' })).toEqual([
      'name: must be a text that is not empty',
      'prefix: must be visible ASCII that does not begin with a space',
      'value: unknown option; known are name, prefix',
    ])
  })

  it.each(['', ' x', 'x ', 'x\n', 'x\r\nY: 1', 'é'])('G08: refuses the value %j', async (text) => {
    await expect(boundScheme({ scheme: 'header', name: 'x-key' }).open(text)).rejects.toThrow('header value')
  })
})

describe('query', () => {
  it('sends the value encoded, and tells both forms of it', async () => {
    const key = await openKey({ scheme: 'query', name: 'api key' }, 'a/b&c')
    const request = signRequest({ query: '?x=1' })
    expect(await key.sign(request, moment)).toEqual({ set: [], query: [['api%20key', 'a%2Fb%26c']] })
    expect(key.sends).toEqual(['a/b&c', 'a%2Fb%26c'])
  })

  it.each(['?key=mine', '?a=1&KEY', '?%6bey=', '?x&k%65y=1'])(
    'refuses a caller that sends %s itself',
    async (query) => {
      const key = await openKey({ scheme: 'query', name: 'key' }, 'made-up')
      const sign = async () => key.sign(signRequest({ query }), moment)
      await expect(sign()).rejects.toMatchObject({ code: 'request_invalid' })
    },
  )
})

describe('basic', () => {
  it('matches the examples of RFC 7617, sections 2 and 2.1', async () => {
    const plain = await openKey({ scheme: 'basic' }, 'Aladdin:open sesame')
    expect(await plain.sign(signRequest(), moment)).toEqual({
      set: [['authorization', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==']],
    })
    const utf8 = await openKey({ scheme: 'basic' }, 'test:123£')
    expect(await utf8.sign(signRequest(), moment)).toEqual({
      set: [['authorization', 'Basic dGVzdDoxMjPCow==']],
    })
  })

  it('G08: splits at the first colon, so a password may have one', async () => {
    const key = await openKey({ scheme: 'basic' }, 'user:pass:word')
    expect(key.sends).toContain('pass:word')
  })

  it.each(['nocolon', ':password', 'user:', 'user:pass\n', 'us\ner:pass'])(
    'G08: refuses %j',
    async (text) => {
      await expect(boundScheme({ scheme: 'basic' }).open(text)).rejects.toThrow('<user>:<password>')
    },
  )
})
