import { spawn } from 'node:child_process'
import { expect, it } from 'vitest'

const stopMillisMax = 40_000

it.skipIf(process.platform === 'win32')(
  'npm start ends at Ctrl-C, which the whole group of processes gets, without a crash of the runtime',
  async () => {
    const child = spawn(process.execPath, ['scripts/start.ts', '--port', '0'], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: stopMillisMax,
      killSignal: 'SIGKILL',
    })
    const { pid = 0, stdout, stderr } = child
    let said = ''
    const hear = (text: string): void => {
      const before = said
      said += text
      if (!before.includes('Ctrl-C stops') && said.includes('Ctrl-C stops')) process.kill(-pid, 'SIGINT')
    }
    stdout.setEncoding('utf8').on('data', hear)
    stderr.setEncoding('utf8').on('data', hear)
    const code = await new Promise((resolve) => child.once('close', resolve))
    expect(code, said).toBe(0)
    expect(said.slice(said.indexOf('Stopping ...'))).toBe('Stopping ...\n')
  },
  stopMillisMax,
)
