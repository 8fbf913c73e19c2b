/** Names of key slots as people write them. */
import type { KeyBindings } from './definition.ts'

/** A slot is for testing when one of the words of its name says so: `test`, `ci-test`, `sandbox`. */
const testSlot = /(?:^|[-_.])(?:test|testing|sandbox)(?:$|[-_.0-9])/i

/** A live key's prefixes, refused in every slot that is named after testing. */
export const refuseLiveInTest = (
  keys: KeyBindings,
  livePrefixes: readonly string[],
): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(
    Object.keys(keys)
      .filter((name) => testSlot.test(name))
      .map((name) => [name, livePrefixes]),
  )
