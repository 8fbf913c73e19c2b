/**
 * One writer at a time for the files of `~/.countersign`: a lock file that names its holder, who touches it while
 * it holds it. A holder that died is found by its process id, or by its silence where the id is another's by now,
 * so that nobody has to clean up after a crash.
 */
import { linkSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from './failure.ts'
import { type LockTimes, lockTimes } from './limits.ts'
import {
  ensurePrivateDirectory,
  errorCode,
  fileFailure,
  randomHex,
  removeLeftovers,
  removeQuietly,
} from './private-files.ts'

const pauseMillis = 25

export interface Lock {
  /**
   * Changes the files, after a wait, under this lock; or under a new one, where this one was taken from a process
   * that was stopped for too long. What the files hold has to be read in `write`.
   */
  readonly change: <Result>(write: () => Result) => Promise<Result>
}

/** Runs the action while no other process of this user is in such a section. */
export async function withLock<Result>(
  directory: string,
  action: (lock: Lock) => Promise<Result> | Result,
  times: LockTimes = lockTimes,
): Promise<Result> {
  ensurePrivateDirectory(directory)
  const path = join(directory, 'lock')
  const mine = `${process.pid} ${randomHex(8)}\n`
  await acquire(path, mine, times)
  const release = (): void => {
    if (readQuietly(path) === mine) removeQuietly(path)
  }
  process.once('exit', release)
  const beating = setInterval(() => beat(path, mine), times.beatMillis)
  try {
    removeLeftovers(directory)
    return await action({
      change: async (write) => (readQuietly(path) === mine ? write() : withLock(directory, write, times)),
    })
  } finally {
    clearInterval(beating)
    process.removeListener('exit', release)
    release()
  }
}

async function acquire(path: string, mine: string, { waitMillis, staleMillis }: LockTimes): Promise<void> {
  const deadline = Date.now() + waitMillis
  while (!tryCreate(path, mine)) {
    breakStale(path, staleMillis)
    if (Date.now() > deadline) {
      const [holder] = /^\d+/.exec(readQuietly(path) ?? '') ?? []
      const named = holder === undefined ? '' : ` (process ${holder})`
      throw new Failure('tryAgain', `Another countersign${named} has been holding ${path} for a while.`, {
        hint: `Is it stopped? fg lets it go on. If there is no such countersign, remove ${path}.`,
      })
    }
    await sleep(pauseMillis * (0.5 + Math.random()))
  }
}

function beat(path: string, mine: string): void {
  if (readQuietly(path) !== mine) return
  const now = new Date()
  try {
    utimesSync(path, now, now)
  } catch {
    // Taken away in this moment, which release finds out too.
  }
}

function tryCreate(path: string, text: string): boolean {
  // Written under another name first: a lock is never seen without its holder's number in it.
  const draft = `${path}.${randomHex(8)}`
  try {
    writeFileSync(draft, text, { flag: 'wx', mode: 0o600 })
    linkSync(draft, path)
    return true
  } catch (error) {
    // ENOENT: the holder took the draft for one that a killed process left behind.
    if (errorCode(error) === 'EEXIST' || errorCode(error) === 'ENOENT') return false
    throw fileFailure(error, path, 'created')
  } finally {
    removeQuietly(draft)
  }
}

/** Takes a dead holder's lock away; when it was another one by then, it is put back. */
function breakStale(path: string, staleMillis: number): void {
  const seen = readQuietly(path)
  if (seen === null || !isStale(path, seen, staleMillis)) return
  const aside = `${path}.${randomHex(8)}`
  try {
    renameSync(path, aside)
    if (readQuietly(aside) !== seen) linkSync(aside, path)
  } catch {
    return
  } finally {
    removeQuietly(aside)
  }
}

function isStale(path: string, text: string, staleMillis: number): boolean {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return false
  return Date.now() - stats.mtimeMs > staleMillis || !isAlive(Number.parseInt(text, 10))
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}

function readQuietly(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
