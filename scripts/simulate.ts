/**
 * `npm run simulate`: the lease protocol at internet scale, without a network. Prints what docs/leases.md shows and
 * draws bench/out/leases.svg. About three minutes; --quick leaves the largest run out.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { plot } from '../bench/simulate/plot.ts'
import { byPressure, byRate, byTraffic, type Run } from '../bench/simulate/report.ts'
import { World } from '../bench/simulate/world.ts'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: 'bench/out/leases.svg' },
    /** Of what is free, an isolate's share ahead of need: the policy that was chosen by comparing. */
    share: { type: 'string' },
  },
})

const world = {
  places: 300,
  isolates: 3_000,
  teams: 200,
  warmUpSeconds: 2,
  isolateLifeSeconds: 60,
  // Measured by `npm run bench:account`.
  serviceMillis: 0.6,
  isolatesPerAccountMax: 600,
}

/** Shorter where there is more of it: each run has some million calls. */
const scales = [
  { requestsPerSecond: 1_000, seconds: 30 },
  { requestsPerSecond: 10_000, seconds: 20 },
  { requestsPerSecond: 100_000, seconds: 10 },
  { requestsPerSecond: 1_000_000, seconds: 3 },
]

const runs: Run[] = []
for (const scale of flags.quick ? scales.slice(0, 3) : scales) {
  const started = performance.now()
  const share = flags.share === undefined ? {} : { shareOfFree: Number(flags.share) }
  const teams = await new World({ ...world, ...scale, ...share, seed: Number(flags.seed) }).run()
  runs.push({ rate: scale.requestsPerSecond, teams })
  const seconds = ((performance.now() - started) / 1_000).toFixed(0)
  console.error(`${scale.requestsPerSecond.toLocaleString('en-US')} requests/s: ${seconds} s`)
}
const deaths = `one isolate in ${world.isolateLifeSeconds} dies every second`
console.log(`
${world.places} places, ${world.isolates.toLocaleString('en-US')} isolates, ${world.teams} teams (Zipf), round trips of 5 to 150 ms; ${deaths}.

By traffic over all teams:

${byRate(runs)}

By what teams want of their limit:

${byPressure(runs)}

Account calls per request:

${byTraffic(runs)}
`)
await mkdir(dirname(flags.out), { recursive: true })
await writeFile(flags.out, plot(runs))
console.log(`Drawn: ${flags.out}`)
