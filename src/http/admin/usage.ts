/** `GET /api/usage`: a team's books, as JSON or its rows as CSV (RFC 4180). */
import { Hono } from 'hono/tiny'
import type { UsageColumn, UsageReport } from '../../accounts/account-rpc.ts'
import { dayMillis, dayName, dayOf, hourMillis, hourOf } from '../../core/quota/books.ts'
import { readInstant, writeInstant } from '../../tokens/instant.ts'
import { answered } from '../../tokens/token-service.ts'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import type { AccountAdministration } from './account-routes.ts'
import type { Administrator, Guard } from './authorize.ts'
import { invalid } from './body.ts'
import { csvText } from './csv.ts'
import { methodNotAllowed, privateJson, readQuery } from './request.ts'
import { visibleTeam } from './teams.ts'

export function usageRoutes(deps: AccountAdministration, guard: Guard): OwnRoutes {
  return new Hono<OwnEnv>()
    .get('/api/usage', async ({ req: { raw } }) => usage(raw, await guard(raw), deps))
    .all('/api/usage', () => methodNotAllowed('GET, HEAD'))
}

const columns = [
  'hour',
  'day',
  'upstream',
  'key',
  'subject',
  'outcome',
] as const satisfies readonly UsageColumn[]

async function usage(
  request: Request,
  administrator: Administrator,
  deps: AccountAdministration,
): Promise<Response> {
  const query = readQuery(request, ['team', 'from', 'to', 'by'])
  const name = query.team ?? administrator.team
  if (name === null) throw invalid('Say of which team: ?team=')
  const team = visibleTeam(name, administrator, deps)
  const by = readColumns(query.by)
  const { from, to } = readRange(query.from, query.to, deps.now())
  const report = await answered(deps.openAccount(team.name).usage({ from, to, by }))
  if ('rowsMax' in report)
    throw invalid(`That is more than ${report.rowsMax} rows. Ask for less time, or for fewer columns in by.`)
  if (acceptsCsv(request.headers.get('accept'))) return csv(report, by)
  const { granted, used, returned, outstanding, unsettled, refused, observed } = report
  return privateJson({
    team: team.name,
    from: writeInstant(from),
    to: writeInstant(to),
    granted,
    used,
    returned,
    outstanding,
    unsettled,
    rows: report.rows.map((row) => ({
      ...Object.fromEntries(by.map((column, at) => [column, cell(column, row.by[at])])),
      requests: row.requests,
      bytesIn: row.bytesIn,
      bytesOut: row.bytesOut,
      millis: row.millis,
    })),
    refused,
    ...(observed.length === 0 ? {} : { observed }),
  })
}

function readColumns(text: string | undefined): readonly UsageColumn[] {
  if (text === undefined || text === '') return []
  const names = text.split(',')
  const chosen = columns.filter((column) => names.includes(column))
  if (chosen.length !== names.length) throw invalid(`by is a list of ${columns.join(', ')}, each once.`)
  return names.map((one) => columns.find((column) => column === one) ?? 'hour')
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
  const from = fromText === undefined ? dayOf(now) : readTime(fromText, 'from')
  const until = toText === undefined ? now + 1 : readTime(toText, 'to')
  const to = toText?.length === dayChars ? until + dayMillis : Math.ceil(until / hourMillis) * hourMillis
  if (hourOf(from) >= to) throw invalid('from must be before to.')
  return { from: hourOf(from), to }
}

/** `2026-11-22` */
const dayChars = 10

function readTime(text: string, name: string): number {
  const time = readInstant(text)
  if (time === null) throw invalid(`${name} is a day (2026-11-22) or an RFC 3339 time.`)
  return time
}

function cell(column: UsageColumn, value: string | number | undefined): string {
  if (column === 'hour') return writeInstant(Number(value))
  if (column === 'day') return dayName(Number(value))
  return String(value)
}

const csvRange = /^text\/(?:csv|\*)$/
const jsonRange = /^(?:application\/(?:json|\*)|\*\/\*)$/
const weightForm = /;\s*q=(\d(?:\.\d*)?)/

/** Whether CSV is liked better than JSON (RFC 9110 section 12.5.1); of two liked alike, what stands first is. */
function acceptsCsv(accept: string | null): boolean {
  const ranges = (accept ?? '')
    .toLowerCase()
    .split(',')
    .map((range) => ({
      type: range.split(';', 1)[0]?.trim() ?? '',
      weight: Number(weightForm.exec(range)?.[1] ?? 1),
    }))
    .filter(({ type, weight }) => weight > 0 && (csvRange.test(type) || jsonRange.test(type)))
    .sort((one, other) => other.weight - one.weight)
  return csvRange.test(ranges[0]?.type ?? '')
}

function csv({ rows }: UsageReport, by: readonly UsageColumn[]): Response {
  const header = [...by, 'requests', 'bytesIn', 'bytesOut', 'millis']
  const lines = rows.map((row) => [
    ...by.map((column, at) => cell(column, row.by[at])),
    row.requests,
    row.bytesIn ?? '',
    row.bytesOut ?? '',
    row.millis,
  ])
  return new Response(csvText([header, ...lines]), {
    headers: {
      'content-type': 'text/csv; charset=utf-8',
      'cache-control': 'private, no-store',
      'x-content-type-options': 'nosniff',
      'content-disposition': 'attachment; filename="usage.csv"',
    },
  })
}
