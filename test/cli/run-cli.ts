/** Runs the CLI as a person's shell would: a real process, its own HOME, and what it wrote and ended with. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export interface Ended {
  /** null: a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  readonly cwd?: string
  /** Called with what stdout and stderr hold so far: to act while the process runs. */
  readonly onOutput?: (text: string) => void
  readonly onStart?: (pid: number) => void
  /** Closes the reading end of stdout after the first piece, as `| head` does. */
  readonly head?: boolean
}

export interface Home {
  readonly path: string
  readonly directory: string
  readonly run: (args: readonly string[], options?: RunOptions) => Promise<Ended>
  /** Text of a file in `.countersign`. */
  readonly read: (name: string) => string
  /** Writes one there, private. */
  readonly write: (name: string, content: object | string) => void
  readonly remove: () => void
}

const bin = resolve('bin/countersign.js')
const endMillis = 20_000

export const makeHome = (): Home => {
  const path = mkdtempSync(join(tmpdir(), 'countersign-cli-'))
  const directory = join(path, '.countersign')
  return {
    path,
    directory,
    run: (args, options = {}) => run(path, args, options),
    read: (name) => readFileSync(join(directory, name), 'utf8'),
    write: (name, content) => {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      const text = typeof content === 'string' ? content : JSON.stringify(content)
      writeFileSync(join(directory, name), text, { mode: 0o600 })
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

/** A profile that is logged in with this token, as `login --token -` leaves it. */
export const loggedIn = (home: Home, url: string, secret: string, profile = 'default'): void => {
  home.write('config.json', { version: 1, current: profile, profiles: { [profile]: { url } } })
  home.write('credentials.json', {
    version: 1,
    credentials: { [profile]: { url, kind: 'token', secret, accessTokens: {} } },
  })
}

const run = (home: string, args: readonly string[], options: RunOptions): Promise<Ended> => {
  const { env = {}, stdin, cwd = home, onOutput, onStart, head = false } = options
  const child = spawn(process.execPath, [bin, ...args], {
    cwd,
    env: { HOME: home, PATH: process.env['PATH'], ...env },
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    timeout: endMillis,
  })
  const { stdout: outStream, stderr: errStream } = child
  if (outStream === null || errStream === null) throw new Error('the child has no pipes')
  let stdout = ''
  let stderr = ''
  outStream.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    onOutput?.(stdout + stderr)
    if (head) outStream.destroy()
  })
  errStream.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    onOutput?.(stdout + stderr)
  })
  if (stdin !== undefined) child.stdin?.end(stdin)
  onStart?.(child.pid ?? 0)
  return new Promise((end, fail) => {
    child.on('error', fail)
    child.on('close', (code) => end({ code, stdout, stderr }))
  })
}
