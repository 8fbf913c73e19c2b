/** Query strings as schemes need them: byte for byte, or taken apart and written anew. */
import { requestInvalid } from '../core/problems.ts'

export type Pair = readonly [name: string, value: string]

/** RFC 3986 section 2.3: everything but unreserved characters encoded, in upper-case hex. */
export function percentEncode(text: string): string {
  return unreserved.test(text)
    ? text
    : encodeURIComponent(text).replaceAll(
        /[!'()*]/g,
        (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
      )
}

/** A secret as it stands in a header and as it stands in a query; once where that is the same. */
export function bothForms(text: string): readonly string[] {
  return [...new Set([text, percentEncode(text)])]
}

const unreserved = /^[\w.~-]*$/

/**
 * The query with pairs behind it, as it is sent: the one rule for what is signed and for what goes on the
 * wire. Names and values are encoded already.
 */
export function appendQuery(query: string, pairs: readonly Pair[]): string {
  if (pairs.length === 0) return query
  const added = pairs.map((pair) => pair.join('=')).join('&')
  if (query === '') return `?${added}`
  return query === '?' || query.endsWith('&') ? query + added : `${query}&${added}`
}

/** The pairs of a query as they stand, still encoded; a name without `=` has the value null. */
export function rawPairs(query: string): readonly (readonly [name: string, value: string | null])[] {
  const text = query.startsWith('?') ? query.slice(1) : query
  if (text === '') return []
  return text.split('&').map((pair) => {
    const equals = pair.indexOf('=')
    return equals === -1 ? [pair, null] : [pair.slice(0, equals), pair.slice(equals + 1)]
  })
}

/** Percent-decoded; throws Refusal `request_invalid` where that is not UTF-8. `+` stays what it is. */
export function percentDecode(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    throw requestInvalid(
      'The query has a percent escape that is not UTF-8, and this upstream signs its decoded form.',
    )
  }
}

/** By their lower case. */
export type OwnedNames = ReadonlyMap<string, string>

export function ownedNames(names: readonly string[]): OwnedNames {
  return new Map(names.map((name) => [name.toLowerCase(), name]))
}

/**
 * Refuses a caller's query that already has one of the names that the scheme adds: the upstream would choose
 * one of the two, and not always ours. Names are compared decoded and without case.
 */
export function refuseQueryNames(query: string, names: OwnedNames): void {
  if (query.length < 2 || names.size === 0) return
  for (const [name] of rawPairs(query)) {
    const owned = names.get(looselyDecoded(name))
    if (owned !== undefined)
      throw requestInvalid(`Leave the query parameter ${owned} out: Countersign sets it.`)
  }
}

function looselyDecoded(name: string): string {
  if (unreserved.test(name)) return name.toLowerCase()
  const spaced = name.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced).toLowerCase()
  } catch {
    return spaced.toLowerCase()
  }
}
