/**
 * Files that only their owner may read: directory 0700, files 0600, replaced as a whole or not at all. What
 * others could have read or put there (open permissions, symbolic links, another owner) is refused, on reading
 * too, since a token in it may be known or not be ours.
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { Failure } from './failure.ts'
import { fileBytesMax } from './limits.ts'

/** Windows keeps rights in lists that these bits do not show; there the profile directory is private already. */
const hasModes = process.platform !== 'win32'
const openToOthers = 0o077

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** Creates the directory when it is missing; throws Failure when somebody else could look into it. */
export function ensurePrivateDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw fileFailure(error, directory, 'created')
  }
  assertPrivateDirectory(directory)
}

/** Throws Failure when neither it nor what it would be made in can be written. Makes nothing. */
export function assertWritable(directory: string): void {
  try {
    accessSync(existsSync(directory) ? directory : dirname(directory), constants.W_OK)
  } catch (error) {
    throw fileFailure(error, directory, 'written')
  }
}

/** False when there is none. */
export function assertPrivateDirectory(directory: string): boolean {
  let stats: Stats | undefined
  try {
    stats = lstatSync(directory, { throwIfNoEntry: false })
  } catch (error) {
    throw fileFailure(error, directory, 'read')
  }
  if (stats === undefined) return false
  if (stats.isSymbolicLink() || !stats.isDirectory()) {
    throw new Failure('failure', `${directory} is not a directory of its own.`, {
      hint: 'Countersign keeps tokens there and follows no links. Put a plain directory in its place.',
    })
  }
  assertOwnAndClosed(stats, directory, 'chmod 700')
  return true
}

function assertOwnAndClosed(stats: Stats, path: string, command: string): void {
  if (!hasModes) return
  if (stats.uid !== process.getuid?.()) {
    throw new Failure('failure', `${path} belongs to another user.`, {
      hint: 'It is not used. Is HOME set to your own home directory?',
    })
  }
  if ((stats.mode & openToOthers) !== 0) {
    throw new Failure('failure', `Others on this machine can open ${path}.`, {
      hint: `Close it with: ${command} ${path}. If that was not on purpose, log out and in again.`,
    })
  }
}

/** The file's text; null when it does not exist. Throws Failure when it is not private. */
export function readPrivateFile(directory: string, name: string): string | null {
  if (!assertPrivateDirectory(directory)) return null
  const path = join(directory, name)
  let file: number
  try {
    // The checks are made on what was opened, so that nothing can be put in its place in between.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    if (errorCode(error) === 'ELOOP') throw linkFailure(path)
    throw fileFailure(error, path, 'read')
  }
  try {
    const stats = fstatSync(file)
    if (!stats.isFile()) throw linkFailure(path)
    assertOwnAndClosed(stats, path, 'chmod 600')
    if (stats.size > fileBytesMax) {
      throw new Failure('failure', `${path} cannot be understood (it is too large).`, {
        hint: 'Move it away, and log in again.',
      })
    }
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}

/**
 * Replaces the file: a new one with a name that nobody can foresee, written, synced, then renamed over the old
 * one. Whatever goes wrong, and whenever the process dies, the old or the new text is there, never a part.
 */
export function writePrivateFile(directory: string, name: string, text: string): void {
  ensurePrivateDirectory(directory)
  const path = join(directory, name)
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) throw linkFailure(path)
  const temporary = join(directory, `.${name}.${randomHex(12)}.tmp`)
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    const file = openSync(temporary, flags, 0o600)
    try {
      if (hasModes) fchmodSync(file, 0o600)
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
  } catch (error) {
    removeQuietly(temporary)
    throw fileFailure(error, path, 'written')
  }
  syncDirectory(directory)
}

/** After it, a power cut cannot bring the old name back. Not every system can; then the rename has to do. */
function syncDirectory(directory: string): void {
  try {
    const handle = openSync(directory, constants.O_RDONLY)
    try {
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
  } catch {
    return
  }
}

/** From the global `crypto`, which costs nothing to a command that writes nothing. */
export function randomHex(bytes: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex')
}

export function removeFile(directory: string, name: string): void {
  removeQuietly(join(directory, name))
}

export function removeQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    return
  }
}

/** Half-written files of processes that were killed: they may hold a token. Call it only under the lock. */
const leftover = /^(?:\.[a-z]+\.json\.[0-9a-f]{24}\.tmp|lock\.[0-9a-f]{16})$/

export function removeLeftovers(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (leftover.test(name)) removeQuietly(join(directory, name))
  }
}

/** For `status`: what is wrong with the file, in words; null when nothing is. */
export function describeFile(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return 'does not exist'
  return hasModes ? `mode ${(stats.mode & 0o777).toString(8).padStart(4, '0')}` : 'exists'
}

function linkFailure(path: string): Failure {
  return new Failure('failure', `${path} is not a plain file.`, {
    hint: 'Countersign follows no links to where tokens are kept. Remove it, then log in again.',
  })
}

const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of the disk is used up',
  EFBIG: 'the file system takes no more',
  EROFS: 'the file system is read-only',
  ENOENT: 'the directory above it does not exist',
  ENOTDIR: 'something above it is not a directory',
}

export function fileFailure(error: unknown, path: string, done: string): Failure {
  if (error instanceof Failure) return error
  return new Failure('failure', `${path} cannot be ${done}: ${fileFault(error)}.`, {
    hint: 'Nothing was changed.',
  })
}

/** What the system has against it, in words. */
export function fileFault(error: unknown): string {
  const code = errorCode(error)
  return words[code] ?? code
}
