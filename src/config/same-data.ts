import type { Reader } from './input.ts'

/** So many kinds of a section are told apart; what is of yet another is read as if it were the first of its kind. */
const kindsMax = 4

/**
 * The reader, but what equals one of the values that it read lately, and found without fault, is not read again: the
 * result is shared. Thousands of teams have a few kinds of grants and limits, and all of them are looked at while the
 * Worker starts.
 */
export function remembering<Value>(read: Reader<Value>): Reader<Value> {
  const kinds: { readonly data: unknown; readonly value: Value }[] = []
  return (at) => {
    const known = kinds.find(({ data }) => sameData(data, at.value))
    if (known !== undefined) return known.value
    const before = at.faults.length
    const value = read(at)
    if (at.faults.length === before && kinds.unshift({ data: at.value, value }) > kindsMax) kinds.pop()
    return value
  }
}

/**
 * Whether both are the same data, down to prototypes. The order of fields is not looked at, as no reader goes by it.
 * `one` was read without fault, so it has an end and no gaps.
 */
export function sameData(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null)
    return one === other
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((value, index) => sameData(value, other[index]))
  if (Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return false
  const names = Object.keys(one)
  if (names.length !== Object.keys(other).length) return false
  for (const name of names) {
    if (!Object.hasOwn(other, name) || !sameData(field(one, name), field(other, name))) return false
  }
  return true
}

function field(data: object, name: string): unknown {
  return (data as Readonly<Record<string, unknown>>)[name]
}
