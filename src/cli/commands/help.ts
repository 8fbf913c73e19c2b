import type { Command } from 'commander'

/** `help` of a command that has others: commander's own explains one word, and nothing where it knows none. */
export function declareHelp(parent: Command): void {
  parent
    .command('help')
    .description('explain a command')
    .argument('[command...]')
    .action((names: readonly string[]) => {
      let command = parent
      for (const name of names) {
        const inner = command.commands.find((each) => each.name() === name)
        command = inner ?? command.error(`error: unknown command '${name}'`)
      }
      command.help()
    })
}
