/**
 * `npm run bench:account`: how many isolates one account serves, on raw workerd with its storage on disk. The
 * Worker that plays the isolates shares the process, so its time is in the figures too.
 */
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startWorkerd } from '../test/raw/harness/workerd.ts'

const seconds = 10
const isolateCounts = [50, 150, 300, 600]

interface Played {
  readonly syncsPerSecond: number
}

const bundle = (folder: string): string => {
  const wrangler = join(import.meta.dirname, '../node_modules/.bin/wrangler')
  const config = join(import.meta.dirname, 'workers/account-load.toml')
  execFileSync(wrangler, ['deploy', '--dry-run', '--config', config, '--outdir', folder], {
    env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false' },
    stdio: 'pipe',
  })
  return join(folder, 'account-load.js')
}

/** User and system time of a process so far; Linux counts in hundredths of a second. */
const cpuMillis = async (pid: number): Promise<number> => {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

const folder = await mkdtemp(join(tmpdir(), 'countersign-account-load-'))
const worker = await startWorkerd({ worker: { file: bundle(folder) }, stateFolder: join(folder, 'state') })
try {
  for (const team of ['busy', 'refused'])
    for (const isolates of isolateCounts) {
      const url = `http://127.0.0.1:${worker.port}/?team=${team}&isolates=${isolates}&seconds=${seconds}`
      const before = await cpuMillis(worker.pid)
      const played = (await (await fetch(url)).json()) as Played
      const cpu = (await cpuMillis(worker.pid)) - before
      const cpuMicrosPerSync = Math.round((cpu * 1_000) / (played.syncsPerSecond * seconds))
      console.log(JSON.stringify({ ...played, cpuMicrosPerSync }))
    }
} finally {
  await worker.stop()
  await rm(folder, { recursive: true, force: true })
}
