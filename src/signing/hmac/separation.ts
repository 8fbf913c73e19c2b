/**
 * That no two requests share a string, decided once for a recipe. Read from the left, a part of known length is
 * taken by its length, and a free one up to the first byte that what follows it can begin with (its FOLLOW set,
 * as in an LL(1) grammar); a request whose content holds such a byte is refused. So each string can be taken
 * apart in one way only. A free part that only parts of known length follow is bounded by the string's end.
 */

/** How a part looks from outside: what there is to tell where it begins and ends. */
export interface Shape {
  /** sized: of one length for all requests with a key. free: as long as its content. */
  readonly extent: 'sized' | 'free'
  /** Characters that it can begin with; null: any. */
  readonly first: string | null
  readonly mayBeEmpty: boolean
  /** How faults call it. */
  readonly name: string
}

export interface Separation {
  /** For each part, what its content must not hold; null: anything. */
  readonly excluded: readonly (RegExp | null)[]
  readonly faults: readonly string[]
}

/** `shapes`: of all parts, in their order. */
export function separate(shapes: readonly Shape[]): Separation {
  const faults: string[] = []
  const excluded = shapes.map((shape, index) => {
    const rest = shapes.slice(index + 1)
    const bounded = shape.extent === 'sized' || rest.every(({ extent }) => extent === 'sized')
    return bounded ? null : exclude(shape, rest, faults)
  })
  return { excluded, faults }
}

function exclude(shape: Shape, rest: readonly Shape[], faults: string[]): RegExp | null {
  const follow = followSet(rest)
  if (follow === '') return null
  if (follow === null) {
    faults.push(`nothing tells where ${shape.name} ends; put a separator behind it that it cannot hold`)
    return null
  }
  const blurred = [...(shape.first ?? '')].filter((one) => follow.includes(one))
  if (shape.mayBeEmpty ? blurred.length > 0 : blurred.length === shape.first?.length)
    faults.push(`nothing tells where ${shape.name} ends: what follows it can begin in the same way`)
  return new RegExp(`[${[...follow].map(escaped).join('')}]`)
}

/** What can stand right behind a part; null: anything; '': only the end. */
function followSet(rest: readonly Shape[]): string | null {
  let characters = ''
  for (const { first, mayBeEmpty } of rest) {
    if (first === null) return null
    characters += first
    if (!mayBeEmpty) break
  }
  return characters
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
