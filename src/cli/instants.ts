/** Times as a person writes and reads them. */
import { usageFailure } from './failure.ts'

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/**
 * `90m`, `24h`, `7d`, `2w` ago, or from now where `ahead` says so, a day (2026-11-22, UTC), or an RFC 3339 time, as
 * RFC 3339 in UTC. Throws Failure `usage` that names the option.
 */
export function readInstant(
  text: string,
  option: string,
  now: number,
  { ahead = false }: { readonly ahead?: boolean } = {},
): string {
  const [, count, unit = ''] = /^(\d{1,5})([mhdw])$/.exec(text) ?? []
  if (count !== undefined) {
    const span = Number(count) * (units[unit] ?? 0)
    return new Date(ahead ? now + span : now - span).toISOString()
  }
  const [, day] = /^(\d{4}-\d{2}-\d{2})(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2}))?$/.exec(text) ?? []
  // `Date` takes a day that its month does not have for one of the next month.
  const time = day !== undefined && isDay(day) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(time)) {
    throw usageFailure(`${option} is not a time.`, 'Write 24h, 7d, 2026-11-22 or 2026-11-22T10:00:00Z.')
  }
  return new Date(time).toISOString()
}

function isDay(day: string): boolean {
  const time = Date.parse(day)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day)
}

/** `in 9 min`, `3 d ago`; `never` for what has no time. */
export function relativeTime(instant: unknown, now: number): string {
  const time = typeof instant === 'string' ? Date.parse(instant) : Number(instant ?? Number.NaN)
  if (!Number.isFinite(time)) return 'never'
  const span = spanText(Math.abs(time - now))
  return time >= now ? `in ${span}` : `${span} ago`
}

function spanText(millis: number): string {
  const steps: readonly (readonly [millis: number, unit: string])[] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
  ]
  const [size = 1_000, unit = 's'] = steps.find(([step]) => millis >= step) ?? []
  return `${Math.floor(millis / size)} ${unit}`
}
