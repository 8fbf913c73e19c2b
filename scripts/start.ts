/**
 * `npm start`: sandbox upstreams and the Worker on this machine, a first signed call through each, and a screen
 * that says what happened. `-- --once` ends after that; `-- --config FILE` runs another configuration.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { readOwnSecrets } from '../src/config/secrets.ts'
import type { Configuration } from '../src/core/configuration.ts'
import { setTimer } from '../src/http/timer.ts'
import { sandboxPorts, workerPortDefault } from '../src/sandbox/ports.ts'
import { type Sandboxes, startSandboxes } from '../src/sandbox/sandboxes.ts'
import { makeSecret, sandboxKeys } from '../src/sandbox/secrets.ts'
import { readBooks, readBooksBeyond } from './books.ts'
import { Complaint, runScript } from './complaint.ts'
import { devVarsFile, ensureDevVars } from './dev-vars.ts'
import { firstCalls, makeFirstCall } from './first-calls.ts'
import {
  fileFromCommandLine,
  loadConfiguration,
  portFromCommandLine,
  sandboxConfiguration,
  sandboxModule,
  showFaults,
  unsetBindings,
} from './local-configuration.ts'
import { mintLocalToken } from './local-token.ts'
import { findFreePorts, type LocalWorker, requireFreePort, startLocalWorker } from './local-worker.ts'
import {
  showBooks,
  showCall,
  showGreeting,
  showLogLine,
  showNextSteps,
  showOwnSteps,
  showUnset,
} from './screen.ts'

const usage = `Usage: npm start -- [--once] [--config FILE] [--port N]

  --once    ends after the first calls, with exit code 0 when each did what it should
  --config  runs your configuration, instead of the sandboxes and theirs
  --port    where it listens, with the sandboxes on the ports behind it; without it ${workerPortDefault}, with 0 free ones`

/** Use is reported within a second of a call: what was called last is in the books when we stop. */
const flushMillis = 1_100

interface StartOptions {
  readonly once: boolean
  /** Null: the sandboxes' own. */
  readonly config: string | null
  readonly port: number
}

/** Everything that a run needs to know before it starts anything. */
interface Plan extends StartOptions {
  readonly origin: string
  readonly configuration: Configuration
  readonly secrets: Readonly<Record<string, string>>
}

const main = async (): Promise<number> => {
  const plan = await makePlan(await readOptions(process.argv.slice(2)))
  const module = plan.config === null ? sandboxModule(plan.port) : { file: plan.config, remove: () => {} }
  let sandboxes: Sandboxes | null = null
  let worker: LocalWorker | null = null
  // Log lines would tear the screen apart while it is being made.
  let logging = false
  try {
    sandboxes = plan.config === null ? await startAllSandboxes(plan) : null
    worker = await startLocalWorker({
      configFile: module.file,
      port: plan.port,
      stateFolder: plan.once ? null : stateFolder(plan),
      onLog: (line) => {
        if (logging) console.log(showLogLine(line))
      },
    })
    console.log(`\n${showGreeting(plan.origin, module.file, { ownSecrets: plan.config !== null })}\n`)
    await (sandboxes === null ? introduceOwn(plan) : introduceSandboxes(plan, sandboxes))
    if (plan.once) return 0
    logging = true
    const stop = signalToStop()
    console.log('\nEvery call is logged below. Ctrl-C stops everything.\n')
    await stop
    console.log('\nStopping ...')
    await sleep(flushMillis)
    return 0
  } finally {
    await worker?.dispose()
    await sandboxes?.close()
    module.remove()
  }
}

/** Two that run at once must not write one file, and a configuration of one's own has no books of the sandboxes. */
const stateFolder = ({ config, port }: StartOptions): string =>
  `.wrangler/state/${config === null ? 'sandbox' : 'own'}-${port}`

/**
 * Resolves at Ctrl-C and the like. wrangler's own handlers exit at once; without them, the Worker's state is
 * written and every process ends before we do.
 */
const signalToStop = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.removeAllListeners(signal)
      process.once(signal, () => resolve())
    }
    // npm that is killed takes its shell along and tells us nothing: without it we would hold the ports for ever.
    const parent = process.ppid
    setInterval(() => {
      if (process.ppid !== parent) resolve()
    }, 500).unref()
  })

const readOptions = async (args: readonly string[]): Promise<StartOptions> => {
  const { once, config, port } = readArguments(args)
  const asked = portFromCommandLine(port, '; with 0, free ports are found')
  const free = async (): Promise<number> =>
    findFreePorts((base) => [base, ...Object.values(sandboxPorts(base))])
  return {
    once,
    config: config === undefined ? null : fileFromCommandLine(config),
    port: asked === 0 ? await free() : asked,
  }
}

const readArguments = (args: readonly string[]) => {
  const options = {
    once: { type: 'boolean', default: false },
    config: { type: 'string' },
    port: { type: 'string', default: String(workerPortDefault) },
  } as const
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Complaint(`${reason}\n\n${usage}`)
  }
}

const makePlan = async (options: StartOptions): Promise<Plan> => {
  // Upstream keys are made up only for the sandboxes: for a real API, a made-up key would look like a set one.
  const wanted = Object.entries(makeSecret).filter(
    ([name]) => options.config === null || name.startsWith('COUNTERSIGN_'),
  )
  const configuration =
    options.config === null ? sandboxConfiguration(options.port) : await loadConfiguration(options.config)
  const secrets = ensureDevVars(devVarsFile, Object.fromEntries(wanted))
  const { faults } = await readOwnSecrets(secrets, setTimer)
  if (faults.length > 0) throw new Complaint(showFaults(devVarsFile, faults))
  await requireFreePort(options.port, 'Countersign')
  return { ...options, origin: `http://127.0.0.1:${options.port}`, configuration, secrets }
}

const startAllSandboxes = async ({ port, secrets }: Plan): Promise<Sandboxes> => {
  for (const [name, each] of Object.entries(sandboxPorts(port))) {
    await requireFreePort(each, `the ${name} sandbox`)
  }
  return startSandboxes(sandboxKeys(secrets), port)
}

/** Makes the first calls and shows them, then the books. Complains when one of them did not do what it should. */
const introduceSandboxes = async (plan: Plan, sandboxes: Sandboxes): Promise<void> => {
  const { origin, secrets, configuration, once } = plan
  const token = (team: string, scope: string): Promise<string> =>
    mintLocalToken(secrets['COUNTERSIGN_SIGNING_KEY'] ?? '', { url: configuration.url, team, scope })

  const books = { origin, adminKey: secrets['COUNTERSIGN_ADMIN_KEY'] ?? '', team: 'checkout' }
  const { used } = await readBooks(books)
  const faults: string[] = []
  for (const [index, call] of firstCalls.entries()) {
    const result = await makeFirstCall(call, {
      origin,
      token: await token(call.team, call.scope),
      sandboxes,
    })
    console.log(`${showCall(result, index + 1)}\n`)
    if (result.fault !== null) faults.push(`${call.team} calls ${call.upstream}: ${result.fault}`)
  }
  if (faults.length > 0) {
    throw new Complaint(
      `${faults.length} of ${firstCalls.length} first calls failed:\n  ${faults.join('\n  ')}`,
    )
  }
  console.log(`${showBooks('checkout', await readBooksBeyond(used, books))}\n`)
  if (once)
    console.log('All of them did what they should. Without --once it stays up, with a curl line to paste.')
  else console.log(showNextSteps({ origin, token: await token('checkout', 'plugipay:* orders:*') }))
}

/** A configuration of one's own has no sandboxes: what is missing, and how to make the first call. */
const introduceOwn = async ({ origin, config, configuration, secrets, once }: Plan): Promise<void> => {
  const unset = unsetBindings(configuration, secrets)
  if (unset.length > 0) {
    if (once) throw new Complaint(showUnset(unset))
    console.log(`${showUnset(unset)}\n`)
  }
  console.log(showOwnSteps(origin, { file: config ?? '', configuration }))
  const ready = await fetch(`${origin}/readyz`)
  if (!ready.ok) throw new Complaint(`${origin}/readyz says ${ready.status}: ${await ready.text()}`)
}

await runScript(usage, main)
