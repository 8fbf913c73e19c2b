import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Input } from '../../src/config/input.ts'
import { remembering, sameData } from '../../src/config/same-data.ts'

describe('the same data', () => {
  it('is what a copy of it is', () => {
    fc.assert(fc.property(fc.jsonValue(), (data) => sameData(data, structuredClone(data))))
  })

  it('is the same JSON, but for the order of fields', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        if (JSON.stringify(one) !== JSON.stringify(other)) return !sameData(one, other) || Object.is(one, -0)
        return true
      }),
    )
  })

  it.each([
    [{}, []],
    [{}, null],
    [{}, 0],
    [[], ''],
    [{}, { a: undefined }],
    [{ a: 1 }, { b: 1 }],
    [{ a: 1 }, { a: '1' }],
    [['a'], ['a', undefined]],
    [['a'], Object.assign(['a'], { length: 2 })],
    [{}, new Map()],
    [{}, Object.create({ grants: {} })],
    [{ a: 1 }, Object.create({ a: 1 })],
    [{ a: {} }, { a: new (class Odd {})() }],
  ])('tells %j from the like', (one, other) => {
    expect(sameData(one, structuredClone(one))).toBe(true)
    expect(sameData(one, other)).toBe(false)
  })
})

describe('a reader that remembers', () => {
  it('reads what equals one of the last kinds once, and shares the result', () => {
    const read: unknown[] = []
    const reader = remembering((at) => {
      read.push(at.value)
      return { of: at.value }
    })
    const kinds = [{ a: 1 }, { a: 2 }, { a: 1 }, { a: 2 }]
    const results = kinds.map((kind) => reader(Input.root(kind)))
    expect(read).toEqual([{ a: 1 }, { a: 2 }])
    expect(results[2]).toBe(results[0])
    expect(results[3]).toBe(results[1])
  })

  it('forgets the oldest of many kinds', () => {
    let read = 0
    const reader = remembering(() => {
      read += 1
      return read
    })
    for (const a of [1, 2, 3, 4, 5]) reader(Input.root({ a }))
    expect(reader(Input.root({ a: 5 }))).toBe(5)
    expect(reader(Input.root({ a: 1 }))).toBe(6)
  })

  it('tells the fault of each place where the same data is wrong', () => {
    const reader = remembering((at) => at.fault('is wrong'))
    const root = Input.root({ one: { a: 1 }, two: { a: 1 } })
    for (const name of ['one', 'two']) reader(root.child(name))
    expect(root.faults.map(({ path }) => path)).toEqual(['one', 'two'])
  })
})
