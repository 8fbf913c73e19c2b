import { describe, expect, test } from 'vitest'
import { Fields } from '../../src/http/fields.ts'

describe('the fields of a message', () => {
  const headers = new Headers([
    ['X-B', '2'],
    ['a', '1'],
    ['A', 'one'],
  ])

  test('have their names in lower case, each once, and their values as Headers has them', () => {
    const fields = new Fields(headers)
    expect(fields.names).toEqual(['a', 'x-b'])
    expect([fields.get('a'), fields.get('x-b'), fields.get('c')]).toEqual(['1, one', '2', null])
  })

  test('share one list of names with other messages, and never their values', () => {
    const fields = new Fields(headers)
    const others = new Fields(new Headers({ 'x-b': 'other', a: 'other' }))
    expect(others.names).toBe(fields.names)
    expect([fields.get('a'), others.get('a')]).toEqual(['1, one', 'other'])
  })

  test('have their values a line each where that is asked for', () => {
    const fields = new Fields(headers, 'lines')
    expect([fields.names, fields.lines]).toEqual([['a', 'x-b'], '1, one\n2\n'])
    expect(new Fields(headers).lines).toBeNull()
  })

  test('are copied to be changed', () => {
    const fields = new Fields(headers)
    fields.toHeaders().delete('a')
    expect(fields.get('a')).toBe('1, one')
  })
})
