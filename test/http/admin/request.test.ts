import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Refusal } from '../../../src/core/problems.ts'
import {
  asSent,
  pageInOrder,
  readMembers,
  readQuery,
  readText,
  readTime,
} from '../../../src/http/admin/request.ts'

const detailOf = (read: () => unknown): string => {
  try {
    return `not refused: ${JSON.stringify(read())}`
  } catch (error) {
    return error instanceof Refusal && error.code === 'request_invalid' ? error.detail : String(error)
  }
}

const shape = { team: readText, from: readTime }
const parameters = { team: asSent, from: readTime }
const body = (text: string) => detailOf(() => readMembers(JSON.parse(text), shape))
const query = (text: string) =>
  detailOf(() => readQuery(new Request(`https://edge.test/?${text}`), parameters))

describe('a shape', () => {
  test('reads what was sent, each by its reader, and leaves out what was not', () => {
    expect(readMembers({ from: '1970-01-02' }, shape)).toEqual({ from: 86_400_000 })
    expect(readQuery(new Request('https://edge.test/?team=&from=1970-01-02'), parameters)).toEqual({
      team: '',
      from: 86_400_000,
    })
    expect(readMembers({}, shape)).toEqual({})
  })

  test.each(['{"other":1}', '{"__proto__":{"team":"x"}}', '{"constructor":1}', '{"toString":1}'])(
    'A08: of %s refuses the member, and names those that it knows',
    (text) => {
      expect(body(text)).toBe('Send nothing in the body but team, from.')
    },
  )

  test.each([
    ['[]', 'Send the body as a JSON object.'],
    ['null', 'Send the body as a JSON object.'],
    ['"team"', 'Send the body as a JSON object.'],
    ['{"team":""}', 'Send team as a text.'],
    ['{"team":null}', 'Send team as a text.'],
    ['{"from":"yesterday"}', 'Send from as a day (2026-11-22) or an RFC 3339 time.'],
    ['{"from":0}', 'Send from as a text.'],
  ])('of %s says what is wrong with it', (text, detail) => {
    expect(body(text)).toBe(detail)
  })

  test.each([
    ['team=a&team=b', 'Send team only once.'],
    ['team=a&teams=b', 'Send nothing in the query but team, from.'],
    ['__proto__=a', 'Send nothing in the query but team, from.'],
    ['team=a&__proto__=b', 'Send nothing in the query but team, from.'],
    ['from=2026-02-30', 'Send from as a day (2026-11-22) or an RFC 3339 time.'],
  ])('of the query %s says what is wrong with it', (text, detail) => {
    expect(query(text)).toBe(detail)
  })
})

test('a list in order shows every item once, page by page, whatever order it came in', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ minLength: 1 })), fc.integer({ min: 1, max: 5 }), (all, limit) => {
      const seen: string[] = []
      let cursor = ''
      for (let pages = 0; pages <= all.length; pages += 1) {
        const { items, next } = pageInOrder(all, asSent, { cursor, limit })
        expect(items.length).toBeLessThanOrEqual(limit)
        seen.push(...items)
        if (next === null) break
        cursor = next
      }
      expect(seen).toEqual([...all].sort())
    }),
  )
})
