/** The tables, and the JSON beside them. */
import type { InstructionRow } from './instructions.ts'
import type { MemoryRow } from './memory.ts'
import type { SchemeRow } from './schemes.ts'
import type { StartupRow } from './startup.ts'
import type { Row } from './windows.ts'

export interface Report {
  readonly at: string
  readonly machine: { readonly cpu: string; readonly cores: number; readonly system: string }
  readonly versions: Readonly<Record<string, string>>
  readonly bundleKilobytes: Readonly<Record<string, number>>
  readonly settings: Readonly<Record<string, number | boolean>>
  readonly cpu: readonly Row[]
  readonly startup: readonly StartupRow[]
  readonly memory: readonly MemoryRow[]
  readonly instructions: readonly InstructionRow[]
}

export const reportText = (report: Report): string =>
  [
    `${report.machine.cpu}, ${report.machine.cores} cores, ${report.machine.system}; workerd ${report.versions['workerd']}`,
    '',
    section(
      "CPU per request (process time over requests, at saturation; the log line goes to /dev/null, for reading it is not the Worker's work)",
      cpuLines(report.cpu),
    ),
    section(
      'Start to first answer: time, above the empty Worker, spread; process time, above the empty Worker',
      report.startup.map(({ candidate, millis, overEmpty, low, high, cpuMillis, cpuOverEmpty }) => [
        candidate,
        `${millis.toFixed(1)} ms`,
        `${overEmpty < 0 ? '' : '+'}${overEmpty.toFixed(1)} ms`,
        `${low.toFixed(1)}..${high.toFixed(1)}`,
        `${cpuMillis.toFixed(1)} ms`,
        `${cpuOverEmpty < 0 ? '' : '+'}${cpuOverEmpty.toFixed(1)} ms`,
      ]),
    ),
    section('Peak memory of the process, 50 uploads of 10 MB at once', memoryLines(report.memory)),
    section(
      'Instructions per request (callgrind); last: without calls to the account, which valgrind makes frequent',
      report.instructions.map(({ candidate, requests, instructions, ratio, ratioWithoutAccount }) => [
        candidate,
        requests,
        `${(instructions / 1_000).toFixed(0)} k`,
        `${ratio.toFixed(3)}x`,
        `${ratioWithoutAccount.toFixed(3)}x`,
      ]),
    ),
    section('Where they go, thousands per request (rows overlap)', causeLines(report.instructions)),
  ]
    .filter((part) => part !== null)
    .join('\n')

export const schemesText = (rows: readonly SchemeRow[]): string => {
  return [
    section(
      "Instructions per request by scheme (callgrind), in units of Plugipay's; without the account and V8's threads, which follow the clock, and without collections of garbage, one more or less of which in a count is two percent",
      rows.map((row) => [
        row.candidate,
        `${(steady(row) / 1_000).toFixed(0)} k`,
        `${schemeRatio(row, rows).toFixed(3)}x`,
        row.gate === null ? '' : `at most ${row.gate.toFixed(2)}x: ${verdict(row, rows)}`,
      ]),
    ),
    section('Where they go, thousands per request (rows overlap)', causeLines(rows)),
  ].join('\n')
}

const schemeRatio = (row: SchemeRow, [unit = row]: readonly SchemeRow[]): number => steady(row) / steady(unit)

const steady = ({ instructions, causes }: SchemeRow): number =>
  instructions -
  causes['account called'] -
  causes['garbage collected'] -
  causes['threads of V8 (compiling, part of the garbage)']

const verdict = (row: SchemeRow, rows: readonly SchemeRow[]): string =>
  schemeRatio(row, rows) <= (row.gate ?? Number.POSITIVE_INFINITY) ? 'met' : 'missed'

const cpuLines = (rows: readonly Row[]): readonly (readonly string[])[] =>
  rows.length === 0 ? [] : [cpuTitles, ...rows.map(cpuLine)]

const cpuTitles = ['', '', 'ratio', 'half within', 'all within', 'CPU', 'req/s', 'p50', 'p99', 'busy']

const cpuLine = (row: Row): readonly string[] => [
  row.group,
  row.candidate,
  `${row.ratio.toFixed(2)}x`,
  rangeText(row.ratioQuartiles),
  rangeText(row.ratioRange),
  `${row.cpuMicros.toFixed(0)} us`,
  row.perSecond.toFixed(0),
  `${(row.p50 / 1_000).toFixed(1)} ms`,
  `${(row.p99 / 1_000).toFixed(1)} ms`,
  `${(row.busy * 100).toFixed(0)} %`,
]

const rangeText = ([low, high]: readonly [low: number, high: number]): string =>
  `${low.toFixed(2)}..${high.toFixed(2)}`

const memoryLines = (rows: readonly MemoryRow[]): readonly (readonly string[])[] =>
  rows.length === 0 ? [] : [memoryTitles, ...rows.map(memoryLine)]

const memoryTitles = ['', '', 'before', 'peak', 'ratio', 'with objects', 'private', 'ratio', 'answers']

const memoryLine = (row: MemoryRow): readonly string[] => [
  `after ${row.callsBefore.toLocaleString('en')} calls`,
  row.candidate,
  `${row.idle.toFixed(0)} MB`,
  `${row.peak.toFixed(0)} MB`,
  `${row.overPassThrough.toFixed(2)}x`,
  `${row.overPassThroughWithObjects.toFixed(2)}x`,
  `${row.privatePeak.toFixed(0)} MB`,
  `${row.privateOverPassThrough.toFixed(2)}x`,
  Object.entries(row.statuses)
    .map(([status, count]) => `${count} x ${status}`)
    .join(', '),
]

/** null for what was not measured. */
const section = (title: string, lines: readonly (readonly string[])[]): string | null => {
  if (lines.length === 0) return null
  const widths = (lines[0] ?? []).map((_unused, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  )
  const text = lines.map(
    (line) => `  ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`,
  )
  return `${title}\n${text.map((line) => line.trimEnd()).join('\n')}\n`
}

/** One column for each candidate, causes by what the last of them spends. */
const causeLines = (rows: readonly InstructionRow[]): readonly (readonly string[])[] => {
  const [first] = rows
  if (first === undefined) return []
  const thousands = (value: number | undefined) => ((value ?? 0) / 1_000).toFixed(1)
  const names = Object.keys(first.causes) as readonly (keyof typeof first.causes)[]
  const most = (name: keyof typeof first.causes) => Math.max(...rows.map(({ causes }) => causes[name]))
  const sorted = [...names].sort((a, b) => most(b) - most(a))
  return [
    ['', ...rows.map(({ candidate }) => candidate)],
    ...sorted.map((name) => [name, ...rows.map(({ causes }) => thousands(causes[name]))]),
  ]
}
