/** `npm run token -- --team checkout --scope 'plugipay:customer:read'`: a JWT for calls to the local Countersign. */
import { parseArgs } from 'node:util'
import { workerPortDefault } from '../src/sandbox/ports.ts'
import { Complaint, runScript } from './complaint.ts'
import { devVarsFile, readDevVars } from './dev-vars.ts'
import {
  fileFromCommandLine,
  grantedScope,
  loadConfiguration,
  portFromCommandLine,
  sandboxConfiguration,
} from './local-configuration.ts'
import { localTokenMinutesMax, mintLocalToken } from './local-token.ts'

const usage = `Usage: npm run token -- --team NAME [--scope '...'] [--sub NAME] [--minutes N] [--config FILE] [--port N]

  --team     a team of the configuration
  --scope    what the token may do, such as 'plugipay:customer:read orders:order:*'; without it, all that the
             team was granted
  --sub      who is calling, for the books; without it, local-developer
  --minutes  1 to ${localTokenMinutesMax}, the default
  --config   the configuration that npm start was given
  --port     the port that npm start was given`

const main = async (): Promise<number> => {
  const { team, scope, sub, minutes, config, port } = readArguments()
  if (team === undefined) throw new Complaint(usage)
  const listening = portFromCommandLine(port)
  const lifetime = Number(minutes)
  if (!Number.isInteger(lifetime) || lifetime < 1 || lifetime > localTokenMinutesMax) {
    throw new Complaint(`--minutes takes a whole number from 1 to ${localTokenMinutesMax}.`)
  }
  const signingKey = readDevVars(devVarsFile)['COUNTERSIGN_SIGNING_KEY']
  if (signingKey === undefined) {
    throw new Complaint('There is no COUNTERSIGN_SIGNING_KEY in .dev.vars yet. npm start makes one.')
  }
  const configuration =
    config === undefined
      ? sandboxConfiguration(listening)
      : await loadConfiguration(fileFromCommandLine(config))
  const granted = grantedScope(configuration, team)
  const token = await mintLocalToken(signingKey, {
    url: configuration.url,
    team,
    scope: scope ?? granted,
    subject: sub,
    minutes: lifetime,
  })
  console.log(token)
  return 0
}

const readArguments = () => {
  const options = {
    team: { type: 'string' },
    scope: { type: 'string' },
    sub: { type: 'string', default: 'local-developer' },
    minutes: { type: 'string', default: String(localTokenMinutesMax) },
    config: { type: 'string' },
    port: { type: 'string', default: String(workerPortDefault) },
  } as const
  try {
    return parseArgs({ options }).values
  } catch (error) {
    throw new Complaint(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
  }
}

await runScript(usage, main)
