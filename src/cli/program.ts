/** All commands. Declaring them is cheap; what one needs to run is imported when it runs. */
import { Command } from 'commander'
import { declareAudit } from './commands/audit.ts'
import { declareCall } from './commands/call.ts'
import { declareCompletion } from './commands/completion.ts'
import { declareConfig } from './commands/config.ts'
import { declareExplain } from './commands/explain.ts'
import { declareHelp } from './commands/help.ts'
import { declareKeys } from './commands/keys.ts'
import { declareLogin } from './commands/login.ts'
import { declareLogout } from './commands/logout.ts'
import { declareProfiles } from './commands/profiles.ts'
import { declareRevoke } from './commands/revoke.ts'
import { declareStatus } from './commands/status.ts'
import { declareTeams } from './commands/teams.ts'
import { declareToken } from './commands/token.ts'
import { declareTokens } from './commands/tokens.ts'
import { declareUsage } from './commands/usage.ts'
import { declareWhoami } from './commands/whoami.ts'
import { exitCodes } from './exit-codes.ts'
import { withoutTokens } from './redaction.ts'
import { version } from './version.ts'

/** In the order of a first day: log in, call, then what an owner and an admin need. */
const declarations = [
  ...[declareLogin, declareLogout, declareWhoami, declareStatus, declareProfiles],
  ...[declareCall, declareToken, declareTokens, declareKeys, declareUsage],
  ...[declareTeams, declareRevoke, declareAudit, declareExplain],
  ...[declareConfig, declareCompletion],
]

const exitCodesHelp = Object.values(exitCodes)
  .map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`)
  .join('\n')

/** `quiet`: what is not understood is only thrown, for who asked for JSON. */
export function createProgram({ quiet = false }: { readonly quiet?: boolean } = {}): Command {
  const program = new Command('countersign')
    .description('Call APIs through Countersign without holding their keys.')
    .option('--url <url>', 'origin of the Countersign to talk to (COUNTERSIGN_URL)')
    .option('--profile <name>', 'profile to use (COUNTERSIGN_PROFILE)')
    .option('--json', 'JSON on stdout, for programs')
    .option('--verbose', 'say what is sent where; never shows a token')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'explain a command')
    .helpCommand(false)
    .showHelpAfterError('(countersign --help lists the commands)')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      writeErr: (text) => {
        if (!quiet) process.stderr.write(withoutTokens(text).replace(/^error: /, 'countersign: '))
      },
    })
    .exitOverride()
  for (const declare of declarations) declare(program)
  for (const group of [program, ...program.commands]) if (group.commands.length > 0) declareHelp(group)
  program.addHelpText(
    'after',
    `
A flag comes before the environment, the environment before the profile.
  COUNTERSIGN_URL, COUNTERSIGN_TOKEN, COUNTERSIGN_PROFILE

Exit codes:
${exitCodesHelp}`,
  )
  return program
}
