import { describe, expect, it } from 'vitest'
import { FirstUseMap } from '../../src/config/first-use.ts'

const counting = (written: Readonly<Record<string, unknown>>) => {
  const makings: string[] = []
  const map = new FirstUseMap(written, (name, value) => {
    makings.push(name)
    if (value === 'broken') throw new Error('broken')
    return { name, value }
  })
  return { map, makings }
}

describe('a part of the configuration', () => {
  it('is made at its first use, from its own data, and then kept', () => {
    const { map, makings } = counting({ one: 1, two: 2 })
    expect(makings).toEqual([])
    const two = map.get('two')
    expect(two).toEqual({ name: 'two', value: 2 })
    expect(map.get('two')).toBe(two)
    expect(makings).toEqual(['two'])
  })

  it('is listed without being made', () => {
    const { map, makings } = counting({ one: 1, two: 2 })
    expect([...map.keys()]).toEqual(['one', 'two'])
    expect(map.has('one')).toBe(true)
    expect(makings).toEqual([])
  })

  it('P07: is never made for a name that is not in the configuration', () => {
    const { map, makings } = counting({ one: 1 })
    for (const name of ['two', '__proto__', 'constructor', 'toString', '']) {
      expect(map.get(name), name).toBeUndefined()
      expect(map.has(name), name).toBe(false)
    }
    expect(makings).toEqual([])
  })

  it('that could not be made harms no other and is made anew', () => {
    const { map, makings } = counting({ one: 'broken', two: 2 })
    expect(() => map.get('one')).toThrow('broken')
    expect(map.get('two')).toEqual({ name: 'two', value: 2 })
    expect(() => map.get('one')).toThrow('broken')
    expect(makings).toEqual(['one', 'two', 'one'])
  })
})
