import type { Command } from 'commander'
import { type ApiRequest, ownTeam, readAnswer, requestApi, strangeAnswer } from '../api.ts'
import { examples, runs } from '../command.ts'
import type { Context } from '../context.ts'
import { Failure, usageFailure } from '../failure.ts'
import { readInstant } from '../instants.ts'
import { type Cell, type Column, textTable } from '../text-table.ts'

interface UsageOptions {
  readonly team?: string
  readonly by: string
  readonly since: string
  readonly until?: string
  readonly csv?: boolean
}

type Row = Readonly<Record<string, unknown>>

const dimensions = ['hour', 'day', 'upstream', 'key', 'subject', 'outcome']
const barChars = 24

export function declareUsage(program: Command): void {
  const usage = program
    .command('usage')
    .description("what a team's calls were, from its books")
    .option('--team <team>', 'without it, your own')
    .option('--by <columns>', `any of ${dimensions.join(',')}`, 'day,upstream,outcome')
    .option('--since <when>', '24h, 7d, a day or a time', '7d')
    .option('--until <when>', 'a day (all of it) or a time; without it, now')
    .option('--csv', 'the rows as CSV')
  runs(usage, runUsage)
  examples(usage, [
    'countersign usage --team checkout --by upstream,key --since 24h',
    'countersign usage --by subject --since 2026-11-01 --until 2026-11-30 --csv > november.csv',
  ])
}

async function runUsage(context: Context, options: UsageOptions): Promise<void> {
  const { terminal } = context
  const by = options.by.split(',').map((name) => name.trim())
  if (!by.every((name) => dimensions.includes(name))) {
    throw usageFailure(`--by takes ${dimensions.join(', ')}, separated by commas.`)
  }
  const { until } = options
  const now = Date.now()
  const query = {
    team: options.team,
    by: by.join(','),
    from: readInstant(options.since, '--since', now),
    // A day as the end means all of it, which only the service knows how to read.
    to: until === undefined || /^\d{4}-\d{2}-\d{2}$/.test(until) ? until : readInstant(until, '--until', now),
  }
  if (options.csv === true) {
    if (terminal.json) throw usageFailure('Choose --csv or --json.')
    const rows = await requestUsage(context, { query, accept: 'text/csv' })
    if (!rows.startsWith(by[0] ?? '')) throw strangeAnswer(context.url)
    process.stdout.write(rows)
    return
  }
  const report = readAnswer(context.url, await requestUsage(context, { query }))
  const rows: readonly Row[] = [report['rows']].flat().map((row) => ({ ...Object(row) }))
  if (rows.length > 0 || terminal.json) terminal.show(report, () => usageTable(context, rows, by))
  if (!terminal.json) for (const line of summary(report)) terminal.note(line)
}

/** Whose usage, only who belongs to no team has to say; they hear it from us once the API has refused. */
async function requestUsage(context: Context, request: ApiRequest): Promise<string> {
  try {
    return await requestApi(context, '/api/usage', request)
  } catch (error) {
    const unclear = error instanceof Failure && error.code === 'request_invalid'
    if (unclear && request.query?.['team'] === undefined) await ownTeam(context)
    throw error
  }
}

function usageTable({ terminal }: Context, rows: readonly Row[], by: readonly string[]): string {
  const most = Math.max(1, ...rows.map(({ requests }) => Number(requests)))
  const columns: Column<Row>[] = [
    ...by.map((name): Column<Row> => ({ title: name, cell: (row) => text(row[name]) })),
    { title: 'requests', align: 'right', cell: ({ requests }) => Number(requests) },
    { title: 'in', align: 'right', cell: ({ bytesIn }) => size(bytesIn, terminal.shown) },
    { title: 'out', align: 'right', cell: ({ bytesOut }) => size(bytesOut, terminal.shown) },
    { title: 'mean ms', align: 'right', cell: meanMillis },
  ]
  if (terminal.shown) columns.push({ title: '', cell: ({ requests }) => bar(Number(requests) / most) })
  return textTable(terminal, rows, columns)
}

function text(value: unknown): Cell {
  return value === undefined || value === null ? '-' : String(value)
}

function meanMillis({ requests, millis }: Row): Cell {
  return Number(requests) > 0 ? Math.round(Number(millis) / Number(requests)) : '-'
}

/** Full blocks and one eighth of one: as fine as a terminal can draw. */
function bar(share: number): string {
  const eighths = Math.max(1, Math.round(share * barChars * 8))
  return '█'.repeat(Math.floor(eighths / 8)) + (eighths % 8 === 0 ? '' : ' ▏▎▍▌▋▊▉'.charAt(eighths % 8))
}

/** For a person with a unit, for a program the bytes; `-` where they are not known. */
function size(bytes: unknown, forPerson: boolean): Cell {
  if (typeof bytes !== 'number') return '-'
  if (!forPerson || bytes < 1024) return bytes
  const power = Math.min(4, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** power).toFixed(1)} ${' KMGT'.charAt(power)}iB`
}

function summary(report: Row): readonly string[] {
  const { team, from, to, granted, used, returned, outstanding, unsettled } = report
  const refused = [report['refused']].flat().map((one) => Object(one))
  const calls = refused.map(({ code, requests }) => `${requests} ${code}`).join(', ')
  return [
    `${team}, ${from} to ${to}: ${used} calls started.`,
    `Of ${granted} units granted, ${used} were used, ${returned} came back, ${outstanding} are out, ${unsettled} are unsettled.`,
    ...(refused.length === 0 ? [] : [`Refused: ${calls}.`]),
  ]
}
