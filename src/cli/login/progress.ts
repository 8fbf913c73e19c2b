/** What a person sees while a login waits for them; with `--json`, one JSON object a line on stdout. */
import { printableJson } from '../redaction.ts'
import type { Terminal } from '../terminal.ts'
import type { DeviceGrant } from './device.ts'

export interface Progress {
  /** A page that is about to be opened. */
  readonly open: (page: string) => void
  readonly code: (grant: DeviceGrant) => void
  readonly done: (facts: Readonly<Record<string, unknown>>, said: string) => void
  /** Ends whatever moves on the screen. */
  readonly stop: () => void
}

export function createProgress(terminal: Terminal): Progress {
  const event = (fields: object): void => {
    process.stdout.write(`${printableJson(JSON.stringify(fields))}\n`)
  }
  const spinner = createSpinner(terminal)
  return {
    open: (page) => {
      if (terminal.json) return event({ event: 'open', url: page })
      terminal.note(`Opening your browser. If nothing appears, open this page yourself:\n\n  ${page}\n`)
      spinner.start()
    },
    code: ({ userCode, verificationUri, verificationUriComplete, expiresAt }) => {
      const until = new Date(expiresAt).toISOString()
      if (terminal.json) {
        return event({ event: 'code', userCode, verificationUri, verificationUriComplete, expiresAt: until })
      }
      const code = terminal.paintNote('strong', userCode)
      terminal.note(`Open this page on any device, and enter the code ${code}:\n\n  ${verificationUri}\n`)
      terminal.note('Approve it only if the page shows the same code.')
      spinner.start()
    },
    done: (facts, said) => {
      spinner.stop()
      if (terminal.json) event({ event: 'done', ...facts })
      else terminal.note(said)
    },
    stop: () => spinner.stop(),
  }
}

const frames = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'

function createSpinner({ interactive, json }: Terminal): { start: () => void; stop: () => void } {
  let timer: NodeJS.Timeout | null = null
  return {
    start: () => {
      if (!interactive || json || timer !== null) return
      let at = 0
      timer = setInterval(() => {
        at = (at + 1) % frames.length
        process.stderr.write(`\r${frames.charAt(at)} Waiting for you ...`)
      }, 100)
    },
    stop: () => {
      if (timer === null) return
      clearInterval(timer)
      timer = null
      process.stderr.write('\r\x1b[K')
    },
  }
}
