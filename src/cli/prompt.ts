/** Questions to a person, on stderr, so that stdout stays data. */
import type { Context } from './context.ts'
import { Failure } from './failure.ts'
import { endInterrupted } from './interruption.ts'

/**
 * Asks before something that cannot be taken back. `--yes` answers it; where nobody sits, the command line itself
 * is the decision.
 */
export async function confirm(
  { terminal }: Context,
  question: string,
  { yes = false }: { readonly yes?: boolean },
): Promise<void> {
  if (yes || !terminal.interactive) return
  const answer = await ask(`${question} [y/N] `)
  if (!/^y(es)?$/i.test(answer.trim()))
    throw new Failure('failure', 'Nothing was changed.', { code: 'declined' })
}

async function ask(question: string): Promise<string> {
  const { createInterface } = await import('node:readline')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  return new Promise((resolve) => {
    lines.once('close', () => resolve(''))
    lines.once('SIGINT', () => endInterrupted())
    lines.question(question, (answer) => {
      resolve(answer)
      lines.close()
    })
  })
}

/** A secret that is typed: nothing of it shows on the screen. */
export async function askHidden(question: string): Promise<string> {
  // First, so that what is pasted as soon as the question shows is not echoed.
  process.stdin.setRawMode(true)
  process.stderr.write(question)
  try {
    return await readHidden()
  } finally {
    process.stdin.setRawMode(false)
    process.stdin.pause()
    process.stderr.write('\n')
  }
}

function readHidden(): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const take = (chunk: Buffer): void => {
      for (const character of chunk.toString('utf8')) {
        if (character === '\u0003') endInterrupted()
        if (character === '\r' || character === '\n' || character === '\u0004') {
          process.stdin.removeListener('data', take)
          resolve(text)
          return
        }
        text = character === '\u007f' || character === '\b' ? text.slice(0, -1) : text + character
      }
    }
    process.stdin.on('data', take)
  })
}
