import type { Command } from 'commander'
import type { Secret } from '../../core/redact.ts'
import { examples, runs } from '../command.ts'
import type { Context } from '../context.ts'
import { readToken } from '../credential.ts'
import { Failure, usageFailure } from '../failure.ts'
import { type Identity, keepSession, keepToken, type Place, readPlace } from '../login/keep.ts'
import { createProgress, type Progress } from '../login/progress.ts'
import { askHidden } from '../prompt.ts'
import { isCi } from '../terminal.ts'

interface LoginOptions {
  readonly token?: string
  readonly device?: boolean
  readonly browser?: boolean
}

export function declareLogin(program: Command): void {
  const login = program
    .command('login')
    .description('log in with your browser; over SSH or without a display, with a code for another device')
    .option('--browser', 'with a browser on this machine')
    .option('--device', 'with a code that you approve on any device')
    .option('--token <token>', 'with a personal token; - reads it from stdin, or asks for it')
  runs(login, runLogin)
  examples(login, [
    'countersign login --url https://edge.acme.example',
    'countersign login --profile staging --url https://edge.staging.example --device',
    'countersign login --token - < token.txt',
  ])
}

async function runLogin(context: Context, options: LoginOptions): Promise<void> {
  const ways = [options.token !== undefined, options.device, options.browser].filter(Boolean)
  if (ways.length > 1) throw usageFailure('Choose one of --token, --device and --browser.')
  const place = readPlace(context)
  const progress = createProgress(context.terminal)
  try {
    const identity = await logIn(context, place, { options, progress })
    const { subject, team, role } = identity
    progress.done({ ...place, subject, team, role }, greeting(place, identity))
  } finally {
    progress.stop()
  }
  if (context.environment['COUNTERSIGN_TOKEN']) {
    context.terminal.remark(
      'COUNTERSIGN_TOKEN is set and comes before this login; unset it to use the login.',
    )
  }
}

interface Way {
  readonly options: LoginOptions
  readonly progress: Progress
}

async function logIn(context: Context, place: Place, { options, progress }: Way): Promise<Identity> {
  if (options.token !== undefined) return keepToken(context, place, await readGiven(context, options.token))
  // A listener and cryptography: too slow to load for every other command.
  const { hasBrowser, loginWithBrowser } = await import('../login/browser.ts')
  const byBrowser = options.browser ?? (options.device !== true && hasBrowser(context.environment))
  if (isCi(context.environment) && ways(options) === 0) {
    throw new Failure('usage', 'Nobody can approve a login here: this is CI.', {
      hint: 'Set COUNTERSIGN_TOKEN, or give a token: countersign login --token -',
    })
  }
  const issued = byBrowser
    ? await loginWithBrowser(context, place.url, progress)
    : await (await import('../login/device.ts')).loginWithDevice(place.url, progress)
  return keepSession(context, place, issued)
}

function ways({ device, browser }: LoginOptions): number {
  return [device, browser].filter(Boolean).length
}

function greeting({ profile, url }: Place, { subject, team, role }: Identity): string {
  const of = typeof team === 'string' ? ` of ${team}` : ''
  return `Logged in to ${url} as ${String(subject)} (${String(role)}${of}), profile ${profile}.`
}

async function readGiven({ terminal }: Context, given: string): Promise<Secret> {
  if (given !== '-') {
    terminal.note(
      'The token now stands in the history of your shell and in the list of processes; - reads it from stdin.',
    )
    return readToken(given, '--token')
  }
  if (process.stdin.isTTY) return readToken(await askHidden('Token: '), 'What was typed')
  let text = ''
  process.stdin.setEncoding('utf8')
  for await (const chunk of process.stdin) text += chunk
  return readToken(text, 'stdin')
}
