/** `GET /api/usage`: a team's books, as JSON or its rows as CSV (RFC 4180). */

import type { UsageColumn } from '../../accounts/account-rpc.ts'
import { malformed, requestInvalid } from '../../core/problems.ts'
import { dayMillis, dayName, dayOf, hourMillis, hourOf } from '../../core/quota/books.ts'
import { writeInstant } from '../../tokens/instant.ts'
import { answered } from '../../tokens/token-service.ts'
import { privateHeaders, privateJson } from '../json.ts'
import { csvText } from './csv.ts'
import { type AdminCall, asSent, readQuery, readTime } from './request.ts'
import { type AccountAdministration, visibleTeam } from './teams.ts'

export const usageColumns = [
  'hour',
  'day',
  'upstream',
  'key',
  'subject',
  'outcome',
] as const satisfies readonly UsageColumn[]

export async function showUsage(
  { request, administrator }: AdminCall,
  deps: AccountAdministration,
): Promise<Response> {
  const query = readQuery(request, { team: asSent, from: asSent, to: asSent, by: readColumns })
  const { name: team } = visibleTeam(query.team ?? administrator.team, administrator, deps)
  const { by = [] } = query
  const { from, to } = readRange(query.from, query.to, deps.now())
  const report = await answered(deps.openAccount(team).usage({ from, to, by }))
  if ('rowsMax' in report)
    throw requestInvalid(
      `That is more than ${report.rowsMax} rows. Ask for less time, or for fewer columns in by.`,
    )
  const rows = report.rows.map(({ by: group, lastAt: _latest, ...figures }) => ({
    ...Object.fromEntries(by.map((column, at) => [column, cell(column, group[at])])),
    ...figures,
  }))
  if (acceptsCsv(request.headers.get('accept'))) return csv(rows, by)
  const { observed, ...books } = report
  return privateJson({
    team,
    from: writeInstant(from),
    to: writeInstant(to),
    ...books,
    rows,
    ...(observed.length > 0 && { observed }),
  })
}

function readColumns(text: string): readonly UsageColumn[] {
  if (text === '') return []
  const names = text.split(',')
  const chosen = names.flatMap((name) => usageColumns.filter((column) => column === name))
  if (new Set(chosen).size === names.length) return chosen
  throw malformed('by', `a list of ${usageColumns.join(', ')}, each once`)
}

/**
 * Books are kept by the hour: `from` is taken back to the beginning of its hour, `to` on to the end of its own; a
 * day as `to` means all of it. Without both: today, UTC.
 */
function readRange(
  fromText: string | undefined,
  toText: string | undefined,
  now: number,
): { readonly from: number; readonly to: number } {
  const from = fromText === undefined ? dayOf(now) : hourOf(readTime(fromText, 'from'))
  const until = toText === undefined ? now + 1 : readTime(toText, 'to')
  const end = toText?.length === dayChars ? until + dayMillis : Math.ceil(until / hourMillis) * hourMillis
  const to = Math.min(end, lastHour)
  if (from >= to) throw malformed('from', 'a time before to')
  return { from, to }
}

/** RFC 3339 knows years of four digits. */
const lastHour = Date.UTC(9999, 11, 31, 23)

/** `2026-11-22` */
const dayChars = 10

function cell(column: UsageColumn, value: string | number | undefined): string {
  if (column === 'hour') return writeInstant(Number(value))
  if (column === 'day') return dayName(Number(value))
  return String(value)
}

/** A media range that admits CSV (its group) or JSON. */
const rangeForm = /^(?:(text\/(?:csv|\*))|application\/(?:json|\*)|\*\/\*)\s*(?:;|$)/
const weightForm = /;\s*q=(\d(?:\.\d*)?)/

/** Whether CSV is liked better than JSON (RFC 9110 section 12.5.1); of two liked alike, what stands first is. */
function acceptsCsv(accept: string | null): boolean {
  const all = (accept ?? '')
    .toLowerCase()
    .split(',')
    .map((range) => ({
      admitted: rangeForm.exec(range.trim()),
      weight: Number(weightForm.exec(range)?.[1] ?? 1),
    }))
  // What names CSV itself counts before what admits all texts.
  if (all.some(({ admitted, weight }) => admitted?.[1] === 'text/csv' && weight === 0)) return false
  const [best] = all
    .filter(({ admitted, weight }) => admitted !== null && weight > 0)
    .sort((one, other) => other.weight - one.weight)
  return best?.admitted?.[1] !== undefined
}

function csv(
  rows: readonly Readonly<Record<string, string | number | null>>[],
  by: readonly UsageColumn[],
): Response {
  const header = [...by, 'requests', 'bytesIn', 'bytesOut', 'millis']
  const lines = rows.map((row) => header.map((name) => row[name] ?? ''))
  return new Response(csvText([header, ...lines]), {
    headers: {
      ...privateHeaders,
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename="usage.csv"',
    },
  })
}
