/** Times at the border: RFC 3339 in UTC or with an offset, read strictly, written in UTC. */

const form =
  /^(\d{4}-\d{2}-\d{2})(?:T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d))?$/

/** With a year of four digits, which an offset can lead out of. */
const instantChars = '2026-11-22T10:20:30.000Z'.length

/**
 * Milliseconds since 1970 of an RFC 3339 time, or of the beginning of a day (`2026-11-22`, UTC); null when it is
 * neither. A day that its month does not have is refused: `Date` would take it for another day.
 */
export function readInstant(text: string): number | null {
  const day = form.exec(text)?.[1]
  if (day === undefined || !JSON.stringify(new Date(day)).startsWith(`"${day}`)) return null
  const millis = Date.parse(text)
  return writeInstant(millis).length === instantChars ? millis : null
}

/** To the millisecond; `millis` since 1970. */
export function writeInstant(millis: number): string {
  return new Date(millis).toISOString()
}

export function writeInstantOrNull(millis: number | null): string | null {
  return millis === null ? null : writeInstant(millis)
}
