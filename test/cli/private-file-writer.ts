/** A process that writes, for tests that kill it, fill its disk or run several of it. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { basename } from 'node:path'

const [, , directory = '', what, count] = process.argv

if (what === 'name-only') {
  // Tells the temporary file's name, as the product asks the system for it.
  const { openSync } = fs
  fs.openSync = (path, ...rest) => {
    if (String(path).endsWith('.tmp')) console.log(basename(String(path)))
    return openSync(path, ...rest)
  }
  syncBuiltinESMExports()
}

const { readPrivateFile, writePrivateFile } = await import('../../src/cli/private-files.ts')
const { withLock } = await import('../../src/cli/file-lock.ts')
const write = (version: number): void =>
  writePrivateFile(directory, 'credentials.json', JSON.stringify({ version, filler: 'x'.repeat(100_000) }))

if (what === 'forever') {
  write(0)
  console.log('writing')
  await withLock(directory, () => {
    for (let version = 1; ; version += 1) write(version)
  })
} else if (what === 'count') {
  for (let done = 0; done < Number(count); done += 1) {
    await withLock(directory, () => {
      const before = Number(readPrivateFile(directory, 'credentials.json') ?? 0)
      writePrivateFile(directory, 'credentials.json', String(before + 1))
    })
  }
} else {
  write(1)
}
