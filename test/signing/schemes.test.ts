import { existsSync } from 'node:fs'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { explain } from '../../src/signing/explain.ts'
import { schemes } from '../../src/signing/index.ts'
import { exampleRequest, schemeExamples } from './every-scheme.ts'
import { boundScheme, optionFaults } from './opened.ts'
import { momentAt } from './requests.ts'
import { vectorsAreThere } from './vectors.ts'

const moment = momentAt(1_700_000_000_000)
const examples = Object.entries(schemeExamples)

/** Every way in which a value could be printed. */
const printed = (value: unknown): string =>
  [inspect(value, { depth: 20, showHidden: true }), JSON.stringify(value) ?? '', String(value)].join('\n')

const expectHidden = (text: string, hidden: readonly string[]): void => {
  for (const secret of hidden) expect(text.includes(secret)).toBe(false)
}

it('every scheme of the table is tested here', () => {
  expect(Object.keys(schemeExamples).toSorted()).toEqual(Object.keys(schemes).toSorted())
})

describe.each(examples)('%s', (name, { vectors, sign, secret, hidden, travels }) => {
  it('has vectors', () => {
    const files = vectors.filter((vector) => vector.endsWith('.ts'))
    expect(files.length).toBeGreaterThan(0)
    for (const file of files) expect(existsSync(new URL(file, import.meta.url))).toBe(true)
    // Shared folders are not on every machine; the test files say so when they skip them.
    if (!vectorsAreThere('.')) return
    for (const folder of vectors.filter((vector) => !vector.endsWith('.ts')))
      expect(vectorsAreThere(folder)).toBe(true)
  })

  it('parses its options, and refuses one that it does not know', () => {
    expect(optionFaults(sign)).toEqual([])
    expect(optionFaults({ ...sign, surprise: 1 }).some((fault) => fault.startsWith('surprise: '))).toBe(true)
    expect(optionFaults({ ...sign, __proto__x: 1 })).toHaveLength(1)
  })

  it.each([
    '',
    ' ',
    '\n',
    'x\ny',
    `${secret}\n`,
    ` ${secret}`,
    `${secret.slice(0, 4)}\r\n${secret.slice(4)}`,
    `${secret}\u0085`,
    `${secret}\u200b`,
    `\u2060${secret}`,
  ])('G08: refuses a secret that is empty or has stray white space, without repeating it', async (text) => {
    // White space between the members of JSON is not stray; all other secrets are refused.
    const opened = await boundScheme(sign)
      .open(text)
      .then(
        () => null,
        (error: unknown) => error,
      )
    if (opened === null) {
      expect(JSON.parse(text)).toEqual(JSON.parse(secret))
      return
    }
    expect(opened).toMatchObject({ name: 'SecretFault' })
    expectHidden(printed(opened), hidden)
  })

  it('prints nothing of its secret: not bound, not opened, not in its stages', async () => {
    const scheme = boundScheme(sign)
    const key = await scheme.open(secret)
    expectHidden(printed(scheme), hidden)
    if (key.kind === 'sign') expectHidden(printed(await key.stages(exampleRequest, moment)), hidden)
  })

  it('says of every text of its secret that travels that it does', async () => {
    const key = await boundScheme(sign).open(secret)
    if (key.kind === 'mint') {
      const request = printed(await key.mintRequest(moment))
      expect(hidden.some((text) => request.includes(text))).toBe(travels)
      return
    }
    expect(key.sends.length > 0).toBe(travels)
    const edits = await key.sign(exampleRequest, moment)
    const wire = key.sends.reduce((text, sent) => text.replaceAll(sent, ''), JSON.stringify(edits))
    expectHidden(wire, hidden)
    const { owns } = boundScheme(sign)
    for (const [header, value] of edits.set) {
      expect(header).toBe(header.toLowerCase())
      expect(owns.has(header)).toBe(true)
      expect(value).toMatch(/^[\x20-\x7e]+$/)
    }
  })

  it('is explained without a usable signature and without its secret', async () => {
    const scheme = boundScheme(sign)
    const key = await scheme.open(secret)
    const explanation = await explain({
      scheme,
      key,
      keyName: 'test',
      keyFaults: [],
      request: exampleRequest,
      moment,
    })
    expect(explanation.scheme).toBe(name)
    const text = printed(explanation)
    expectHidden(text, hidden)
    if (key.kind === 'mint') return
    const { set, query = [] } = await key.sign(exampleRequest, moment)
    const shown = [...explanation.headers, ...explanation.query].map(({ value }) => value)
    expect(shown).toHaveLength(set.length + query.length)
    // At least one value is not what would be sent: the credential or the signature.
    expect([...set, ...query].some(([, value], index) => value !== shown[index])).toBe(true)
    for (const [, value] of [...set, ...query])
      for (const long of value.match(/[A-Za-z0-9+/_-]{43,}/g) ?? [])
        if (!explanation.stages.some((stage) => stage.text.includes(long))) expect(text).not.toContain(long)
  })

  it('signs the same moment and request in the same way twice', async () => {
    const key = await boundScheme(sign).open(secret)
    if (key.kind === 'mint' || name === 'jwt') return
    const once = momentAt(1_700_000_000_000)
    const again = momentAt(1_700_000_000_000)
    expect(await key.sign(exampleRequest, once)).toEqual(await key.sign(exampleRequest, again))
  })
})

it('a name from outside finds no scheme', () => {
  for (const scheme of ['__proto__', 'constructor', 'toString', '', 'Bearer', 1, null])
    expect(optionFaults({ scheme })).toEqual([expect.stringMatching(/^scheme: must be one of /)])
})
