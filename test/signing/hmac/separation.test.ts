import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Refusal } from '../../../src/core/problems.ts'
import type { StringPart } from '../../../src/signing/hmac/definition.ts'
import { openKey, optionFaults } from '../opened.ts'
import { momentAt, signRequest, textBody } from '../requests.ts'

const definition = (string: readonly StringPart[]) => ({
  scheme: 'hmac',
  algorithm: 'sha256',
  string,
  headers: { 'x-signature': [{ part: 'signature' }], 'x-time': [{ part: 'timestamp', as: 'seconds' }] },
})

describe('G07: a recipe whose parts run into each other is refused', () => {
  it.each<[string, readonly StringPart[]]>([
    ['path and header', [{ part: 'path' }, { part: 'header', name: 'a' }]],
    ['query and any body', [{ part: 'query' }, { part: 'body' }]],
    [
      'two headers',
      [
        { part: 'header', name: 'a' },
        { part: 'header', name: 'b' },
      ],
    ],
    [
      'two headers that may be missing, told by one separator',
      [
        { part: 'header', name: 'a', ifSent: '\n' },
        { part: 'header', name: 'b', ifSent: '\n' },
      ],
    ],
    ['method and key id', [{ part: 'method' }, { part: 'key-id' }, { part: 'body' }]],
    ['body before anything free', [{ part: 'body' }, { part: 'path' }, { part: 'body' }]],
    ['path and a slash', [{ part: 'path' }, '/', { part: 'body' }]],
    [
      'the same inside of a digest',
      [{ part: 'digest', algorithm: 'sha256', encoding: 'hex', of: [{ part: 'path' }, { part: 'body' }] }],
    ],
  ])('%s', (_what, string) => {
    const faults = optionFaults(definition(string))
    expect(faults.length).toBeGreaterThan(0)
    for (const fault of faults) expect(fault).toMatch(/string.*: nothing tells/)
  })

  it.each<[string, readonly StringPart[]]>([
    ['method, path and query', [{ part: 'method' }, { part: 'path' }, { part: 'query' }]],
    ['a query and a JSON body', [{ part: 'path' }, { part: 'query' }, { part: 'body', begins: 'json' }]],
    [
      'headers told by different separators',
      [
        { part: 'header', name: 'a', ifSent: '\n' },
        { part: 'header', name: 'b', ifSent: '\t' },
      ],
    ],
    [
      'a path before a digest',
      [{ part: 'path' }, { part: 'body-digest', algorithm: 'sha256', encoding: 'hex' }],
    ],
    ['a body before a time', [{ part: 'body' }, { part: 'timestamp', as: 'seconds' }]],
  ])('%s can be told apart', (_what, string) => {
    expect(optionFaults(definition(string))).toEqual([])
  })
})

// Few characters, so that requests meet often, and all separators among them.
const text = (characters: string, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...characters), maxLength })
const someRequest = fc.record({
  method: fc.constantFrom('GET', 'POST', 'A'),
  path: text('/a.', 3).map((rest) => `/${rest}`),
  query: text('a=&?.{', 3).map((rest) => (rest === '' ? '' : `?${rest}`)),
  a: fc.option(text('a.|\n{', 3)),
  b: fc.option(text('a.|\n{', 3)),
  body: text('a{.=|', 3),
})
type SomeRequest = typeof someRequest extends fc.Arbitrary<infer Value> ? Value : never

const somePart: fc.Arbitrary<StringPart> = fc.oneof(
  fc.constantFrom<StringPart>('.', '|', '\n', 'a'),
  fc.constantFrom<StringPart>(
    { part: 'method' },
    { part: 'path' },
    { part: 'path', encode: 'percent' },
    { part: 'query' },
    { part: 'query', mark: false },
    { part: 'query', encode: 'percent' },
    { part: 'header', name: 'a' },
    { part: 'header', name: 'a', ifSent: '\n' },
    { part: 'header', name: 'b', ifSent: '.' },
    { part: 'header', name: 'b' },
    { part: 'body' },
    { part: 'body', begins: 'json' },
    { part: 'body', begins: 'form' },
    { part: 'body-digest', algorithm: 'sha256', encoding: 'hex' },
    { part: 'timestamp', as: 'seconds' },
    { part: 'digest', algorithm: 'md5', encoding: 'raw', of: [{ part: 'body' }] },
  ),
)

/** What a recipe covers of a request: two requests that differ in it must have different strings. */
const covered = (string: readonly StringPart[], request: SomeRequest): string =>
  JSON.stringify(
    string.map((part) => {
      if (typeof part === 'string') return null
      switch (part.part) {
        case 'method':
        case 'path':
        case 'query':
          return request[part.part]
        case 'header':
          return part.name === 'a' ? request.a : request.b
        case 'body':
        case 'body-digest':
        case 'digest':
          return request.body
        default:
          return null
      }
    }),
  )

const signedString = async (string: readonly StringPart[], request: SomeRequest): Promise<string | null> => {
  const key = await openKey(definition(string), 'id:made-up')
  const headers = Object.fromEntries(
    [['a', request.a] as const, ['b', request.b] as const].flatMap(([name, value]) =>
      value === null ? [] : [[name, value]],
    ),
  )
  try {
    const [stage] = await key.stages(
      signRequest({ ...request, headers, body: textBody(request.body) }),
      momentAt(1_700_000_000_000),
    )
    return stage?.text ?? null
  } catch (error) {
    if (error instanceof Refusal) return null
    throw error
  }
}

describe('G07: no two requests share a string', () => {
  it('whatever the recipe, when it is accepted', async () => {
    let compared = 0
    await fc.assert(
      fc.asyncProperty(
        fc
          .array(somePart, { minLength: 1, maxLength: 6 })
          .filter((string) => optionFaults(definition(string)).length === 0),
        fc.array(someRequest, { minLength: 2, maxLength: 25 }),
        async (string, requests) => {
          const seen = new Map<string, string>()
          for (const request of requests) {
            const signed = await signedString(string, request)
            if (signed === null) continue
            const known = seen.get(signed)
            if (known !== undefined) {
              compared += 1
              expect(covered(string, request)).toBe(known)
            }
            seen.set(signed, covered(string, request))
          }
        },
      ),
      { numRuns: 1_000 },
    )
    expect(compared).toBeGreaterThan(100)
  })
})
