import { Argument, type Command } from 'commander'
import { examples, runs } from '../command.ts'

export function declareCompletion(program: Command): void {
  const completion = program
    .command('completion')
    .description('print a script that completes commands and flags in your shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
  runs(completion, (_, __, [shell = '']) => {
    process.stdout.write(shell === 'fish' ? fishScript(program) : bashScript(program, shell))
  })
  examples(completion, [
    'countersign completion bash > ~/.local/share/bash-completion/completions/countersign',
    'source <(countersign completion zsh)',
    'countersign completion fish > ~/.config/fish/completions/countersign.fish',
  ])
}

/** A command by its words (`tokens create`), and what may stand behind them. */
interface Place {
  readonly words: string
  readonly commands: readonly Command[]
  readonly flags: readonly { readonly long: string; readonly description: string }[]
}

function placesOf(command: Command, words: readonly string[], inherited: Place['flags']): readonly Place[] {
  const own = command.options.flatMap(({ long, description }) => (long ? [{ long, description }] : []))
  const flags = [...own, ...inherited]
  return [
    { words: words.join(' '), commands: command.commands, flags },
    ...command.commands.flatMap((inner) => placesOf(inner, [...words, inner.name()], flags)),
  ]
}

const help = { long: '--help', description: 'explain a command' }

function allPlaces(program: Command): readonly Place[] {
  return placesOf(program, [], [help])
}

/** zsh reads bash's completions by a module of its own. */
function bashScript(program: Command, shell: string): string {
  const cases = allPlaces(program).map(({ words, commands, flags }) => {
    const names = [...commands.map((command) => command.name()), ...flags.map(({ long }) => long)]
    return `    '${words}') words='${names.join(' ')}' ;;`
  })
  const head = shell === 'zsh' ? 'autoload -U +X bashcompinit && bashcompinit\n' : ''
  return `${head}_countersign() {
  local current="\${COMP_WORDS[COMP_CWORD]}" place='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${place:+$place }$word" in
      ${allPlaces(program)
        .filter(({ words }) => words !== '')
        .map(({ words }) => `'${words}'`)
        .join('|')}) place="\${place:+$place }$word" ;;
    esac
  done
  case "$place" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}

complete -o default -F _countersign countersign
`
}

function fishScript(program: Command): string {
  return allPlaces(program)
    .flatMap(({ words, commands, flags }) => {
      const condition =
        words === ''
          ? '__fish_use_subcommand'
          : words
              .split(' ')
              .map((word) => `__fish_seen_subcommand_from ${word}`)
              .join('; and ')
      const line = (rest: string, description: string): string =>
        `complete -c countersign -n '${condition}' ${rest} -d '${description.replaceAll("'", "\\'")}'\n`
      return [
        ...commands.map((command) => line(`-f -a ${command.name()}`, command.description())),
        ...flags.map(({ long, description }) => line(`-l ${long.slice(2)}`, description)),
      ]
    })
    .join('')
}
