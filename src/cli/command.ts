/** How every command is declared: what commander parses is handed to one function with a context. */
import type { Command } from 'commander'
import { Context } from './context.ts'
import type { Flags } from './settings.ts'

/** `Options`: what the command's own flags parse to. */
export type Run<Options> = (
  context: Context,
  options: Options,
  args: readonly string[],
) => Promise<void> | void

/** Makes `run` the command's action. Missing arguments arrive as absent members of `args`. */
export function runs<Options extends object>(command: Command, run: Run<Options>): Command {
  return command.action(async () => {
    const context = new Context(command.optsWithGlobals<Flags>(), process.env)
    await run(context, command.opts<Options>(), command.args)
  })
}

/** Declares `list` of `parent`, which is also what `parent` does where no command of its own is named. */
export function lists<Options extends object>(parent: Command, about: string, run: Run<Options>): Command {
  const list = parent.command('list', { isDefault: true }).description(about).allowExcessArguments()
  return runs<Options>(list, (context, options, args) => {
    const [extra] = args
    if (extra === undefined) return run(context, options, args)
    const named = parent.args[0] === list.name()
    parent.error(`error: ${named ? "too many arguments for 'list'" : `unknown command '${extra}'`}`)
  })
}

/** Examples at the end of a command's help; documentation shows them too. */
export function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`)
}

/** For options that may be given several times. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}
