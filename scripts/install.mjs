// Installs what package-lock.json names when node_modules does not hold exactly that. Plain JavaScript
// for any Node >= 20: it runs before the project's own Node is there.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const stampFile = 'node_modules/.countersign-installed'
const lock = readFileSync('package-lock.json', 'utf8')

const stamp = () => {
  try {
    return readFileSync(stampFile, 'utf8')
  } catch {
    return ''
  }
}

if (stamp() !== lock) {
  console.error('Installing what package-lock.json names (once) ...')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const { status, error } = spawnSync(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (status !== 0) {
    console.error(`npm ci failed${error ? `: ${error.message}` : ''}. Is the npm registry within reach?`)
    process.exit(1)
  }
  writeFileSync(stampFile, lock)
}
