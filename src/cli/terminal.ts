/**
 * What a command says, and where: data on stdout, everything else on stderr. With `--json`, stdout holds JSON and
 * nothing else. Colour only where a person looks (NO_COLOR, TERM=dumb and pipes have none).
 */
import { printable, printableJson, withoutTokens } from './redaction.ts'

type Style = 'strong' | 'quiet' | 'good' | 'bad'
const escapes: Readonly<Record<Style, string>> = { strong: '1', quiet: '2', good: '32', bad: '31' }

export interface TerminalOptions {
  readonly json: boolean
  readonly verbose: boolean
}

export class Terminal {
  readonly json: boolean
  readonly verbose: boolean
  /** A person sits here and can be asked. */
  readonly interactive: boolean
  readonly #colourOut: boolean
  readonly #colourErr: boolean

  constructor({ json, verbose }: TerminalOptions, environment: NodeJS.ProcessEnv = process.env) {
    this.json = json
    this.verbose = verbose
    const plain = Boolean(environment['NO_COLOR']) || environment['TERM'] === 'dumb'
    this.#colourOut = !plain && process.stdout.isTTY === true
    this.#colourErr = !plain && process.stderr.isTTY === true
    this.interactive = process.stdin.isTTY === true && process.stderr.isTTY === true && !isCi(environment)
  }

  /** Whether stdout is read by a person rather than a program. */
  get shown(): boolean {
    return process.stdout.isTTY === true && !this.json
  }

  /** A line of data on stdout. */
  print(text: string): void {
    process.stdout.write(`${this.json ? text : printable(text)}\n`)
  }

  printJson(value: unknown): void {
    process.stdout.write(`${printableJson(JSON.stringify(value, null, process.stdout.isTTY ? 2 : 0))}\n`)
  }

  /** JSON with `--json`, the text otherwise. */
  show(value: unknown, text: () => string): void {
    if (this.json) this.printJson(value)
    else this.print(text())
  }

  /** A line for the person, on stderr. */
  note(text: string): void {
    process.stderr.write(`${printable(withoutTokens(text))}\n`)
  }

  /** A note with `--verbose` only. */
  trace(text: string): void {
    if (this.verbose) this.note(text)
  }

  /** A note unless `--json` was asked for: a program does not need to be told that all went well. */
  remark(text: string): void {
    if (!this.json) this.note(text)
  }

  /** For stdout. */
  paint(style: Style, text: string): string {
    return paint(this.#colourOut, style, text)
  }

  /** For stderr. */
  paintNote(style: Style, text: string): string {
    return paint(this.#colourErr, style, text)
  }
}

function paint(on: boolean, style: Style, text: string): string {
  return on ? `\x1b[${escapes[style]}m${text}\x1b[0m` : text
}

export function isCi(environment: NodeJS.ProcessEnv): boolean {
  return Boolean(environment['CI']) && environment['CI'] !== 'false'
}
