/** The simulation as one SVG: cost by traffic, one team over its limit, and the load on accounts. */
import type { TeamResult } from './world.ts'

interface Panel {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly logarithmic: boolean
  readonly series: readonly Series[]
}

interface Series {
  readonly name: string
  readonly colour: string
  readonly kind: 'dots' | 'line'
  readonly points: readonly (readonly [x: number, y: number])[]
}

const width = 520
const height = 300
const margin = { left: 64, right: 16, top: 34, bottom: 46 }
const colours = { blue: '#2563eb', orange: '#ea580c', grey: '#6b7280' } as const

export const plot = (
  runs: readonly { readonly rate: number; readonly teams: readonly TeamResult[] }[],
): string => {
  const teams = runs.flatMap((run) => run.teams)
  const panels = [costPanel(teams), limitPanel(teams), loadPanel(teams)]
  const drawn = panels.map((panel, at) => `<g transform="translate(${at * width} 0)">${draw(panel)}</g>`)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width * panels.length} ${height}" font-family="system-ui, sans-serif" font-size="12">
<title>Leases, simulated: account calls per request, a team over its limit, load on accounts</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${drawn.join('\n')}
</svg>
`
}

/** Each dot a team: the busier its isolates, the less a request costs. */
const costPanel = (teams: readonly TeamResult[]): Panel => {
  const dots = (over: boolean) =>
    teams
      .filter(({ pressure, arrived }) => pressure > 1.5 === over && arrived > 50)
      .map((team): readonly [number, number] => [
        team.requestsPerSecond / team.isolates,
        team.syncs / team.arrived,
      ])
  return {
    title: 'Account calls per request',
    x: 'requests/s of a team in one isolate',
    y: 'calls per request',
    logarithmic: true,
    series: [
      { name: 'within or near the limit', colour: colours.blue, kind: 'dots', points: dots(false) },
      { name: 'at twice the limit and more', colour: colours.orange, kind: 'dots', points: dots(true) },
    ],
  }
}

/** The busiest team that wants twice its limit, over time. */
const limitPanel = (teams: readonly TeamResult[]): Panel => {
  const team = teams
    .filter(({ pressure }) => pressure === 2)
    .reduce((most, one) => (one.arrived > most.arrived ? one : most))
  const perSecond = ({ timeline }: TeamResult, count: 'arrived' | 'used') =>
    timeline.map((slot, at): readonly [number, number] => [at / 10, slot[count] * 10])
  const allowed = team.limit === null ? 0 : (team.limit.requests * 1_000) / team.limit.perMillis
  return {
    title: `${team.name}: twice its limit, ${team.isolates} isolates`,
    x: 'seconds',
    y: 'requests/s',
    logarithmic: false,
    series: [
      { name: 'offered', colour: colours.grey, kind: 'line', points: perSecond(team, 'arrived') },
      { name: 'passed', colour: colours.blue, kind: 'line', points: perSecond(team, 'used') },
      {
        name: 'refill',
        colour: colours.orange,
        kind: 'line',
        points: [
          [0, allowed],
          [team.timeline.length / 10, allowed],
        ],
      },
    ],
  }
}

const loadPanel = (teams: readonly TeamResult[]): Panel => {
  const dots = (over: boolean) =>
    teams
      .filter(({ pressure }) => pressure > 1.5 === over)
      .map((team): readonly [number, number] => [team.isolates, Math.max(1, team.busiestSecond)])
  return {
    title: 'Busiest second of each account',
    x: 'isolates',
    y: 'calls/s',
    logarithmic: true,
    series: [
      { name: 'within or near the limit', colour: colours.blue, kind: 'dots', points: dots(false) },
      { name: 'at twice the limit and more', colour: colours.orange, kind: 'dots', points: dots(true) },
    ],
  }
}

const draw = ({ title, x, y, logarithmic, series }: Panel): string => {
  const points = series.flatMap((one) => one.points)
  const across = axis(
    points.map(([value]) => value),
    logarithmic,
  )
  const up = axis(
    points.map(([, value]) => value),
    logarithmic,
  )
  const left = (value: number) => margin.left + across.place(value) * (width - margin.left - margin.right)
  const top = (value: number) =>
    height - margin.bottom - up.place(value) * (height - margin.top - margin.bottom)
  const grid = [
    ...across.ticks.map(
      (tick) =>
        `<path d="M${at(left(tick))} ${margin.top}V${height - margin.bottom}" stroke="#e5e7eb"/><text x="${at(left(tick))}" y="${height - margin.bottom + 16}" text-anchor="middle">${label(tick)}</text>`,
    ),
    ...up.ticks.map(
      (tick) =>
        `<path d="M${margin.left} ${at(top(tick))}H${width - margin.right}" stroke="#e5e7eb"/><text x="${margin.left - 6}" y="${at(top(tick) + 4)}" text-anchor="end">${label(tick)}</text>`,
    ),
  ]
  const drawn = series.map(({ kind, colour, points: own }) =>
    kind === 'line'
      ? `<path d="M${own.map(([a, b]) => `${at(left(a))} ${at(top(b))}`).join('L')}" fill="none" stroke="${colour}" stroke-width="1.5"/>`
      : own
          .map(
            ([a, b]) =>
              `<circle cx="${at(left(a))}" cy="${at(top(b))}" r="2" fill="${colour}" fill-opacity="0.5"/>`,
          )
          .join(''),
  )
  const legend = series.map(
    ({ name, colour }, line) =>
      `<text x="${width - margin.right - 6}" y="${margin.top + 14 + line * 15}" text-anchor="end" fill="${colour}">${name}</text>`,
  )
  return [
    `<text x="${margin.left}" y="20" font-weight="600">${title}</text>`,
    ...grid,
    ...drawn,
    ...legend,
    `<text x="${(width + margin.left) / 2}" y="${height - 10}" text-anchor="middle">${x}</text>`,
    `<text transform="translate(16 ${height / 2}) rotate(-90)" text-anchor="middle">${y}</text>`,
  ].join('\n')
}

const axis = (values: readonly number[], logarithmic: boolean) => {
  const positive = values.filter((value) => value > 0)
  const most = Math.max(...positive, Number.MIN_VALUE)
  if (!logarithmic) {
    const step = 10 ** Math.floor(Math.log10(most))
    const end = Math.ceil(most / step) * step
    const ticks = Array.from({ length: 5 }, (_, index) => (end / 4) * index)
    return { place: (value: number) => value / end, ticks }
  }
  const from = Math.floor(Math.log10(Math.min(...positive)))
  const to = Math.max(from + 1, Math.ceil(Math.log10(most)))
  const ticks = Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index))
  return { place: (value: number) => (Math.log10(Math.max(value, 10 ** from)) - from) / (to - from), ticks }
}

const at = (value: number): string => value.toFixed(1)

const label = (value: number): string =>
  value >= 1_000 ? `${Number((value / 1_000).toPrecision(3))}k` : String(Number(value.toPrecision(2)))
