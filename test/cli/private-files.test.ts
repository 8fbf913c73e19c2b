import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { withLock } from '../../src/cli/file-lock.ts'
import { readPrivateFile, writePrivateFile } from '../../src/cli/private-files.ts'

let home: string
let directory: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'countersign-files-'))
  directory = join(home, '.countersign')
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
const file = () => join(directory, 'credentials.json')

describe('L01: what others could open', () => {
  it('is never made, whatever the umask is', () => {
    const before = process.umask(0)
    try {
      writePrivateFile(directory, 'credentials.json', 'secret')
    } finally {
      process.umask(before)
    }
    expect([mode(directory), mode(file())]).toEqual(['700', '600'])
  })

  it('becomes private when it is written, where it was open before', () => {
    writePrivateFile(directory, 'credentials.json', 'old')
    chmodSync(file(), 0o644)
    writePrivateFile(directory, 'credentials.json', 'new')
    expect(mode(file())).toBe('600')
  })

  it.each([0o644, 0o640, 0o604, 0o660, 0o777])('is not read with mode %o', (bits) => {
    writePrivateFile(directory, 'credentials.json', 'secret')
    chmodSync(file(), bits)
    expect(() => readPrivateFile(directory, 'credentials.json')).toThrow('Others on this machine can open')
  })

  it.each([0o755, 0o777, 0o711])('is neither read nor written in a directory with mode %o', (bits) => {
    writePrivateFile(directory, 'credentials.json', 'secret')
    chmodSync(directory, bits)
    expect(() => readPrivateFile(directory, 'credentials.json')).toThrow('Others on this machine can open')
    expect(() => writePrivateFile(directory, 'credentials.json', 'new')).toThrow('Others on this machine')
    expect(readFileSync(file(), 'utf8')).toBe('secret')
  })
})

describe('L02: symbolic links', () => {
  it('at the file are followed neither on reading nor on writing', () => {
    mkdirSync(directory, { mode: 0o700 })
    const target = join(home, 'target')
    writeFileSync(target, 'untouched', { mode: 0o600 })
    symlinkSync(target, file())
    expect(() => readPrivateFile(directory, 'credentials.json')).toThrow('not a plain file')
    expect(() => writePrivateFile(directory, 'credentials.json', 'secret')).toThrow('not a plain file')
    expect(readFileSync(target, 'utf8')).toBe('untouched')
    expect(readdirSync(directory)).toEqual(['credentials.json'])
  })

  it('at the directory are refused', () => {
    const elsewhere = join(home, 'elsewhere')
    mkdirSync(elsewhere, { mode: 0o700 })
    symlinkSync(elsewhere, directory)
    expect(() => readPrivateFile(directory, 'credentials.json')).toThrow('not a directory of its own')
    expect(() => writePrivateFile(directory, 'credentials.json', 'secret')).toThrow('not a directory')
    expect(readdirSync(elsewhere)).toEqual([])
  })

  it('cannot be laid out for the temporary file, whose name is different each time', () => {
    const names = new Set<string>()
    for (let round = 0; round < 5; round += 1) {
      // A name that is taken ends the write, and the name shows in what is left of the directory.
      chmodSync(home, 0o700)
      writePrivateFile(directory, 'credentials.json', 'x'.repeat(round))
      const trace = execFileSync(process.execPath, [...writer, directory, 'name-only'], { encoding: 'utf8' })
      names.add(trace.trim())
    }
    expect(names.size).toBe(5)
    for (const name of names) expect(name).toMatch(/^\.credentials\.json\.[0-9a-f]{24}\.tmp$/)
  })
})

const writer = ['--no-warnings', resolve('test/cli/private-file-writer.ts')]

describe('L03: a write', () => {
  it('leaves the old or the new file when the process is killed at any moment', async () => {
    const seen = new Set<string>()
    const lane = async (where: string): Promise<void> => {
      for (let round = 0; round < 25; round += 1) {
        const args = [...writer, where, 'forever']
        const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
        // It writes without a pause from its first line on; the kill comes at another point each round.
        await new Promise((resolve) => child.stdout.once('data', resolve))
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 8))
        child.kill('SIGKILL')
        await new Promise((resolve) => child.once('close', resolve))
        const { version, filler } = JSON.parse(readFileSync(join(where, 'credentials.json'), 'utf8'))
        expect(filler).toBe('x'.repeat(100_000))
        seen.add(String(version))
      }
    }
    await Promise.all(['', '-2', '-3', '-4'].map((suffix) => lane(directory + suffix)))
    expect(seen.size).toBeGreaterThan(1)
    await withLock(directory, () => undefined)
    expect(readdirSync(directory)).toEqual(['credentials.json'])
  }, 60_000)

  it('leaves the old file when the disk is full', () => {
    writePrivateFile(directory, 'credentials.json', 'old')
    const script = `trap '' XFSZ; ulimit -f 8; exec "$@"`
    const run = () =>
      execFileSync('bash', ['-c', script, 'bash', process.execPath, ...writer, directory, 'once'], {
        encoding: 'utf8',
        stdio: 'pipe',
      })
    expect(run).toThrow(/cannot be written: the file system takes no more/)
    expect(readFileSync(file(), 'utf8')).toBe('old')
    expect(readdirSync(directory)).toEqual(['credentials.json'])
  })

  it('of two processes at once happens one after the other: no update is lost', async () => {
    const each = 40
    const children = Array.from({ length: 3 }, () =>
      spawn(process.execPath, [...writer, directory, 'count', String(each)], { stdio: 'ignore' }),
    )
    const codes = await Promise.all(children.map((child) => new Promise((end) => child.once('close', end))))
    expect(codes).toEqual([0, 0, 0])
    expect(readFileSync(file(), 'utf8')).toBe(String(3 * each))
    expect(readdirSync(directory)).toEqual(['credentials.json'])
  })

  it('does not wait for a lock whose holder is dead', async () => {
    writePrivateFile(directory, 'credentials.json', 'old')
    const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
    await new Promise((resolve) => child.once('close', resolve))
    writeFileSync(join(directory, 'lock'), `${child.pid} 00\n`)
    expect(await withLock(directory, () => 'done')).toBe('done')
    expect(readdirSync(directory)).toEqual(['credentials.json'])
  })
})
