/** Strict reading of small JSON bodies: what is not known is refused, so that nobody believes it was done. */
import { Refusal } from '../../core/problems.ts'

export function invalid(detail: string): Refusal {
  return new Refusal('request_invalid', { detail })
}

/** The members of a JSON object, own ones only. Throws Refusal for another kind of value and for unknown members. */
export function readMembers<Name extends string>(
  value: unknown,
  known: readonly Name[],
  where: string,
): Readonly<Partial<Record<Name, unknown>>> {
  const members = readObject(value, where)
  const names: readonly string[] = known
  for (const name of members.keys())
    if (!names.includes(name)) throw invalid(`${where} may hold ${known.join(', ')}, and nothing else.`)
  return Object.fromEntries(members) as Readonly<Partial<Record<Name, unknown>>>
}

/** The members of a JSON object whose names are the caller's. */
export function readObject(value: unknown, where: string): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`${where} must be a JSON object.`)
  return new Map(Object.entries(value))
}
