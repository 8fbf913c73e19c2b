/** The simulation in tables, as they stand in docs/leases.md. */
import type { TeamResult } from './world.ts'

export interface Run {
  /** Requests per second over all teams. */
  readonly rate: number
  readonly teams: readonly TeamResult[]
}

const sum = (teams: readonly TeamResult[], value: (team: TeamResult) => number): number =>
  teams.reduce((total, team) => total + value(team), 0)

const share = (part: number, whole: number): string =>
  whole === 0 ? '-' : `${((100 * part) / whole).toFixed(2)} %`

const thousands = (value: number): string => Math.round(value).toLocaleString('en-US')

/** A Markdown table whose columns line up. */
const table = (header: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padStart(widths[column] ?? 0)).join(' | ')} |`
  return [
    line(header),
    line(widths.map((width) => `${'-'.repeat(Math.max(2, width - 1))}:`)),
    ...rows.map(line),
  ].join('\n')
}

/**
 * `wrongly refused`: what a perfect limiter, one bucket without distance, lets pass of the same calls, less what
 * passed. Calls refused as `overloaded` are counted apart.
 */
const wronglyRefused = (teams: readonly TeamResult[]): number =>
  sum(teams, ({ idealUsed, used, overloaded, limit }) =>
    limit === null ? 0 : Math.max(0, idealUsed - used - overloaded),
  )

export const byRate = (runs: readonly Run[]): string =>
  table(
    [
      'requests/s',
      'calls',
      'overshoot',
      'wrongly refused',
      'overloaded',
      'account calls per request',
      'busiest account, calls/s',
    ],
    runs.map(({ rate, teams }) => {
      const arrived = sum(teams, (team) => team.arrived)
      return [
        thousands(rate),
        thousands(arrived),
        String(Math.max(...teams.map(({ overshoot }) => Math.ceil(overshoot)))),
        share(wronglyRefused(teams), arrived),
        share(
          sum(teams, (team) => team.overloaded),
          arrived,
        ),
        (sum(teams, (team) => team.syncs) / arrived).toFixed(4),
        thousands(Math.max(...teams.map(({ busiestSecond }) => busiestSecond))),
      ]
    }),
  )

/** Over all runs, by how much of its limit a team wants. */
export const byPressure = (runs: readonly Run[]): string => {
  const teams = runs.flatMap((run) => run.teams)
  const pressures = [...new Set(teams.map(({ pressure }) => pressure))].sort((one, other) => one - other)
  return table(
    [
      'traffic / limit',
      'calls',
      'passed',
      'perfect',
      'wrongly refused',
      'refused while a unit was free somewhere',
      'waited for a sync',
      'calls with refusals per isolate and s',
    ],
    pressures.map((pressure) => {
      const group = teams.filter((team) => team.pressure === pressure)
      const arrived = sum(group, (team) => team.arrived)
      const seconds = Math.max(...group.map(({ timeline }) => timeline.length / 10))
      return [
        pressure === 0 ? 'no limit' : String(pressure),
        thousands(arrived),
        thousands(sum(group, (team) => team.used)),
        thousands(sum(group, (team) => team.idealUsed)),
        share(wronglyRefused(group), arrived),
        share(
          sum(group, (team) => team.refusedWithQuotaLeft),
          arrived,
        ),
        share(
          sum(group, (team) => team.waited),
          arrived,
        ),
        Math.max(
          ...group.map(({ syncsWithRefusal, isolates }) => syncsWithRefusal / isolates / seconds),
        ).toFixed(2),
      ]
    }),
  )
}

const traffics = [0, 1, 3, 10, 30, 100, 300, 1_000, Number.POSITIVE_INFINITY] as const

/** By the traffic of a team in one isolate, which is what a lease's cost depends on. */
export const byTraffic = (runs: readonly Run[]): string => {
  const teams = runs.flatMap((run) => run.teams)
  const rows = traffics.slice(0, -1).flatMap((from, index) => {
    const to = traffics[index + 1] ?? Number.POSITIVE_INFINITY
    const within = (team: TeamResult) => {
      const rate = team.requestsPerSecond / team.isolates
      return rate >= from && rate < to
    }
    const group = teams.filter(within)
    if (group.length === 0) return []
    const cost = (chosen: readonly TeamResult[]) => {
      const arrived = sum(chosen, (team) => team.arrived)
      return arrived === 0 ? '-' : (sum(chosen, (team) => team.syncs) / arrived).toFixed(4)
    }
    return [
      [
        to === Number.POSITIVE_INFINITY ? `${from} and more` : `${from} to ${to}`,
        String(group.length),
        cost(group.filter(({ pressure }) => pressure <= 0.5)),
        cost(group.filter(({ pressure }) => pressure > 0.5 && pressure < 2)),
        cost(group.filter(({ pressure }) => pressure >= 2)),
      ],
    ]
  })
  return table(
    [
      'requests/s of a team in one isolate',
      'teams',
      'comfortable or no limit',
      'near the limit',
      'twice the limit and more',
    ],
    rows,
  )
}
