import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { withLock } from '../../src/cli/file-lock.ts'
import { lockTimes, tokenRequestMillis } from '../../src/cli/limits.ts'

const short = { waitMillis: 5_000, beatMillis: 20, staleMillis: 400 }

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'countersign-lock-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** A lock as a holder left it that many milliseconds ago. */
const leave = (text: string, agoMillis: number): void => {
  const path = join(directory, 'lock')
  const then = new Date(Date.now() - agoMillis)
  writeFileSync(path, text, { mode: 0o600 })
  utimesSync(path, then, then)
}

describe('the lock', () => {
  it('of a holder that takes longer than a lock is stale is not taken from it', async () => {
    const done: string[] = []
    const slow = withLock(
      directory,
      async () => {
        await sleep(3 * short.staleMillis)
        done.push('slow')
      },
      short,
    )
    await withLock(directory, () => done.push('waiting'), short)
    await slow
    expect(done).toEqual(['slow', 'waiting'])
    expect(readdirSync(directory)).toEqual([])
  })

  it('of a process that is gone is taken at once', async () => {
    leave('999999999 0000000000000000\n', 0)
    expect(await withLock(directory, () => 'mine', { ...short, staleMillis: 60_000 })).toBe('mine')
  })

  it('of a holder that is silent is taken, though its process id is somebody’s', async () => {
    leave(`${process.pid} 0000000000000000\n`, short.staleMillis + 1)
    expect(await withLock(directory, () => 'mine', short)).toBe('mine')
  })

  it('of a holder that was heard just now is waited for, and then given up: exit 6', async () => {
    leave(`${process.pid} 0000000000000000\n`, 0)
    const asked = withLock(directory, () => 'mine', { ...short, waitMillis: 50, staleMillis: 60_000 })
    await expect(asked).rejects.toMatchObject({ exit: 'tryAgain' })
  })

  it('is waited for longer than a token request may take, and beats often before it is stale', () => {
    expect(lockTimes.waitMillis).toBeGreaterThan(tokenRequestMillis)
    expect(lockTimes.staleMillis).toBeGreaterThanOrEqual(4 * lockTimes.beatMillis)
  })
})
