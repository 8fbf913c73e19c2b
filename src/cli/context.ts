import { Failure } from './failure.ts'
import { type ActiveCredential, type Flags, resolveSettings, type Settings } from './settings.ts'
import { Terminal } from './terminal.ts'

/** What every command is handed. Files are read only when a command asks for what is in them. */
export class Context {
  readonly flags: Flags
  readonly environment: NodeJS.ProcessEnv
  readonly terminal: Terminal
  #settings: Settings | null = null

  constructor(flags: Flags, environment: NodeJS.ProcessEnv) {
    this.flags = flags
    this.environment = environment
    this.terminal = new Terminal({ json: flags.json ?? false, verbose: flags.verbose ?? false }, environment)
  }

  get settings(): Settings {
    this.#settings ??= resolveSettings(this.flags, this.environment)
    return this.#settings
  }

  get url(): string {
    return this.settings.url.value
  }

  /** Throws Failure `noCredential`. */
  get credential(): ActiveCredential {
    const { credential, absence } = this.settings
    if (credential !== null) return credential
    throw new Failure('noCredential', `There is no credential for ${this.url}.`, { hint: absence })
  }
}
