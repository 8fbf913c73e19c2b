/**
 * `npm test`: runs every test runner and prints, as its last line, what passed and failed over all of them.
 * Arguments go to vitest (`npm test -- test/core`).
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Counts {
  readonly passed: number
  readonly failed: number
}

/** All projects of vitest.config.ts. A run that ends badly without naming a test is one failure. */
const runVitest = (args: readonly string[]): Counts => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-test-'))
  const report = join(folder, 'vitest.json')
  try {
    const command = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args]
    const { status } = spawnSync('vitest', command, { stdio: 'inherit', shell: process.platform === 'win32' })
    const { passed, failed } = readReport(report)
    return { passed, failed: status !== 0 && failed === 0 ? 1 : failed }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A file that could not be loaded has no tests of its own to fail, and counts as one. */
const readReport = (file: string): Counts => {
  let report: unknown
  try {
    report = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return { passed: 0, failed: 1 }
  }
  const { numPassedTests = 0, numFailedTests = 0, testResults = [] } = report as VitestReport
  const unloaded = testResults.filter(
    ({ status, assertionResults = [] }) => status === 'failed' && assertionResults.length === 0,
  )
  return { passed: numPassedTests, failed: numFailedTests + unloaded.length }
}

interface VitestReport {
  readonly numPassedTests?: number
  readonly numFailedTests?: number
  readonly testResults?: readonly {
    readonly status?: string
    readonly assertionResults?: readonly unknown[]
  }[]
}

const { passed, failed } = runVitest(process.argv.slice(2))
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
