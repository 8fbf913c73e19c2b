/**
 * The process: arguments in, exit code out. Whatever happens ends as words on stderr and one of the documented
 * codes, never as a stack trace.
 */
import { CommanderError } from 'commander'
import { exitCodes } from './exit-codes.ts'
import { Failure, usageFailure } from './failure.ts'
import { listenForInterruption } from './interruption.ts'
import { fileFault } from './private-files.ts'
import { createProgram } from './program.ts'
import { printable, printableJson, withoutTokens } from './redaction.ts'

/** `args`: without the interpreter and the script. Sets `process.exitCode`. */
export async function main(args: readonly string[]): Promise<void> {
  // It would turn off what tells the right server from any other.
  delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
  listenForInterruption()
  const json = args.includes('--json')
  const end = (error: unknown): never => process.exit(report(error, json))
  // Nobody can be told then; the exit code still says how it went.
  process.stderr.on('error', () => undefined)
  // `| head` closed the pipe: it has what it wanted.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.ok.code)
    end(new Failure('failure', `The output cannot be written: ${fileFault(error)}.`))
  })
  process.on('uncaughtException', end)
  process.on('unhandledRejection', end)
  let done = false
  // A command that waits for what never comes, which Node would end with 0.
  process.once('beforeExit', () => {
    if (!done) end(new Failure('failure', 'It ended before it was done.'))
  })
  try {
    await createProgram({ quiet: json }).parseAsync(args, { from: 'user' })
  } catch (error) {
    process.exitCode = report(error, json)
  }
  done = true
}

function report(error: unknown, json: boolean): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.ok.code
    // Without --json, commander has printed what it did not understand, or help.
    if (!json) return exitCodes.usage.code
  }
  const failure =
    error instanceof Failure ? error : error instanceof CommanderError ? misread(error) : unexpected(error)
  const { code } = exitCodes[failure.exit]
  process.stderr.write(json ? `${asJson(failure, code)}\n` : asText(failure))
  return code
}

function misread({ code, message }: CommanderError): Failure {
  const said = code === 'commander.help' ? 'Say which command.' : message.replace(/^error: /, '')
  return usageFailure(said, 'countersign --help lists the commands.')
}

function unexpected(error: unknown): Failure {
  return new Failure(
    'failure',
    `Something unexpected broke: ${error instanceof Error ? error.message : error}`,
    {
      hint: 'This is a fault of the CLI; please report it with the command that you ran.',
      code: 'unexpected',
    },
  )
}

function asJson({ message, hint, code, page, requestId }: Failure, exitCode: number): string {
  const error = { code, message, hint, page, requestId, exitCode }
  return printableJson(withoutTokens(JSON.stringify({ error })))
}

function asText({ message, hint, page, requestId }: Failure): string {
  const lines = [`countersign: ${message}`]
  if (hint !== null) lines.push(`  ${hint}`)
  if (page !== null) lines.push(`  ${page} explains it.`)
  if (requestId !== null) lines.push(`  (request ${requestId})`)
  return `${printable(withoutTokens(lines.join('\n')))}\n`
}

void main(process.argv.slice(2))
