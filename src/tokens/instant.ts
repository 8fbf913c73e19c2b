/** Times at the border: RFC 3339 in UTC or with an offset, read strictly, written in UTC. */

const form =
  /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d))?$/

/**
 * Milliseconds since 1970 of an RFC 3339 time, or of the beginning of a day (`2026-11-22`, UTC); null when it is
 * neither. A day that its month does not have is refused: `Date` would take it for another day.
 */
export function readInstant(text: string): number | null {
  const [, year, month, day, hour = '00', minute = '00', second = '00'] = form.exec(text) ?? []
  if (year === undefined || month === undefined || day === undefined) return null
  const asDay = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))
  if (asDay.toISOString().slice(0, 10) !== `${year}-${month}-${day}`) return null
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null
  const millis = Date.parse(text)
  return Number.isNaN(millis) ? null : millis
}

export function writeInstant(millis: number): string {
  return new Date(millis).toISOString()
}

export function writeInstantOrNull(millis: number | null): string | null {
  return millis === null ? null : writeInstant(millis)
}
